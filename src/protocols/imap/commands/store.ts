/** STORE and UID STORE: RFC 3501 §6.4.6. */
import type { UidRange } from "../../../formats/ids.ts";
import { parseStore, RangeBuilder, type StoreArguments } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import type { Call, ImapCommand } from "../core.ts";
import { flagArgs } from "../flags.ts";
import type { SelectedMailbox, TellOptions } from "../mailbox/selected-mailbox.ts";
import type { ImapSession } from "../core.ts";

export const store: ImapCommand<StoreArguments> = {
  name: "STORE",
  state: "selected",
  uidForm: "also",
  expunges: "uidFormOnly",
  writes: true,
  // It has told all news itself.
  isWholeState: true,
  parse: parseStore,
  run,
};

async function run(session: ImapSession, args: StoreArguments, { byUid }: Call): Promise<string | undefined> {
  const { box: selected, mail } = session;
  if (selected.readOnly) refuse("permissionDenied");
  const uids = selected.uidSpans(selected.seqnoRanges(args.set, byUid));
  const told: TellOptions = { expunges: byUid, uid: byUid };
  if (uids.length === 0) return (await session.tellChanges(told)) ? "OK Completed" : undefined;
  const { modified, highestModseq, before } = await mail.ask("messages.store-flags", {
    box: selected.uniqueId,
    uids,
    mode: args.change,
    flags: flagArgs(args.flags),
    unchangedSince: args.unchangedSince,
  });
  // If another session's change may be among them, the client is told of all, or it would miss that one.
  const isOnlyOurs = before !== undefined && before === selected.modseq;
  const ours = { uids, upToModseq: highestModseq };
  const news = !isOnlyOurs ? {} : args.silent ? { silent: { ...ours, isAll: true } } : { within: ours };
  // Cyrus tells of the messages that changed, not of those that had the flags already; clients see Cyrus.
  if (!(await session.tellChanges({ ...told, ...news }))) return undefined;
  if (modified.length === 0) return "OK Completed";
  return `OK [MODIFIED ${modifiedSet(selected, modified, byUid)}] Completed`;
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
