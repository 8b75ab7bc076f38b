/** COPY: all messages or none (RFC 3501 §6.4.7). MOVE: message by message atomic (RFC 6851 §3.3). */
import type { MboxName, UidRange, UniqueId } from "../../formats/ids.ts";
import {
  type AppendFlags,
  beginHidden,
  type ColdRow,
  copyMessage,
  Flag,
  type HotRow,
  type MessageBox,
  showHidden,
  SYSTEM_FLAGS,
} from "../../store/index.ts";
import { ALL_STANDARD_RIGHTS, Right, type Rights } from "../acl/index.ts";
import { startSlices } from "../mailboxes/verb.ts";
import { quotaExceeded, requireQuota } from "../quota/index.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { expungeSlice } from "./expunge.ts";
import { namesOfUserBits, wantedUserBits } from "./flags.ts";
import { flagMask, hasOwnSeenFlag, messageBox, presentEntry } from "./message-box.ts";
import { changeSeen } from "./seen-state.ts";
import { type CopySource, foreignSource, LocalSource } from "./copy-source.ts";
import { normalRanges, parseUidRanges, rangesOfUids, uidsWithin } from "./uid-ranges.ts";

export interface CopyArgs {
  readonly from: UniqueId;
  readonly uids: readonly UidRange[];
  readonly to: UniqueId;
  readonly ignoreQuota?: boolean;
  /** The shard of the source, where it is not the target's: the target's writer reads it there. */
  readonly sourceShard?: number | undefined;
}

export interface CopyResult {
  readonly uidValidity: number;
  /** Uids copied, and their uids in the target, in the same order. Empty: none of the messages is there. */
  readonly source: readonly UidRange[];
  readonly target: readonly UidRange[];
  /** highestmodseq of the source afterwards. */
  readonly highestModseq: number;
}

const SLICE_ROWS = 500;
/** Of the source. */
export const MOVE_RIGHTS = Right.read | Right.deleteMessage | Right.expunge;

/** Messages whose octets are added up in one slice. */
const SUM_ROWS = 2_000;

export const copy: Verb<CopyArgs, CopyResult> = {
  name: "messages.copy",
  run: (context, args) => startSlices(copySlices(context, args)),
};

function* copySlices(context: VerbContext, args: CopyArgs): Generator<void, CopyResult, void> {
  const copying = prepareCopy(context, args, Right.read);
  const { uids } = copying;
  if (uids.length === 0) return copying.result([], []);
  yield* copying.requireRoom();
  if (uids.length <= context.tx.slice(SLICE_ROWS)) return copyNow(context, copying, uids);
  return yield* copyInSlices(context, copying, context.tx.mailbox(copying.target.mbox).header.lastUid + 1);
}

/** These in one slice; they have just been seen to be there. */
export function copyNow({ tx }: VerbContext, copying: Copying, uids: readonly number[]): CopyResult {
  const first = tx.mailbox(copying.target.mbox).header.lastUid + 1;
  uids.forEach((uid, n) => copying.copyOne(uid, first + n));
  copying.finish();
  return copying.result(
    uids,
    uids.map((_, n) => first + n),
  );
}

function* copyInSlices(context: VerbContext, copying: Copying, first: number): Generator<void, CopyResult, void> {
  const { tx } = context;
  const { uids, target } = copying;
  const last = first + uids.length - 1;
  const sliceRows = tx.slice(SLICE_ROWS);
  const intent = beginHidden(tx, { mbox: target.mbox, first, last });
  const copied: number[] = [];
  const placed: number[] = [];
  for (let n = 0; n < uids.length; n++) {
    if (n > 0 && n % sliceRows === 0) {
      // The target is ours, so the source is not waited for: whoever holds it may be waiting for us.
      yield;
      copying.lookAgain();
    }
    if (!copying.copyOne(uids[n]!, first + n)) continue;
    copied.push(uids[n]!);
    placed.push(first + n);
  }
  showHidden(tx, intent, target.mbox, last);
  copying.finish();
  return copying.result(copied, placed);
}

export const move: Verb<CopyArgs, CopyResult> = {
  name: "messages.move",
  run: (context, args) => startSlices(moveSlices(context, args)),
};

function* moveSlices(context: VerbContext, args: CopyArgs): Generator<void, CopyResult, void> {
  const copying = prepareCopy(context, args, MOVE_RIGHTS);
  if (copying.uids.length === 0) return copying.result([], []);
  yield* copying.requireRoom();
  return yield* moveInSlices(context, copying);
}

function* moveInSlices(context: VerbContext, copying: Copying): Generator<void, CopyResult, void> {
  const { tx } = context;
  const { uids } = copying;
  const moved: number[] = [];
  const placed: number[] = [];
  const sliceRows = tx.slice(SLICE_ROWS);
  for (let n = 0; n < uids.length; n += sliceRows) {
    if (n > 0) {
      do yield;
      while (tx.isBusy(copying.source.mbox) || tx.isBusy(copying.target.mbox));
      copying.lookAgain();
    }
    const { source, target } = copying;
    // Another session may have expunged or moved some of them between slices: what is gone is not moved twice.
    const live = uids.slice(n, n + sliceRows).filter((uid) => copying.isLive(uid));
    const first = tx.mailbox(target.mbox).header.lastUid + 1;
    live.forEach((uid, k) => copying.copyOne(uid, first + k));
    for (let k = 0; k < live.length; k++) placed.push(first + k);
    const gone: number[] = [];
    const ranges = rangesOfUids(live);
    for (let from: number | undefined = 1; from !== undefined; )
      from = expungeSlice(context, source, ranges, from, 0, gone);
    for (const uid of live) moved.push(uid);
  }
  copying.finish();
  return copying.result(moved, placed);
}

/**
 * Checks everything but whether there is room, with the rights the caller needs on the source.
 * @param whose "servers": the server moves messages by itself, and no rights are asked for
 * @param most so many of the messages, the first ones that are there
 */
export function prepareCopy(
  context: VerbContext,
  args: CopyArgs,
  sourceRights: Rights,
  { whose = "callers", most = Number.MAX_SAFE_INTEGER }: { whose?: "callers" | "servers"; most?: number } = {},
): Copying {
  const { tx } = context;
  const isCallers = whose === "callers";
  const source = sourceOf(context, args, isCallers ? sourceRights : 0);
  const { box: target, rights: given } = messageBox(context, args.to, isCallers ? Right.insert : 0);
  const rights = isCallers ? given : ALL_STANDARD_RIGHTS;
  const live = source.live(normalRanges(args.uids), most);
  const root = tx.quotaRoot(target.name);
  const sameRoot = args.sourceShard === undefined && root === tx.quotaRoot(source.box.name);
  const isFree = args.ignoreQuota || (sameRoot && (sourceRights & Right.expunge) !== 0);
  return new Copying(context, source, target, rights, live, isFree ? undefined : root);
}

function sourceOf(context: VerbContext, { from, sourceShard }: CopyArgs, rights: Rights): CopySource {
  if (sourceShard !== undefined) return foreignSource(context, sourceShard, from, rights);
  const { box } = messageBox(context, from, rights);
  context.tx.mailbox(box.mbox);
  return new LocalSource(context, box);
}

export class Copying {
  readonly uids: readonly number[];
  target: MessageBox;
  private reading: CopySource;
  private readonly context: VerbContext;
  /** The quota root that must have room. */
  private readonly root: MboxName | undefined;
  private readonly mask: number;
  private readonly keepsKeywords: boolean;
  private readonly sourceOwnSeen: boolean;
  private readonly targetOwnSeen: boolean;
  private readonly seenInSource: ReadonlySet<number>;
  private readonly seenInTarget: number[] = [];
  private readonly keywordBits = new Map<string, AppendFlags["user"]>();

  constructor(
    context: VerbContext,
    source: CopySource,
    target: MessageBox,
    rights: Rights,
    uids: readonly number[],
    root: MboxName | undefined,
  ) {
    this.context = context;
    this.root = root;
    this.reading = source;
    this.target = target;
    this.uids = uids;
    this.mask = flagMask(rights);
    this.keepsKeywords = (rights & Right.write) !== 0;
    const { tx, access, caller } = context;
    this.sourceOwnSeen = hasOwnSeenFlag(access, source.box, source.header);
    this.targetOwnSeen = hasOwnSeenFlag(access, target, tx.mailbox(target.mbox).header);
    const ranges = this.sourceOwnSeen || !caller.userId ? [] : parseUidRanges(source.seen(caller.userId));
    this.seenInSource = new Set(uidsWithin(uids, ranges));
  }

  get source(): MessageBox {
    return this.reading.box;
  }

  /**
   * Whether the target's quota root has room for the messages. Only where it may not have it for all of the source are they looked at one by one, in slices.
   * @throws MailError overQuota; as `lookAgain`
   */
  *requireRoom(): Generator<void, void, void> {
    const { tx } = this.context;
    const { uids, root } = this;
    const quota = root === undefined ? undefined : tx.quota(root);
    if (root === undefined || !quota) return;
    const { sizeOctets, exists } = this.reading.header;
    const all = { octets: sizeOctets, messages: uids.length };
    if (quotaExceeded(quota, all) === undefined) return;
    if (uids.length === exists) requireQuota(quota, all);
    const atOnce = tx.slice(SUM_ROWS);
    let octets = 0;
    for (const [n, uid] of uids.entries()) {
      if (n > 0 && n % atOnce === 0) {
        do yield;
        while (tx.isBusy(this.source.mbox) || tx.isBusy(this.target.mbox));
        this.lookAgain();
      }
      octets += this.reading.coldRow(uid)?.sizeOctets ?? 0;
    }
    requireQuota(tx.quota(root), { octets, messages: uids.length });
  }

  /** Between slices mailboxes may have got another name or partition. @throws MailError mailboxNonexistent */
  lookAgain(): void {
    this.reading = this.reading.again();
    this.target = presentEntry(this.context, this.target);
  }

  isLive(uid: number): boolean {
    const row = this.reading.hotRow(uid);
    return row !== undefined && (row.flags & Flag.expunged) === 0;
  }

  /** False, and nothing done: the message has gone since, and its file may go with it. */
  copyOne(uid: number, targetUid: number): boolean {
    const { tx } = this.context;
    if (!this.reading.keepsFiles && !this.isLive(uid)) return false;
    const hot = this.reading.hotRow(uid);
    const cold = this.reading.coldRow(uid);
    if (!hot || !cold) throw new Error(`uid ${uid} of ${this.source.uniqueId} has no row`);
    const flags = this.flagsOf(hot, targetUid);
    copyMessage(tx, this.source, copied(cold), this.target, targetUid, flags);
    return true;
  }

  /** Writes the caller's seen set of the target. */
  finish(): void {
    if (this.seenInTarget.length > 0) changeSeen(this.context, this.target, "add", rangesOfUids(this.seenInTarget));
  }

  /** @param uids copied, each with its uid in the target */
  result(uids: readonly number[], placed: readonly number[]): CopyResult {
    const { tx } = this.context;
    return {
      uidValidity: tx.mailbox(this.target.mbox).header.uidValidity,
      source: rangesOfUids(uids),
      target: rangesOfUids(placed),
      highestModseq: this.reading.highestModseq(),
    };
  }

  private flagsOf(hot: HotRow, targetUid: number): AppendFlags {
    const seen = this.sourceOwnSeen ? (hot.flags & Flag.seen) !== 0 : this.seenInSource.has(hot.uid);
    let system = hot.flags & SYSTEM_FLAGS & this.mask & ~Flag.seen;
    if (seen && this.mask & Flag.seen) {
      if (this.targetOwnSeen) system |= Flag.seen;
      else this.seenInTarget.push(targetUid);
    }
    return { system, user: this.keepsKeywords ? this.userBits(hot.user) : [0, 0, 0, 0] };
  }

  /** Bits of the same keywords in the target's flag table. */
  private userBits(bits: HotRow["user"]): AppendFlags["user"] {
    if (bits.every((word) => word === 0)) return [0, 0, 0, 0];
    const key = bits.join();
    let mapped = this.keywordBits.get(key);
    if (!mapped) {
      const { tx } = this.context;
      const names = namesOfUserBits(this.reading.header.flagNames, bits);
      mapped = wantedUserBits(this.context, tx.mailbox(this.target.mbox), names);
      this.keywordBits.set(key, mapped);
    }
    return mapped;
  }
}

/** A row that outlives the block it was read from. */
function copied(cold: ColdRow): ColdRow {
  return { ...cold, guid: Buffer.from(cold.guid) };
}
