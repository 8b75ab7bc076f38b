/** Flags of a command line, as getopt(3) reads them: `-C file`, `-Cfile`, `-vq`, `--` ends them; words may stand between. */

export interface Flags {
  /** By letter, in the order given; "" for flags without an argument. A flag given twice has two entries. */
  readonly given: readonly { readonly letter: string; readonly value: string }[];
  /** The last value of a flag. */
  last(letter: string): string | undefined;
  readonly words: readonly string[];
}

/** A flag that does not exist or lacks its argument. The message is getopt's, without the program's name. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/** @param spec letters, each followed by `:` when it takes an argument: "C:M:v" @throws FlagError */
export function getopt(argv: readonly string[], spec: string): Flags {
  const given: { letter: string; value: string }[] = [];
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === "--") {
      words.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const known = /[A-Za-z0-9]/.test(letter) ? spec.indexOf(letter) : -1;
      if (known < 0) throw new FlagError(`invalid option -- '${letter}'`);
      if (spec[known + 1] !== ":") {
        given.push({ letter, value: "" });
        continue;
      }
      const value = at + 1 < word.length ? word.slice(at + 1) : argv[++index];
      if (value === undefined) throw new FlagError(`option requires an argument -- '${letter}'`);
      given.push({ letter, value });
      break;
    }
  }
  return { given, words, last: (letter) => given.findLast((flag) => flag.letter === letter)?.value };
}
