/** STORE: changes flags of messages (RFC 3501 §6.4.6, RFC 7162 §3.1.3). */
import type { UidRange, UniqueId } from "../../formats/ids.ts";
import { Flag, type FlagChange, type MailboxWriter, type MessageBox } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { type FlagArgs, knownUserBits, wantedUserBits } from "./flags.ts";
import { flagMask, hasOwnSeenFlag, messageBox } from "./message-box.ts";
import { changeSeen } from "./seen-state.ts";
import { normalRanges, rangesOfUids } from "./uid-ranges.ts";

export interface StoreFlagsArgs {
  readonly box: UniqueId;
  readonly uids: readonly UidRange[];
  readonly mode: "add" | "remove" | "replace";
  readonly flags: FlagArgs;
  readonly unchangedSince?: number | undefined;
}

export interface StoreFlagsResult {
  /** Uids left alone because they changed after `unchangedSince`. */
  readonly modified: readonly UidRange[];
  readonly highestModseq: number;
  /**
   * highestmodseq as the verb found it, when all that has changed between the two are these messages; undefined when somebody else's change came
   * between two slices.
   */
  readonly before: number | undefined;
}

/** Rows of a slice. */
const SLICE_ROWS = 1_000;

export const storeFlags: Verb<StoreFlagsArgs, StoreFlagsResult> = {
  name: "messages.store-flags",
  repeatable: ({ unchangedSince }) => unchangedSince === undefined,
  run(context, args) {
    const prepared = prepare(context, args);
    const { box, change, before } = prepared;
    const uids = normalRanges(args.uids);
    const first = step(context, box, uids, 1, change);
    if (first.next === undefined) return finish(context, prepared, uids, first.refused, before);
    return slices(context, prepared, uids, first);
  },
};

interface Step {
  readonly next: number | undefined;
  readonly refused: number[];
  /** After it. */
  readonly highestModseq: number;
}

interface Prepared {
  readonly box: MessageBox;
  readonly change: FlagChange;
  readonly ownSeen: boolean;
  readonly seenMode: "add" | "remove" | undefined;
  /** highestmodseq before anything was changed. */
  readonly before: number;
}

function* slices(
  context: VerbContext,
  prepared: Prepared,
  uids: readonly UidRange[],
  first: Step,
): Generator<void, StoreFlagsResult, void> {
  const { box, change } = prepared;
  const refused = [...first.refused];
  let before: number | undefined = prepared.before;
  let modseq = first.highestModseq;
  for (let next = first.next; next !== undefined; ) {
    do yield;
    while (context.tx.isBusy(box.mbox));
    // The mailbox may have been deleted, or the rights withdrawn, between slices.
    if (!context.tx.entryByUniqueId(box.uniqueId)) refuse("mailboxNonexistent");
    if (context.tx.mailbox(box.mbox).header.highestModseq !== modseq) before = undefined;
    const done = step(context, box, uids, next, change);
    modseq = done.highestModseq;
    for (const uid of done.refused) refused.push(uid);
    ({ next } = done);
  }
  return finish(context, prepared, uids, refused, before);
}

function step({ tx }: VerbContext, box: MessageBox, uids: readonly UidRange[], from: number, change: FlagChange): Step {
  const refused: number[] = [];
  const writer = tx.mailbox(box.mbox);
  const { next } = writer.storeFlags(uids, from, tx.slice(SLICE_ROWS), change, refused);
  return { next, refused, highestModseq: writer.header.highestModseq };
}

function prepare(context: VerbContext, args: StoreFlagsArgs): Prepared {
  const { mode, flags } = args;
  const { box, rights } = messageBox(context, args.box, Right.read);
  const writer = context.tx.mailbox(box.mbox);
  const before = writer.header.highestModseq;
  const mask = flagMask(rights);
  const userAllowed = (rights & Right.write) !== 0;
  // One flag that may be changed will do; the others are left alone (RFC 4314 §4).
  const named = flags.system !== 0 || flags.user.length > 0;
  const allowed = named
    ? (flags.system & mask) !== 0 || (flags.user.length > 0 && userAllowed)
    : mask !== 0 || userAllowed;
  if (!allowed) refuse("permissionDenied");
  const keywords = userAllowed ? flags.user : [];
  const ownSeen = hasOwnSeenFlag(context.access, box, writer.header);
  const wantsSeen = (flags.system & Flag.seen) !== 0;
  const seenMode = ownSeen || (rights & Right.seen) === 0 ? undefined : seenModeOf(mode, wantsSeen);
  const change: FlagChange = {
    mode,
    system: ownSeen ? flags.system : flags.system & ~Flag.seen,
    user: mode === "remove" ? knownUserBits(writer, keywords) : wantedUserBits(context, writer, keywords),
    systemMask: ownSeen ? mask : mask & ~Flag.seen,
    userAllowed: userAllowed && (mode === "replace" || flags.user.length > 0),
    unchangedSince: args.unchangedSince,
  };
  return { box, change, ownSeen, seenMode, before };
}

function seenModeOf(mode: StoreFlagsArgs["mode"], wantsSeen: boolean): "add" | "remove" | undefined {
  if (mode === "replace") return wantsSeen ? "add" : "remove";
  return wantsSeen ? mode : undefined;
}

function finish(
  context: VerbContext,
  { box, ownSeen, seenMode }: Prepared,
  uids: readonly UidRange[],
  refused: readonly number[],
  before: number | undefined,
): StoreFlagsResult {
  const writer = context.tx.mailbox(box.mbox);
  if (!ownSeen && seenMode) changeSeen(context, box, seenMode, liveRanges(writer, uids, new Set(refused)));
  return { modified: rangesOfUids(refused), highestModseq: writer.header.highestModseq, before };
}

function liveRanges(writer: MailboxWriter, uids: readonly UidRange[], except: ReadonlySet<number>): UidRange[] {
  const live: number[] = [];
  writer.walkHot(uids, 1, Number.MAX_SAFE_INTEGER, (block, index) => {
    const uid = block.uid(index);
    if ((block.flags(index) & Flag.expunged) === 0 && !except.has(uid)) live.push(uid);
  });
  return rangesOfUids(live);
}
