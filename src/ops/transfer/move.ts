/**
 * MOVE to a mailbox of another shard, a portion at a time: the target's shard takes copies and writes down which messages are to go, the source's shard
 * expunges exactly these, the target's shard forgets about it. Each step may be done twice: uids are never used again.
 */
import { randomBytes } from "node:crypto";
import type { UidRange, UniqueId } from "../../formats/ids.ts";
import { type CopyArgs, type CopyResult, copyNow, MOVE_RIGHTS, prepareCopy } from "../messages/copy.ts";
import { startSlices } from "../mailboxes/verb.ts";
import { expungeSlice } from "../messages/expunge.ts";
import { messageBox } from "../messages/message-box.ts";
import { normalRanges } from "../messages/uid-ranges.ts";
import type { Verb, VerbContext } from "../verb.ts";
import type { IdArgs } from "./begin.ts";
import { dropRecord, writeRecord } from "./records.ts";

export interface TakeArgs extends CopyArgs {
  readonly sourceShard: number;
  /** The server moves them by itself: no rights are asked for. */
  readonly byServer?: boolean | undefined;
  /** An earlier portion, whose messages have gone from the source. */
  readonly moved?: string | undefined;
}

export interface TakeResult extends CopyResult {
  /** Names the portion; undefined: none of the messages is there. */
  readonly id: string | undefined;
  /** Where those still to be moved are. */
  readonly rest: readonly UidRange[];
}

const PORTION_ROWS = 500;

/** Of the target's shard: copies a portion of the messages that are there. */
export const take: Verb<TakeArgs, TakeResult> = {
  name: "transfer.take",
  run: (context, args) => startSlices(takeSlices(context, args)),
};

function* takeSlices(context: VerbContext, args: TakeArgs): Generator<void, TakeResult, void> {
  const { tx, caller } = context;
  const portion = tx.slice(PORTION_ROWS);
  // When the work begins there must be room for all of it; later each portion is looked at by itself.
  const isFirst = args.moved === undefined;
  if (args.moved !== undefined) dropRecord(tx, "transfer.move", args.moved);
  const whose = args.byServer ? "servers" : "callers";
  const copying = prepareCopy(context, args, MOVE_RIGHTS, isFirst ? { whose } : { whose, most: portion });
  yield* copying.requireRoom();
  const { uids } = copying;
  const taken = uids.slice(0, portion).filter((uid) => copying.isLive(uid));
  const result = copyNow(context, copying, taken);
  const rest = uids.length < portion ? [] : behind(normalRanges(args.uids), uids[portion - 1]!);
  if (result.source.length === 0) return { ...result, id: undefined, rest };
  const id = randomBytes(12).toString("hex");
  const { from } = args;
  writeRecord(tx, { kind: "transfer.move", id, at: tx.now, from, uids: result.source, caller });
  return { ...result, id, rest };
}

/** What is in the ranges above a uid. */
function behind(ranges: readonly UidRange[], uid: number): UidRange[] {
  return ranges.filter(({ last }) => last > uid).map(({ first, last }) => ({ first: Math.max(first, uid + 1), last }));
}

export interface ReleaseArgs {
  readonly box: UniqueId;
  readonly uids: readonly UidRange[];
}

/** Of the source's shard: expunges what another shard has taken. The rights have been checked when it was. Returns highestmodseq. */
export const release: Verb<ReleaseArgs, number> = {
  name: "transfer.release",
  run(context, args) {
    const { box } = messageBox(context, args.box, 0);
    const uids = normalRanges(args.uids);
    for (let from: number | undefined = 1; from !== undefined; ) from = expungeSlice(context, box, uids, from, 0, []);
    return context.tx.mailbox(box.mbox).header.highestModseq;
  },
};

/** Of the target's shard: the messages of this portion have gone from their source. */
export const moved: Verb<IdArgs, void> = {
  name: "transfer.moved",
  run: ({ tx }, { id }) => dropRecord(tx, "transfer.move", id),
};
