/** Leaving the selected mailbox, however it comes about. */
import { MailError } from "../../../ops/index.ts";
import type { ImapSession } from "../core.ts";
import type { SelectedMailbox } from "./selected-mailbox.ts";

/**
 * Ends the selection. What was taken as \Recent is made known to the store, which nobody needs to wait for; with `autoexpunge`
 * messages with \Deleted go, however the mailbox is left (CLOSE, UNSELECT, SELECT, the connection's end).
 */
export function leaveMailbox(session: ImapSession): Promise<void> | undefined {
  const { selected, service } = session;
  if (selected === undefined) return undefined;
  session.selected = undefined;
  service.hub.leave(selected.shared, session);
  const saved = saveRecent(selected);
  return service.context.config.autoexpunge ? saved.then(() => autoexpunge(session, selected)) : saved;
}

async function autoexpunge(session: ImapSession, selected: SelectedMailbox): Promise<void> {
  try {
    await expungeDeleted(session, selected);
  } catch (error) {
    // Nobody waits for an answer: what is marked stays, and goes the next time.
    if (!(error instanceof MailError)) throw error;
    session.service.context.log.err(`autoexpunge: ${error.message}`, { sessionid: session.sessionId });
  }
}

/**
 * Expunges what is marked as \Deleted in a mailbox that was left, where the user may; else nothing happens. Only what the
 * session has been told of: messages that came since are not its to remove unseen.
 * @throws MailError when it could not be done for another reason than rights or a mailbox that is gone
 */
export async function expungeDeleted({ service }: ImapSession, selected: SelectedMailbox): Promise<void> {
  if (selected.readOnly || selected.isGone || service.context.config.readonly) return;
  const header = service.mail.view((snapshot) => snapshot.header(selected.shared.mbox));
  if (header === undefined || header.deleted === 0) return;
  try {
    await selected.mail.ask("messages.expunge", {
      box: selected.uniqueId,
      uids: [{ first: 1, last: Math.max(1, selected.map.lastUid) }],
    });
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    if (error.code !== "permissionDenied" && error.code !== "mailboxNonexistent") throw error;
  }
}

/** Makes claims of \Recent known to the store. */
export async function saveRecent(selected: SelectedMailbox): Promise<void> {
  const end = selected.recent.at(-1);
  if (!selected.recentUnsaved || end === undefined) return;
  selected.recentUnsaved = false;
  try {
    await selected.mail.ask("messages.claim-recent", { box: selected.uniqueId, upTo: end.last });
  } catch (error) {
    // The mailbox is gone, or the right to read it: then nobody will be told that its messages are recent.
    if (!(error instanceof MailError)) throw error;
  }
}
