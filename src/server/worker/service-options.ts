/** Wrong flags: the text goes to stderr and the program ends with 64. */
export class UsageError extends Error {
  override name = "UsageError";
}

export interface ServiceOptions {
  /** `-C`: another imapd.conf. */
  readonly configFile: string | undefined;
  /** `-D`: run `debug_command` first. */
  readonly debug: boolean;
  /** `-X`: one session on stdin and stdout, without master. */
  readonly standalone: boolean;
  /** `-H`: every connection begins with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** `-U` and `-T` were given: accepted, without effect, because a worker serves many sessions and does not wear out. */
  readonly hasNoEffect: readonly string[];
  /** The program's own flags by letter; "" for those without an argument. */
  readonly flags: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/**
 * Flags of a service program: the generic ones, then its own.
 * @param argv without the interpreter and the program
 * @param ownFlags letters as in getopt(3), a colon after those that take an argument: `"sp:Nq"`
 * @throws UsageError
 */
export function parseServiceOptions(argv: readonly string[], ownFlags: string): ServiceOptions {
  const takesArgument = flagTable(`C:U:T:DXH${ownFlags}`);
  const flags = new Map<string, string>();
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    const letter = word.slice(1, 2);
    const wantsArgument = takesArgument.get(letter);
    if (wantsArgument === undefined) throw new UsageError(`invalid option -- '${letter}'`);
    if (!wantsArgument) {
      for (const each of word.slice(1)) {
        if (takesArgument.get(each) !== false) throw new UsageError(`invalid option -- '${each}' in ${word}`);
        flags.set(each, "");
      }
      continue;
    }
    // Cyrus insists: `-U30` is an error for every service.
    if (word.length > 2) throw new UsageError("options and arguments MUST be separated by whitespace");
    const argument = argv[++at];
    if (argument === undefined) throw new UsageError(`option requires an argument -- '${letter}'`);
    flags.set(letter, argument);
  }
  for (const letter of ["U", "T"]) {
    const text = flags.get(letter);
    if (text !== undefined && !/^\d+$/.test(text))
      throw new UsageError(`option -${letter} needs a number, not "${text}"`);
  }
  return {
    configFile: flags.get("C"),
    debug: flags.has("D"),
    standalone: flags.has("X"),
    proxyProtocol: flags.has("H"),
    hasNoEffect: ["U", "T"].filter((letter) => flags.has(letter)),
    flags: new Map([...flags].filter(([letter]) => !"CUTDXH".includes(letter))),
    rest: argv.slice(at),
  };
}

function flagTable(letters: string): Map<string, boolean> {
  const table = new Map<string, boolean>();
  for (let i = 0; i < letters.length; i++) {
    if (letters[i] !== ":") table.set(letters[i]!, letters[i + 1] === ":");
  }
  return table;
}
