/** Flags and keywords (RFC 3501 §2.3.2), read and written. */
import type { Arguments } from "./arguments.ts";
import { MAX_FLAGS } from "./limits.ts";
import { isAtom } from "./octet-class.ts";

/** In the order in which Cyrus lists them. `\Recent` is no flag that a client can set. */
export const systemFlags = ["\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "\\Seen"] as const;
export type SystemFlag = (typeof systemFlags)[number];

const canonical = new Map<string, SystemFlag>(systemFlags.map((flag) => [flag.toLowerCase(), flag]));

/** Flags without duplicates. */
export interface FlagSet {
  readonly system: ReadonlySet<SystemFlag>;
  /** As typed; one that differs from another only in case is the same keyword and kept once. */
  readonly keywords: readonly string[];
}

/** The system flag of this name, in any case. */
export function systemFlag(name: string): SystemFlag | undefined {
  return canonical.get(name.toLowerCase());
}

/** keyword = atom (without "\"). */
export function isKeyword(name: string): boolean {
  return isAtom(name);
}

/** Collects flags; errors by the texts of the command that reads them. */
class FlagCollector {
  readonly system = new Set<SystemFlag>();
  readonly #keywords = new Map<string, string>();

  add(name: string): boolean {
    const flag = systemFlag(name);
    if (flag !== undefined) this.system.add(flag);
    else if (isKeyword(name)) {
      const key = name.toLowerCase();
      if (!this.#keywords.has(key)) this.#keywords.set(key, name);
    } else return false;
    return true;
  }

  get keywords(): string[] {
    return [...this.#keywords.values()];
  }
}

/** flag-list = "(" [flag *(SP flag)] ")" of APPEND; `\Recent` and unknown system flags are errors. */
export function appendFlags(args: Arguments): FlagSet {
  const message = `Invalid flag in ${args.name} command`;
  const flags = new FlagCollector();
  args.list(
    () => {
      if (!flags.add(args.atom(message))) args.fail(message);
    },
    MAX_FLAGS,
    message,
  );
  return { system: flags.system, keywords: flags.keywords };
}

/** store-att-flags' flags: flag-list / (flag *(SP flag)). */
export function storeFlags(args: Arguments): FlagSet {
  const flags = new FlagCollector();
  const one = (): void => {
    const name = args.atom(`Missing required argument to ${args.name}`);
    if (flags.add(name)) return;
    if (name.startsWith("\\")) args.fail(`Invalid system flag in ${args.name} command`);
    args.fail(`Invalid flag name ${printable(name)} in ${args.name} command`);
  };
  if (args.peek().kind === "open") args.list(one, MAX_FLAGS, `Missing close parenthesis in ${args.name}`);
  else {
    let count = 0;
    do {
      if (++count > MAX_FLAGS) args.fail(`Too many flags in ${args.name}`);
      one();
    } while (args.optionalSpace());
  }
  return { system: flags.system, keywords: flags.keywords };
}

/** A word of the client's in an error text: at most 64 characters, nothing but printable ASCII. */
export function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, "?");
}
