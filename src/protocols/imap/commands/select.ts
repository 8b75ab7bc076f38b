/** SELECT and EXAMINE: RFC 3501 §6.3.1, §6.3.2. */
import { numbered, parseSelect, type SelectArguments, untagged } from "../../../formats/imap/index.ts";
import { Right } from "../../../ops/index.ts";
import { quotaAlerts } from "../../../ops/quota/index.ts";
import type { MboxName } from "../../../formats/ids.ts";
import { Flag, type MailboxHeader, type MessageBox, type Snapshot } from "../../../store/index.ts";
import type { ImapCommand } from "../core.ts";
import { findMailbox } from "../mailbox/find.ts";
import { leaveMailbox } from "../mailbox/leave.ts";
import { SelectedMailbox, tellFlagTable } from "../mailbox/selected-mailbox.ts";
import { addRange } from "../mailbox/uid-set.ts";
import type { ImapSession } from "../core.ts";

export const select: ImapCommand<SelectArguments> = {
  name: "SELECT",
  state: "loggedIn",
  isWholeState: true,
  parse: parseSelect,
  run: (session, args) => open(session, args, false),
};

export const examine: ImapCommand<SelectArguments> = {
  name: "EXAMINE",
  state: "loggedIn",
  isWholeState: true,
  parse: parseSelect,
  run: (session, args) => open(session, args, true),
};

async function open(
  session: ImapSession,
  { mailbox }: SelectArguments,
  examines: boolean,
): Promise<string | undefined> {
  const { mail, names, service } = session;
  // RFC 3501 §6.3.1: whatever was selected is not any more, also when this fails.
  if (session.selected !== undefined) {
    await leaveMailbox(session);
    session.untagged("OK [CLOSED] Ok");
  }
  const name = names.toInternal(mailbox);
  const asked = { name, readOnly: examines || service.context.config.readonly };
  const claimant = session.view((snapshot) => enter(session, snapshot, asked, undefined));
  if (claimant !== undefined) {
    // Takes the messages that nobody was told of as \Recent. The store is only asked when there may be some.
    const { after } = await mail.ask("messages.claim-recent", { box: claimant.uniqueId });
    const recentAfter = Math.max(after, claimant.shared.recentClaims.get(claimant.recentKey) ?? 0);
    session.view((snapshot) => enter(session, snapshot, asked, recentAfter));
  }
  service.context.worker.describe(session.connection, { mailbox: name ?? "" });
  return `OK [${session.selected?.readOnly === false ? "READ-WRITE" : "READ-ONLY"}] Completed`;
}

/** Any of these makes a selection READ-WRITE, as in Cyrus. */
const CHANGES = Right.seen | Right.write | Right.deleteMessage | Right.expunge | Right.annotate;

/**
 * Selects the mailbox and announces it; or does neither, when messages must be claimed as \Recent before.
 * @param recentAfter the uid after which messages are recent, once they have been claimed
 * @returns on whose behalf they must be claimed
 */
function enter(
  session: ImapSession,
  snapshot: Snapshot,
  asked: { readonly name: MboxName | undefined; readonly readOnly: boolean },
  recentAfter: number | undefined,
): SelectedMailbox | undefined {
  const { mail, service } = session;
  const { hub } = service;
  const { entry, header, rights } = findMailbox(snapshot, mail, asked.name, Right.read);
  const readOnly = asked.readOnly || (rights & CHANGES) === 0;
  const shared = hub.open(entry.uniqueId, entry.mbox);
  const options = { readOnly, listVersion: hub.listVersion };
  const selected = new SelectedMailbox(mail, shared, snapshot, entry, header, options);
  const after = recentAfter ?? storedRecent(session, snapshot, selected, header);
  const claimed = recentAfter !== undefined && !readOnly;
  if (!claimed && !readOnly && header.exists > 0 && after < header.lastUid) return selected;
  hub.enter(shared, session);
  session.selected = selected;
  takeRecent(selected, after, claimed);
  announce(session, snapshot, selected, entry, header);
  return undefined;
}

/** The uid up to which messages are not \Recent any more, by the store and by claims of this process. */
function storedRecent(
  { mail }: ImapSession,
  snapshot: Snapshot,
  selected: SelectedMailbox,
  header: MailboxHeader,
): number {
  const { userId } = mail.caller;
  const claimed = selected.shared.recentClaims.get(selected.recentKey) ?? 0;
  if (selected.ownSeen) return Math.max(claimed, header.recentUid);
  // Who cannot keep a seen state is told of nothing as \Recent: it would come again and again.
  if (userId === undefined || !selected.keepsSeen) return header.lastUid;
  return Math.max(claimed, snapshot.seen(userId, selected.uniqueId)?.recentUid ?? 0);
}

function takeRecent(selected: SelectedMailbox, after: number, claimed: boolean): void {
  const { map } = selected;
  if (map.lastUid <= after) return;
  addRange(selected.recent, after + 1, map.lastUid);
  const { recentClaims } = selected.shared;
  const key = selected.recentKey;
  if (claimed) recentClaims.set(key, Math.max(map.lastUid, recentClaims.get(key) ?? 0));
}

function announce(
  session: ImapSession,
  snapshot: Snapshot,
  selected: SelectedMailbox,
  entry: MessageBox,
  header: MailboxHeader,
): void {
  const { out } = session;
  tellQuota(session, snapshot, entry.name);
  numbered(out, selected.map.count, "EXISTS");
  numbered(out, selected.recentCount, "RECENT");
  tellFlagTable(out, selected, entry);
  const unseen = firstUnseen(snapshot, selected, header);
  if (unseen > 0) untagged(out, `OK [UNSEEN ${unseen}] Ok`);
  untagged(out, `OK [UIDVALIDITY ${header.uidValidity}] Ok`);
  untagged(out, `OK [UIDNEXT ${header.lastUid + 1}] Ok`);
  untagged(out, `OK [HIGHESTMODSEQ ${header.highestModseq}] Ok`);
  untagged(out, `OK [MAILBOXID (${entry.uniqueId})] Ok`);
}

function tellQuota({ service, out }: ImapSession, snapshot: Snapshot, name: MboxName): void {
  const root = snapshot.quotaRoot(name);
  const quota = root === undefined ? undefined : snapshot.quota(root);
  if (quota === undefined) return;
  const { quotawarn, quotawarnkb, quotawarnmsg } = service.context.config;
  const warnings = { percent: quotawarn, freeKib: quotawarnkb, freeMessages: quotawarnmsg };
  for (const { resource, percent } of quotaAlerts(quota, warnings)) {
    const how = percent === undefined ? `over ${resource} quota` : `at ${percent}% of ${resource} quota`;
    untagged(out, `NO [ALERT] Mailbox is ${how}`);
  }
}

/** Seqno of the first message without \Seen; 0 when there is none. */
function firstUnseen(snapshot: Snapshot, selected: SelectedMailbox, header: MailboxHeader): number {
  const { map } = selected;
  if (!selected.ownSeen) return firstGap(selected, selected.readSeen(snapshot));
  if (header.unseen === 0) return 0;
  for (let from = 1; from <= header.lastUid; ) {
    const block = snapshot.firstBlockUnseen(selected.shared.mbox, from, header.lastUid);
    if (block === undefined) return 0;
    for (let i = 0; i < block.count; i++) {
      if ((block.flags(i) & (Flag.seen | Flag.expunged)) !== 0) continue;
      const seqno = map.seqnoOf(block.uid(i));
      if (seqno > 0) return seqno;
    }
    from = block.uid(block.count - 1) + 1;
  }
  return 0;
}

/** The first message that is in none of the ranges. */
function firstGap({ map }: SelectedMailbox, seen: readonly { first: number; last: number }[]): number {
  let seqno = 1;
  for (const { first, last } of seen) {
    const before = map.countUpTo(first - 1);
    if (before >= seqno) return seqno;
    seqno = Math.max(seqno, map.countUpTo(last) + 1);
  }
  return seqno <= map.count ? seqno : 0;
}
