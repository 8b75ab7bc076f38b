/** STORE and UID STORE arguments (RFC 3501 §6.4.6, RFC 7162 §3.1.3). */
import type { Arguments } from "./arguments.ts";
import { type FlagSet, printable, storeFlags } from "./flags.ts";
import { MAX_NUMBER } from "./limits.ts";
import type { SequenceSet } from "./sequence-set.ts";

export interface StoreArguments {
  readonly set: SequenceSet;
  readonly change: "replace" | "add" | "remove";
  /** `.SILENT`: no FETCH answers for what the client asked for itself. */
  readonly silent: boolean;
  readonly flags: FlagSet;
  /** Only messages whose modseq is not above this. */
  readonly unchangedSince: number | undefined;
}

/** store = "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP n ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP flags */
export function parseStore(args: Arguments): StoreArguments {
  args.space();
  const set = args.sequenceSet();
  args.space();
  let unchangedSince: number | undefined;
  if (args.peek().kind === "open") {
    const one = (): void => {
      const word = args.atom(`Invalid ${args.name} modifier`).toUpperCase();
      if (word !== "UNCHANGEDSINCE") args.fail(`Invalid ${args.name} modifier ${printable(word)}`);
      args.space();
      unchangedSince = args.number64(`Invalid argument to UNCHANGEDSINCE in ${args.name}`);
    };
    args.list(one, MAX_NUMBER, `Missing close parenthesis in ${args.name}`);
    args.space();
  }
  const operation = args.atom().toUpperCase();
  const sign = operation[0];
  const name = sign === "+" || sign === "-" ? operation.slice(1) : operation;
  if (name !== "FLAGS" && name !== "FLAGS.SILENT") args.fail(`Invalid ${args.name} attribute`);
  const change = sign === "+" ? "add" : sign === "-" ? "remove" : "replace";
  args.space();
  const flags = storeFlags(args);
  args.end();
  return { set, change, silent: name === "FLAGS.SILENT", flags, unchangedSince };
}
