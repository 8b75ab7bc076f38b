/** A session's view of its selected mailbox, and how it follows the mailbox. */
import type { UidRange, UniqueId } from "../../../formats/ids.ts";
import {
  flagsLine,
  flagsUidLine,
  fetchBegin,
  fetchEnd,
  type NumberRange,
  numbered,
  type ResponseWriter,
  type SequenceSet,
  untagged,
} from "../../../formats/imap/index.ts";
import {
  hasOwnSeenFlag,
  normalRanges,
  parseUidRanges,
  Right,
  type Rights,
  subtractRanges,
} from "../../../ops/index.ts";
import {
  Flag,
  type HotBlock,
  type ListEntry,
  type MailboxHeader,
  type Snapshot,
  type UidMap,
  UidMapBuilder,
} from "../../../store/index.ts";
import type { CallerMail } from "../../../ops/index.ts";
import { type FlagText, RECENT_BIT } from "./flag-text.ts";
import { MAX_EXPUNGES_TOLD } from "../limits.ts";
import type { FollowState } from "./follow-state.ts";
import type { SharedMailbox } from "./shared-mailbox.ts";
import { addRange, UidWalk } from "./uid-set.ts";

/** Rows looked at in one step of telling; a step is to stay below a slice. */
const STEP_BLOCKS = 40;
const HIGHEST_UID = 0xffffffff;
const none: readonly UidRange[] = [];

export interface TellOptions {
  /** Whether EXPUNGE may be told now. */
  readonly expunges: boolean;
  /** Whether FETCH lines say the uid: after UID commands (RFC 3501 §6.4.8). */
  readonly uid?: boolean;
  /** Rows of these uids changed by this session, which the client wants no news of: `.SILENT`, or told already. */
  readonly silent?: {
    readonly uids: readonly UidRange[];
    readonly upToModseq: number;
    /** Nothing else has changed up to that modseq, so that only what came after it is looked for. */
    readonly isAll?: boolean;
  };
  /** All that has changed since what was told last, up to that modseq, are rows of these uids. */
  readonly within?: { readonly uids: readonly UidRange[]; readonly upToModseq: number };
}

/** What the first step found. */
export type Following = "unchanged" | "flags" | "gone";

export class SelectedMailbox {
  readonly shared: SharedMailbox;
  readonly mail: CallerMail;
  readonly readOnly: boolean;
  /** Whether \Seen is the message's flag for this user, not a set of its own. */
  readonly ownSeen: boolean;
  /** Whether there is a seen state for the user to keep: right "s". */
  readonly keepsSeen: boolean;
  readonly uidValidity: number;
  /** What the client knows of: sequence numbers go by it. Messages that were expunged since stay in it until told. */
  map: UidMap;
  flagText: FlagText;
  /** Everything up to this modseq has been told. */
  modseq: number;
  /** Uids that are \Recent in this session, ascending. */
  readonly recent: UidRange[] = [];
  /** True when messages were taken as \Recent that the store does not know of yet. */
  recentUnsaved = false;
  /** The mailbox was deleted; every command but leaving it is refused. */
  isGone = false;
  #membership: number;
  #listVersion: number;
  #seenText = "";
  #seen: readonly UidRange[] = none;
  #scan: Scan | undefined;
  /** followKey, until something it is made of changes; the same string for sessions that were told the same. */
  #key: string | undefined;

  constructor(
    mail: CallerMail,
    shared: SharedMailbox,
    snapshot: Snapshot,
    entry: ListEntry,
    header: MailboxHeader,
    options: { readOnly: boolean; listVersion: number },
  ) {
    this.mail = mail;
    this.shared = shared;
    this.readOnly = options.readOnly;
    this.ownSeen = hasOwnSeenFlag(mail.access, entry, header);
    this.keepsSeen = (mail.access.rights(entry.name, entry.acl) & Right.seen) !== 0;
    this.uidValidity = header.uidValidity;
    this.map = shared.map(snapshot, header);
    this.flagText = shared.flagText(header);
    this.modseq = header.highestModseq;
    this.#membership = header.membership;
    this.#listVersion = options.listVersion;
    this.readSeen(snapshot);
  }

  get uniqueId(): UniqueId {
    return this.shared.uniqueId;
  }

  /** Seqnos meant by a set, as ranges. */
  seqnoRanges(set: SequenceSet, byUid: boolean): NumberRange[] {
    const { map } = this;
    if (map.count === 0) return [];
    if (!byUid) {
      const ranges = set.ranges(map.count);
      const result: NumberRange[] = [];
      for (const { first, last } of ranges)
        if (first <= map.count) result.push({ first, last: Math.min(last, map.count) });
      return result;
    }
    const result: { first: number; last: number }[] = [];
    for (const range of set.ranges(map.lastUid)) {
      const first = map.countUpTo(range.first - 1) + 1;
      const last = map.countUpTo(range.last);
      if (last < first) continue;
      const end = result.at(-1);
      if (end !== undefined && end.last + 1 >= first) end.last = Math.max(end.last, last);
      else result.push({ first, last });
    }
    return result;
  }

  /**
   * Uids from the first to the last of each range of seqnos. Uids between them that the session does not have in view are
   * expunged ones, which no verb touches; so a range stays one range however many holes it has.
   */
  uidSpans(seqnos: readonly NumberRange[]): UidRange[] {
    return seqnos.map(({ first, last }) => ({ first: this.map.uidAt(first), last: this.map.uidAt(last) }));
  }

  /** The user's own set of seen uids, as it is now; nothing where \Seen is the message's flag. */
  readSeen(snapshot: Snapshot): readonly UidRange[] {
    const { userId } = this.mail.caller;
    if (this.ownSeen || userId === undefined) return none;
    const text = snapshot.seen(userId, this.uniqueId)?.uids ?? "";
    if (text !== this.#seenText) {
      this.#key = undefined;
      this.#seenText = text;
      this.#seen = parseUidRanges(text);
    }
    return this.#seen;
  }

  /** System flags of a row as this session sees them. */
  systemFlags(flags: number, uid: number, seen: UidWalk, recent: UidWalk): number {
    let system = flags & (Flag.answered | Flag.flagged | Flag.deleted | Flag.draft | Flag.seen);
    if (!this.ownSeen) system = seen.has(uid) ? system | Flag.seen : system & ~Flag.seen;
    return recent.has(uid) ? system | RECENT_BIT : system;
  }

  /** Whose claims of \Recent these are: the mailbox's, or a reader's own. */
  get recentKey(): string {
    return this.ownSeen ? "" : (this.mail.caller.userId ?? "");
  }

  get recentCount(): number {
    let count = 0;
    for (const { first, last } of this.recent) count += this.map.countUpTo(last) - this.map.countUpTo(first - 1);
    return count;
  }

  /** Takes new messages as \Recent, unless another session of the process has (RFC 3501 §2.3.2). */
  claimRecent(first: number, last: number): void {
    if (!this.ownSeen && !this.keepsSeen) return;
    this.#key = undefined;
    const key = this.recentKey;
    const claimed = this.shared.recentClaims.get(key) ?? 0;
    if (last <= claimed) return;
    addRange(this.recent, Math.max(first, claimed + 1), last);
    if (this.readOnly) return;
    this.shared.recentClaims.set(key, last);
    this.recentUnsaved = true;
  }

  /** Highest uid that is \Recent here; 0 for none. */
  get recentEnd(): number {
    return this.recent.at(-1)?.last ?? 0;
  }

  /** Everything that the next answer of `follow` depends on, so that sessions with one key are told the same. */
  followKey(listVersion: number): string {
    const isListed = listVersion === this.#listVersion;
    if (isListed && this.#key !== undefined) return this.#key;
    const { recent } = this;
    const who = this.ownSeen ? "" : `${this.mail.caller.userId ?? ""} ${this.#seenText}`;
    const ranges = recent.length === 0 ? "" : recent.map(({ first, last }) => `${first}:${last}`).join();
    const rights = this.readOnly ? "examine" : (this.mail.caller.userId ?? "");
    const key = `${this.#membership} ${this.modseq} ${this.map.count} ${this.flagText.names.length} ${ranges} ${who} ${rights}`;
    if (!isListed) return `${key} news`;
    this.#key = key;
    return key;
  }

  get followState(): FollowState {
    const { map, flagText, modseq } = this;
    return {
      map,
      flagText,
      modseq,
      membership: this.#membership,
      listVersion: this.#listVersion,
      seenText: this.#seenText,
      seen: this.#seen,
      key: this.followKey(this.#listVersion),
    };
  }

  /** Comes to where another session with the same key has come by `follow`. */
  set followState(state: FollowState) {
    this.map = state.map;
    this.flagText = state.flagText;
    this.modseq = state.modseq;
    this.#membership = state.membership;
    this.#listVersion = state.listVersion;
    this.#seenText = state.seenText;
    this.#seen = state.seen;
    this.#key = state.key;
  }

  /**
   * Tells what changed in the mailbox since the last time: EXPUNGE, EXISTS and RECENT, FLAGS. "flags": `tellFlags` must
   * follow, until it is done.
   */
  follow(
    snapshot: Snapshot,
    out: ResponseWriter,
    listVersion: number,
    options: TellOptions,
    given?: MailboxHeader,
  ): Following {
    const { mbox } = this.shared;
    const mayBeSame = given === undefined && this.ownSeen && listVersion === this.#listVersion;
    if (mayBeSame && snapshot.isStill(mbox, this.modseq, this.#membership)) return "unchanged";
    const header = given ?? snapshot.header(mbox);
    if (header === undefined) return "gone";
    this.#key = undefined;
    if (listVersion !== this.#listVersion) {
      const entry = snapshot.entryByUniqueId(this.uniqueId);
      if (entry === undefined || !mayStay(this.mail, entry)) return "gone";
      this.#listVersion = listVersion;
    }
    const oldSeen = this.#seen;
    const seen = this.readSeen(snapshot);
    const isSame = header.highestModseq === this.modseq && header.membership === this.#membership && seen === oldSeen;
    if (isSame) return "unchanged";
    const lastTold = this.map.lastUid;
    if (header.membership !== this.#membership) this.#followMembership(snapshot, header, out, options.expunges);
    const flagText = this.shared.flagText(header);
    if (flagText !== this.flagText) {
      this.flagText = flagText;
      tellFlagTable(out, this, snapshot.entryByUniqueId(this.uniqueId));
    }
    const extra =
      seen === oldSeen ? none : normalRanges([...subtractRanges(seen, oldSeen), ...subtractRanges(oldSeen, seen)]);
    const since = options.silent?.isAll ? Math.max(this.modseq, options.silent.upToModseq) : this.modseq;
    const hasFlags = header.highestModseq !== since || extra.length > 0;
    if (hasFlags) {
      const { within } = options;
      const spans = within?.upToModseq === header.highestModseq ? fewRanges(within.uids) : undefined;
      this.#scan = new Scan(since, lastTold, seen, this.recent, options, extra, spans);
    }
    this.modseq = header.highestModseq;
    return hasFlags ? "flags" : "unchanged";
  }

  /** Whether what the client knows of are the messages that there are now. */
  isInStep(snapshot: Snapshot): boolean {
    return snapshot.header(this.shared.mbox)?.membership === this.#membership;
  }

  /** One step of telling flags. @returns true when all are told */
  tellFlags(snapshot: Snapshot, out: ResponseWriter): boolean {
    const scan = this.#scan;
    if (scan === undefined) return true;
    const done = scan.step(snapshot, this, out);
    if (done) this.#scan = undefined;
    return done;
  }

  #followMembership(snapshot: Snapshot, header: MailboxHeader, out: ResponseWriter, expunges: boolean): void {
    const before = this.map;
    const now = this.shared.map(snapshot, header);
    const kept = now.countUpTo(before.lastUid);
    const gone = before.count - kept;
    const tells = expunges ? Math.min(gone, MAX_EXPUNGES_TOLD) : 0;
    if (gone === 0) this.map = now;
    else if (tells === 0) this.map = withArrivals(before, now);
    else {
      const next = tells === gone ? now : partlyExpunged(before, now, tells);
      tellExpunges(out, before, next);
      this.map = withArrivals(next, now);
    }
    // While expunged messages stay in view the state is looked at again each time.
    this.#membership = tells === gone ? header.membership : -1;
    if (now.count === kept) return;
    this.claimRecent(before.lastUid + 1, now.lastUid);
    numbered(out, this.map.count, "EXISTS");
    numbered(out, this.recentCount, "RECENT");
  }
}

/** A mailbox that was deleted but is kept for a while is gone for those who had it open; for administrators it is one like any other. */
function mayStay(mail: CallerMail, entry: ListEntry): boolean {
  const { deletedPrefix } = mail.mail.rules.names;
  const local = entry.name.slice(entry.name.indexOf("!") + 1);
  return mail.caller.isAdmin || !local.startsWith(`${deletedPrefix}.`);
}

/** The rows whose flags are told, block by block. */
class Scan {
  readonly #since: number;
  readonly #last: number;
  readonly #seen: UidWalk;
  readonly #recent: UidWalk;
  readonly #extra: UidWalk;
  readonly #withUid: boolean;
  readonly #silent: UidWalk;
  readonly #silentUpTo: number;
  /** Ranges to look at besides what changed since. */
  readonly #spans: readonly UidRange[];
  /** Where rows may have changed, and the one that is looked at. */
  readonly #within: readonly UidRange[];
  #at = 0;
  #next = 1;

  constructor(
    since: number,
    last: number,
    seen: readonly UidRange[],
    recent: readonly UidRange[],
    { silent, uid = false }: TellOptions,
    extra: readonly UidRange[],
    within: readonly UidRange[] = [{ first: 1, last }],
  ) {
    this.#since = since;
    this.#last = last;
    this.#seen = new UidWalk(seen);
    this.#recent = new UidWalk(recent);
    this.#extra = new UidWalk(extra);
    this.#withUid = uid;
    this.#silent = new UidWalk(silent?.uids ?? none);
    this.#silentUpTo = silent?.upToModseq ?? 0;
    this.#spans = extra;
    this.#within = within;
  }

  step(snapshot: Snapshot, selected: SelectedMailbox, out: ResponseWriter): boolean {
    const { mbox } = selected.shared;
    if (this.#spans.length === 0) return this.#changedStep(snapshot, selected, out);
    // A step covers as many uids as the blocks of a step hold at most; only blocks with something to tell are read.
    const from = this.#next;
    const until = Math.min(this.#last, from + STEP_UIDS - 1);
    if (from > until) return true;
    const blocks = new Map<number, HotBlock>();
    const changed = snapshot.hotBlocksChangedSince(mbox, this.#since, { first: from, last: until });
    for (const block of changed) blocks.set(block.uid(0), block);
    for (const { first, last } of this.#spans) {
      if (last < from) continue;
      if (first > until) break;
      const range = { first: Math.max(first, from), last: Math.min(last, until) };
      for (const block of snapshot.hotBlocks(mbox, range, STEP_UIDS))
        if (block.count > 0) blocks.set(block.uid(0), block);
    }
    const ordered = blocks.size < 2 ? [...blocks.values()] : [...blocks.values()].sort((a, b) => a.uid(0) - b.uid(0));
    for (const block of ordered) this.#block(block, from, until, selected, out);
    this.#next = until + 1;
    return this.#next > this.#last;
  }

  /** Without a seen set of one's own only blocks that changed have anything to tell. */
  #changedStep(snapshot: Snapshot, selected: SelectedMailbox, out: ResponseWriter): boolean {
    for (let room = STEP_BLOCKS; this.#at < this.#within.length; this.#at++) {
      const { first, last } = this.#within[this.#at]!;
      const range = { first: Math.max(first, this.#next), last: Math.min(last, this.#last) };
      if (range.first > range.last) continue;
      const blocks = snapshot.hotBlocksChangedSince(selected.shared.mbox, this.#since, range, room);
      for (const block of blocks) this.#block(block, range.first, range.last, selected, out);
      if (blocks.length === room) {
        const end = blocks.at(-1)!;
        this.#next = end.uid(end.count - 1) + 1;
        return false;
      }
      room -= blocks.length;
    }
    return true;
  }

  #block(block: HotBlock, from: number, until: number, selected: SelectedMailbox, out: ResponseWriter): void {
    const { map, flagText } = selected;
    const { view } = block;
    for (let index = block.lowerBound(from); index < block.count; index++) {
      const uid = block.uid(index);
      if (uid > until) break;
      const flags = block.flags(index);
      if (flags & Flag.expunged) continue;
      const modseq = block.modseq(index);
      const isNews =
        modseq > this.#since
          ? !(modseq <= this.#silentUpTo && this.#silent.has(uid))
          : this.#extra.has(uid) && !this.#silent.has(uid);
      if (!isNews) continue;
      const seqno = map.seqnoOf(uid);
      if (seqno === 0) continue;
      const at = block.at(index) + 24;
      const system = selected.systemFlags(flags, uid, this.#seen, this.#recent);
      const piece = flagText.piece(
        system,
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
      );
      if (this.#withUid) {
        flagsUidLine(out, seqno, piece.flagsUid, uid);
        continue;
      }
      fetchBegin(out, seqno);
      out.octets(piece.flags);
      fetchEnd(out);
    }
  }
}

const STEP_UIDS = STEP_BLOCKS * 96;
/** Ranges that are looked at one by one; more of them would find the same blocks again and again. */
const MAX_SPANS = 8;

function fewRanges(ranges: readonly UidRange[]): readonly UidRange[] {
  return ranges.length <= MAX_SPANS ? ranges : [{ first: ranges[0]!.first, last: ranges.at(-1)!.last }];
}

/** The old messages, and those that came after them. */
function withArrivals(before: UidMap, now: UidMap): UidMap {
  const last = before.lastUid;
  if (now.lastUid <= last) return before;
  const builder = new UidMapBuilder();
  for (let n = 0; n < before.runCount; n++) {
    const run = before.run(n);
    builder.add(run.first, run.last);
  }
  for (const { first, last: end } of now.intersect({ first: last + 1, last: HIGHEST_UID })) builder.add(first, end);
  return builder.build();
}

/** `before` without the first of the messages that are not in `now`: as many as are to be told, or a few less. */
function partlyExpunged(before: UidMap, now: UidMap, tells: number): UidMap {
  let low = 0;
  let high = before.lastUid;
  // The highest uid up to which no more than that many are gone.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (before.countUpTo(middle) - now.countUpTo(middle) <= tells) low = middle;
    else high = middle - 1;
  }
  const builder = new UidMapBuilder();
  for (const { first, last } of now.intersect({ first: 1, last: low })) builder.add(first, last);
  for (const { first, last } of before.intersect({ first: low + 1, last: HIGHEST_UID })) builder.add(first, last);
  return builder.build();
}

/** `* n EXPUNGE` for each message of `before` that is not in `now`, each number as it is after the ones before it. */
function tellExpunges(out: ResponseWriter, before: UidMap, now: UidMap): void {
  let kept = 0;
  for (let n = 0; n < before.runCount; n++) {
    const run = before.run(n);
    let at = run.first;
    for (const { first, last } of now.intersect(run)) {
      for (; at < first; at++) numbered(out, kept + 1, "EXPUNGE");
      kept += last - first + 1;
      at = last + 1;
    }
    for (; at <= run.last; at++) numbered(out, kept + 1, "EXPUNGE");
  }
}

const systemNames = ["\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "\\Seen"] as const;

/** FLAGS and PERMANENTFLAGS, as SELECT sends them, and again when a keyword is new. */
export function tellFlagTable(out: ResponseWriter, selected: SelectedMailbox, entry: ListEntry | undefined): void {
  const keywords = selected.flagText.names.filter((name) => name !== null);
  flagsLine(out, [...systemNames, ...keywords]);
  const rights = entry === undefined || selected.readOnly ? 0 : selected.mail.access.rights(entry.name, entry.acl);
  untagged(out, `OK [PERMANENTFLAGS (${permanentFlags(rights, keywords).join(" ")})] Ok`);
}

/** What STORE may change with these rights (RFC 4314 §4). */
function permanentFlags(rights: Rights, keywords: readonly string[]): string[] {
  const mayWrite = (rights & Right.write) !== 0;
  return [
    ...(mayWrite ? ["\\Answered", "\\Flagged", "\\Draft"] : []),
    ...(rights & Right.deleteMessage ? ["\\Deleted"] : []),
    ...(rights & Right.seen ? ["\\Seen"] : []),
    ...(mayWrite ? [...keywords, "\\*"] : []),
  ];
}
