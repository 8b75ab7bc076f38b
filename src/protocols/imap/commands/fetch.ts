/** FETCH and UID FETCH: RFC 3501 §6.4.5. */
import type { UidRange } from "../../../formats/ids.ts";
import { type FetchArguments, type NumberRange, parseFetch } from "../../../formats/imap/index.ts";
import { MailError, Right } from "../../../ops/index.ts";
import { Flag } from "../../../store/index.ts";
import type { Call, ImapCommand } from "../core.ts";
import { FetchRun } from "../fetch/fetch-run.ts";
import { type FetchPlan, fetchPlan } from "../fetch/plan.ts";
import { RowCursor } from "../fetch/rows.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import { addRange, UidWalk } from "../mailbox/uid-set.ts";
import type { ImapSession } from "../core.ts";

/** Messages whose \Seen is set by one request: what a client that goes away has not read stays unread. */
const SEEN_MESSAGES = 500;

export const fetch: ImapCommand<FetchArguments> = {
  name: "FETCH",
  state: "selected",
  uidForm: "also",
  expunges: "uidFormOnly",
  parse: (args) => parseFetch(args),
  run,
};

async function run(session: ImapSession, args: FetchArguments, { byUid }: Call): Promise<string | undefined> {
  const started = performance.now();
  const { box: selected, out } = session;
  const plan = fetchPlan(args, byUid);
  const seqnos = selected.seqnoRanges(args.set, byUid);
  if (seqnos.length === 0)
    return byUid ? `OK Completed (${seconds(started)} sec)` : `NO No matching messages (${seconds(started)} sec)`;
  const fetching = new FetchRun(session, selected, plan);
  out.startSlice();
  const isDone = marksSeen(session, selected, plan)
    ? await fetchMarking(session, selected, fetching, seqnos, byUid)
    : await fetching.run(seqnos, []);
  if (!isDone) return undefined;
  return fetching.damaged > 0 ? "NO System I/O error" : `OK Completed (${seconds(started)} sec)`;
}

export function seconds(started: number): string {
  return ((performance.now() - started) / 1_000).toFixed(3);
}

function marksSeen(session: ImapSession, selected: SelectedMailbox, plan: FetchPlan): boolean {
  if (!plan.setsSeen || selected.readOnly) return false;
  const entry = session.view((snapshot) => snapshot.entryByUniqueId(selected.uniqueId));
  return entry !== undefined && (session.mail.access.rights(entry.name, entry.acl) & Right.seen) !== 0;
}

/** Contents without PEEK: \Seen is durable before the message is sent, and shown with it. */
async function fetchMarking(
  session: ImapSession,
  selected: SelectedMailbox,
  fetching: FetchRun,
  seqnos: readonly NumberRange[],
  byUid: boolean,
): Promise<boolean> {
  for (const { first, last } of seqnos) {
    for (let from = first; from <= last; from += SEEN_MESSAGES) {
      const part = { first: from, last: Math.min(last, from + SEEN_MESSAGES - 1) };
      const uids = unseenUids(session, selected, part);
      const upToModseq = uids.length === 0 ? 0 : await markSeen(session, selected, uids);
      if (!(await fetching.run([part], uids))) return false;
      if (
        uids.length > 0 &&
        !(await session.tellChanges({ expunges: false, uid: byUid, silent: { uids, upToModseq } }))
      )
        return false;
    }
  }
  return true;
}

function unseenUids(session: ImapSession, selected: SelectedMailbox, part: NumberRange): UidRange[] {
  const unseen: UidRange[] = [];
  const cursor = new RowCursor(selected.shared.mbox, false);
  session.view((snapshot) => {
    const seen = new UidWalk(selected.readSeen(snapshot));
    for (const { first, last } of selected.map.uidRanges(part.first, part.last)) {
      for (let uid = first; uid <= last; ) {
        const end = cursor.load(snapshot, { first: uid, last });
        for (; uid <= end; uid++) {
          if (!cursor.seek(uid)) continue;
          const flags = cursor.hot!.flags(cursor.hotIndex);
          const isSeen = selected.ownSeen ? (flags & Flag.seen) !== 0 : seen.has(uid);
          if (!isSeen && (flags & Flag.expunged) === 0) addRange(unseen, uid, uid);
        }
      }
    }
  });
  return unseen;
}

async function markSeen(session: ImapSession, selected: SelectedMailbox, uids: readonly UidRange[]): Promise<number> {
  try {
    const flags = { system: Flag.seen, user: [] };
    const { highestModseq } = await session.mail.ask("messages.store-flags", {
      box: selected.uniqueId,
      uids,
      mode: "add",
      flags,
    });
    return highestModseq;
  } catch (error) {
    // The right was withdrawn just now, or the disk is full: reading goes on.
    if (error instanceof MailError) return 0;
    throw error;
  }
}
