/** SELECT and EXAMINE arguments (RFC 3501 §6.3.1, RFC 4466 §2.3, RFC 7162 §3.1.8 and §3.2.5). */
import type { Arguments } from "./arguments.ts";
import { printable } from "./flags.ts";
import { MAX_NUMBER } from "./limits.ts";
import type { SequenceSet } from "./sequence-set.ts";

export interface SelectArguments {
  readonly mailbox: string;
  readonly condstore: boolean;
  readonly qresync: QresyncParameters | undefined;
}

export interface QresyncParameters {
  readonly uidvalidity: number;
  readonly modseq: number;
  readonly knownUids: SequenceSet | undefined;
  readonly matchSeqnos: SequenceSet | undefined;
  readonly matchUids: SequenceSet | undefined;
}

/** select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"] */
export function parseSelect(args: Arguments): SelectArguments {
  args.space();
  const mailbox = args.mailbox();
  let condstore = false;
  let qresync: QresyncParameters | undefined;
  if (args.optionalSpace()) {
    const message = `Invalid modifier list in ${args.name}`;
    const one = (): void => {
      const word = args.atom(message).toUpperCase();
      if (word === "CONDSTORE") condstore = true;
      else if (word === "QRESYNC") qresync = readQresync(args);
      else args.fail(`Invalid ${args.name} modifier ${printable(word)}`);
    };
    args.list(one, 100, message);
  }
  args.end();
  return { mailbox, condstore, qresync };
}

/** "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP "(" seqnos SP uids ")"] ")" */
function readQresync(args: Arguments): QresyncParameters {
  const bad = `Invalid QRESYNC parameter list in ${args.name}`;
  args.space();
  if (!args.open()) args.fail(bad);
  const uidvalidity = args.number(bad);
  if (!args.optionalSpace()) args.fail(bad);
  const modseq = args.number64(bad);
  let knownUids: SequenceSet | undefined;
  let matchSeqnos: SequenceSet | undefined;
  let matchUids: SequenceSet | undefined;
  if (args.peek().kind === "space" && args.peekNext().kind === "atom") {
    args.take();
    knownUids = args.sequenceSet(bad);
    // RFC 7162 §7: known-uids = sequence-set without "*".
    if (knownUids.hasStar) args.fail(bad);
  }
  if (args.optionalSpace()) {
    if (!args.open()) args.fail(bad);
    matchSeqnos = args.sequenceSet(bad);
    if (!args.optionalSpace()) args.fail(bad);
    matchUids = args.sequenceSet(bad);
    if (!args.close() || matchSeqnos.hasStar || matchUids.hasStar) args.fail(bad);
  }
  if (!args.close() || uidvalidity === 0 || uidvalidity > MAX_NUMBER) args.fail(bad);
  return { uidvalidity, modseq, knownUids, matchSeqnos, matchUids };
}
