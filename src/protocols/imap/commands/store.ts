/** STORE and UID STORE: RFC 3501 §6.4.6. */
import type { UidRange } from "../../../formats/ids.ts";
import { parseStore, RangeBuilder, type StoreArguments } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import { Flag, type Snapshot } from "../../../store/index.ts";
import type { Call, ImapCommand } from "../core.ts";
import { flagArgs } from "../flags.ts";
import { UidWalk } from "../mailbox/uid-set.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import type { ImapSession } from "../core.ts";

/** Blocks of rows looked at between looks at the clock. */
const BLOCKS_A_STEP = 40;

export const store: ImapCommand<StoreArguments> = {
  name: "STORE",
  state: "selected",
  uidForm: "also",
  expunges: "uidFormOnly",
  writes: true,
  parse: parseStore,
  run,
};

async function run(session: ImapSession, args: StoreArguments, { byUid }: Call): Promise<string | undefined> {
  const { box: selected, mail } = session;
  if (selected.readOnly) refuse("permissionDenied");
  const uids = selected.uidSpans(selected.seqnoRanges(args.set, byUid));
  if (uids.length === 0) return "OK Completed";
  const before = session.view((snapshot) => look(snapshot, selected));
  const { modified, highestModseq } = await mail.ask("messages.store-flags", {
    box: selected.uniqueId,
    uids,
    mode: args.change,
    flags: flagArgs(args.flags),
    unchangedSince: args.unchangedSince,
  });
  // Cyrus tells of the messages that changed, not of those that had the flags already; clients see Cyrus.
  const isQuiet = args.silent && (await onlyOurs(session, selected, uids, before, highestModseq));
  const silent = { uids, upToModseq: highestModseq, isAll: true };
  const told = { expunges: byUid, uid: byUid, ...(isQuiet ? { silent } : {}) };
  if (!(await session.tellChanges(told))) return undefined;
  if (modified.length === 0) return "OK Completed";
  return `OK [MODIFIED ${modifiedSet(selected, modified, byUid)}] Completed`;
}

/** highestmodseq as it was, and whether the session knew everything up to it. */
interface Before {
  readonly modseq: number;
  readonly wasUpToDate: boolean;
}

function look(snapshot: Snapshot, selected: SelectedMailbox): Before {
  const modseq = snapshot.header(selected.shared.mbox)?.highestModseq ?? 0;
  return { modseq, wasUpToDate: modseq === selected.modseq };
}

/**
 * Whether all that changed since `before` are the messages of this STORE: then `.SILENT` may keep quiet about them. If
 * another session's change may be among them, the client is told of all, or it would miss that one.
 */
async function onlyOurs(
  session: ImapSession,
  selected: SelectedMailbox,
  uids: readonly UidRange[],
  before: Before,
  after: number,
): Promise<boolean> {
  if (!before.wasUpToDate) return false;
  const walk = new UidWalk(uids);
  const range = { first: uids[0]!.first, last: uids.at(-1)!.last };
  let ours = 0;
  session.out.startSlice();
  for (;;) {
    const blocks = session.view((snapshot) =>
      snapshot.hotBlocksChangedSince(selected.shared.mbox, before.modseq, range, BLOCKS_A_STEP),
    );
    for (const block of blocks) {
      for (let i = block.lowerBound(range.first); i < block.count && block.uid(i) <= range.last; i++) {
        const modseq = block.modseq(i);
        if (modseq <= before.modseq || modseq > after || (block.flags(i) & Flag.expunged) !== 0) continue;
        if (walk.has(block.uid(i))) ours++;
      }
    }
    const end = blocks.at(-1);
    if (end === undefined || blocks.length < BLOCKS_A_STEP) break;
    range.first = end.uid(end.count - 1) + 1;
    if (session.out.isDue() && !(await session.out.rest())) return false;
  }
  // Each change of a message takes one modseq, so a foreign one leaves a gap.
  return ours === after - before.modseq;
}

function modifiedSet(selected: SelectedMailbox, modified: readonly UidRange[], byUid: boolean): string {
  const set = new RangeBuilder();
  for (const { first, last } of modified) {
    if (byUid) set.addRange(first, last);
    else {
      for (let uid = first; uid <= last; uid++) {
        const seqno = selected.map.seqnoOf(uid);
        if (seqno > 0) set.add(seqno);
      }
    }
  }
  return set.toString();
}
