/** cyr_master's command line. */

export interface MasterOptions {
  /** `-C`: imapd.conf for master itself; children get their own from their `cmd=`. */
  readonly imapdConf: string | undefined;
  /** `-M` */
  readonly cyrusConf: string | undefined;
  /** `-p` */
  readonly pidFile: string;
  /** `-d`: into the background. */
  readonly daemon: boolean;
  /** `-D`: standard descriptors stay as they are. */
  readonly keepOutput: boolean;
  /** `-L`: standard output and error are appended to this file. */
  readonly outputFile: string | undefined;
  /** `-l` */
  readonly backlog: number;
  /** `-j`: accepted; nothing here is swept that often. */
  readonly janitorFrequency: number;
  /** Number of `-v`. */
  readonly verbose: number;
  /** `-V`: print the version and end. */
  readonly version: boolean;
}

export const defaultPidFile = "/var/run/cyrus-master.pid";
export const defaultBacklog = 32;

/** @throws OptionError */
export class OptionError extends Error {
  override name = "OptionError";
}

/**
 * Flags in getopt's manner: `-dl 10`, `-l10`. Unknown ones are ignored, as by Cyrus.
 * @throws OptionError for values that cannot be
 */
export function parseMasterOptions(argv: readonly string[]): MasterOptions {
  const withArgument = "CMpLlj";
  const values = new Map<string, string>();
  let verbose = 0;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--" || !word.startsWith("-") || word === "-") break;
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      if (letter === "v") verbose++;
      if (!withArgument.includes(letter)) {
        values.set(letter, "");
        continue;
      }
      const value = word.slice(at + 1) || argv[++i];
      if (value === undefined) throw new OptionError(`option requires an argument -- '${letter}'`);
      values.set(letter, value);
      break;
    }
  }
  if (values.has("d") && values.has("D")) throw new OptionError("Unable to be both debug and daemon mode");
  return {
    imapdConf: values.get("C"),
    cyrusConf: values.get("M"),
    pidFile: values.get("p") ?? defaultPidFile,
    daemon: values.has("d"),
    keepOutput: values.has("D"),
    outputFile: values.get("L"),
    backlog: positive(values, "l", defaultBacklog),
    janitorFrequency: positive(values, "j", 1),
    verbose,
    version: values.has("V"),
  };
}

function positive(values: ReadonlyMap<string, string>, letter: string, fallback: number): number {
  const text = values.get(letter);
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) {
    throw new OptionError(`option -${letter} needs a number of at least 1, not "${text}"`);
  }
  return Number(text);
}
