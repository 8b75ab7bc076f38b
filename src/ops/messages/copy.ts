/** COPY: all messages or none (RFC 3501 §6.4.7). MOVE: message by message atomic (RFC 6851 §3.3). */
import type { UidRange, UniqueId } from "../../formats/ids.ts";
import {
  type AppendFlags,
  beginHidden,
  type ColdRow,
  copyMessage,
  Flag,
  type HotRow,
  type MessageBox,
  readSeen,
  showHidden,
  SYSTEM_FLAGS,
} from "../../store/index.ts";
import { Right, type Rights } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { requireQuota } from "../quota/index.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { expungeSlice } from "./expunge.ts";
import { namesOfUserBits, wantedUserBits } from "./flags.ts";
import { flagMask, hasOwnSeenFlag, messageBox, presentEntry } from "./message-box.ts";
import { changeSeen } from "./seen-state.ts";
import { normalRanges, parseUidRanges, rangesOfUids } from "./uid-ranges.ts";

export interface CopyArgs {
  readonly from: UniqueId;
  readonly uids: readonly UidRange[];
  readonly to: UniqueId;
  readonly ignoreQuota?: boolean;
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

export const copy: Verb<CopyArgs, CopyResult> = {
  name: "messages.copy",
  run(context, args) {
    const copying = prepare(context, args, Right.read);
    const { uids, target } = copying;
    if (uids.length === 0) return copying.result([]);
    if (uids.length <= context.tx.slice(SLICE_ROWS)) {
      const first = context.tx.mailbox(target.mbox).header.lastUid + 1;
      uids.forEach((uid, n) => copying.copyOne(uid, first + n));
      copying.finish();
      return copying.result(uids, first);
    }
    return copyInSlices(context, copying);
  },
};

function* copyInSlices(context: VerbContext, copying: Copying): Generator<void, CopyResult, void> {
  const { tx } = context;
  const { uids, target } = copying;
  const first = tx.mailbox(target.mbox).header.lastUid + 1;
  const last = first + uids.length - 1;
  const sliceRows = tx.slice(SLICE_ROWS);
  const intent = beginHidden(tx, { mbox: target.mbox, first, last });
  for (let n = 0; n < uids.length; n++) {
    if (n > 0 && n % sliceRows === 0) {
      // The target is ours, so the source is not waited for: whoever holds it may be waiting for us.
      yield;
      copying.lookAgain();
    }
    copying.copyOne(uids[n]!, first + n);
  }
  showHidden(tx, intent, target.mbox, last);
  copying.finish();
  return copying.result(uids, first);
}

export const move: Verb<CopyArgs, CopyResult> = {
  name: "messages.move",
  run(context, args) {
    const copying = prepare(context, args, Right.read | Right.deleteMessage | Right.expunge);
    if (copying.uids.length === 0) return copying.result([]);
    return moveInSlices(context, copying);
  },
};

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
  return { ...copying.result(moved), target: rangesOfUids(placed) };
}

function prepare(context: VerbContext, { from, uids, to, ignoreQuota }: CopyArgs, sourceRights: Rights): Copying {
  const { tx } = context;
  const source = messageBox(context, from, sourceRights).box;
  const { box: target, rights } = messageBox(context, to, Right.insert);
  const writer = tx.mailbox(source.mbox);
  const live: number[] = [];
  writer.walkHot(normalRanges(uids), 1, Number.MAX_SAFE_INTEGER, (block, index) => {
    if ((block.flags(index) & Flag.expunged) === 0 && block.uid(index) <= writer.header.lastUid)
      live.push(block.uid(index));
  });
  const root = tx.quotaRoot(target.name);
  const sameRoot = root === tx.quotaRoot(source.name) && sourceRights & Right.expunge;
  if (root && !ignoreQuota && !sameRoot) {
    let octets = 0;
    for (const uid of live) octets += writer.coldRow(uid)?.sizeOctets ?? 0;
    requireQuota(tx.quota(root), { octets, messages: live.length });
  }
  return new Copying(context, source, target, rights, live);
}

class Copying {
  readonly uids: readonly number[];
  source: MessageBox;
  target: MessageBox;
  private readonly context: VerbContext;
  private readonly mask: number;
  private readonly keepsKeywords: boolean;
  private readonly sourceOwnSeen: boolean;
  private readonly targetOwnSeen: boolean;
  private readonly seenInSource: ReadonlySet<number>;
  private readonly seenInTarget: number[] = [];
  private readonly keywordBits = new Map<string, AppendFlags["user"]>();

  constructor(context: VerbContext, source: MessageBox, target: MessageBox, rights: Rights, uids: readonly number[]) {
    this.context = context;
    this.source = source;
    this.target = target;
    this.uids = uids;
    this.mask = flagMask(rights);
    this.keepsKeywords = (rights & Right.write) !== 0;
    const { tx, access, caller } = context;
    this.sourceOwnSeen = hasOwnSeenFlag(access, source, tx.mailbox(source.mbox).header);
    this.targetOwnSeen = hasOwnSeenFlag(access, target, tx.mailbox(target.mbox).header);
    const seen = this.sourceOwnSeen || !caller.userId ? undefined : readSeen(tx.db, caller.userId, source.uniqueId);
    const ranges = seen ? parseUidRanges(seen.uids) : [];
    this.seenInSource = new Set(uids.filter((uid) => ranges.some(({ first, last }) => uid >= first && uid <= last)));
  }

  /** Between slices mailboxes may have got another name or partition. @throws MailError mailboxNonexistent */
  lookAgain(): void {
    this.source = presentEntry(this.context, this.source);
    this.target = presentEntry(this.context, this.target);
  }

  isLive(uid: number): boolean {
    const row = this.context.tx.mailbox(this.source.mbox).hotRow(uid);
    return row !== undefined && (row.flags & Flag.expunged) === 0;
  }

  copyOne(uid: number, targetUid: number): void {
    const { tx } = this.context;
    const reading = tx.peek(this.source.mbox) ?? refuse("mailboxNonexistent");
    const hot = reading.hotRow(uid);
    const cold = reading.coldRow(uid);
    if (!hot || !cold) throw new Error(`uid ${uid} of ${this.source.uniqueId} has no row`);
    const flags = this.flagsOf(hot, targetUid);
    copyMessage(tx, this.source, copied(cold), this.target, targetUid, flags);
  }

  /** Writes the caller's seen set of the target. */
  finish(): void {
    if (this.seenInTarget.length > 0) changeSeen(this.context, this.target, "add", rangesOfUids(this.seenInTarget));
  }

  result(uids: readonly number[], first = 0): CopyResult {
    const { tx } = this.context;
    return {
      uidValidity: tx.mailbox(this.target.mbox).header.uidValidity,
      source: rangesOfUids(uids),
      target: uids.length === 0 ? [] : [{ first, last: first + uids.length - 1 }],
      highestModseq: tx.peek(this.source.mbox)?.header.highestModseq ?? 0,
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
      const names = namesOfUserBits(tx.peek(this.source.mbox)?.header.flagNames ?? [], bits);
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
