/** EXPUNGE and UID EXPUNGE: turns messages with \Deleted into tombstones (RFC 3501 §6.4.3, RFC 4315 §2.1). */
import type { UidRange, UniqueId } from "../../formats/ids.ts";
import { Flag, type MessageBox } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { messageBox, presentEntry } from "./message-box.ts";
import { normalRanges, rangesOfUids } from "./uid-ranges.ts";

export interface ExpungeArgs {
  readonly box: UniqueId;
  /** Only these; undefined: all. */
  readonly uids?: readonly UidRange[];
}

export interface ExpungeResult {
  readonly expunged: readonly UidRange[];
  readonly highestModseq: number;
}

const SLICE_ROWS = 1_000;
/** With `expunge_mode: immediate` files stay so long for sessions that still have the message in view, in seconds. */
const GRACE_SECONDS = 3_600;
const ALL: readonly UidRange[] = [{ first: 1, last: 0xffffffff }];

export const expunge: Verb<ExpungeArgs, ExpungeResult> = {
  name: "messages.expunge",
  run(context, args) {
    const { box } = messageBox(context, args.box, Right.expunge);
    return slices(context, box, args.uids ? normalRanges(args.uids) : ALL);
  },
};

function* slices(
  context: VerbContext,
  asked: MessageBox,
  uids: readonly UidRange[],
): Generator<void, ExpungeResult, void> {
  let box = asked;
  const gone: number[] = [];
  for (let next: number | undefined = 1; next !== undefined; ) {
    if (next !== 1) {
      do yield;
      while (context.tx.isBusy(box.mbox));
      box = presentEntry(context, box);
    }
    next = expungeSlice(context, box, uids, next, Flag.deleted, gone);
  }
  const { header } = context.tx.mailbox(box.mbox);
  return { expunged: rangesOfUids(gone), highestModseq: header.highestModseq };
}

/** One slice: at most SLICE_ROWS rows looked at. `gone` collects the uids. Returns where to go on. Shared with MOVE. */
export function expungeSlice(
  context: VerbContext,
  box: MessageBox,
  uids: readonly UidRange[],
  from: number,
  required: number,
  gone: number[],
): number | undefined {
  const { tx, rules } = context;
  const writer = tx.mailbox(box.mbox);
  if (required === Flag.deleted && writer.header.deleted === 0) return undefined;
  const before = gone.length;
  const { next } = writer.expunge(uids, from, tx.slice(SLICE_ROWS), required, gone);
  for (const uid of gone.slice(before)) {
    if (rules.config.expunge_mode === "immediate") tx.doom(box.uniqueId, box.partition, uid, tx.now + GRACE_SECONDS);
    context.audit("expunge", { mailbox: box.name, uniqueid: box.uniqueId, uid, modseq: writer.header.highestModseq });
  }
  return next;
}
