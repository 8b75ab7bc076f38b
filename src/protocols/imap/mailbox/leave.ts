/** Leaving the selected mailbox, however it comes about. */
import { MailError } from "../../../ops/index.ts";
import type { ImapSession } from "../core.ts";
import type { SelectedMailbox } from "./selected-mailbox.ts";

/** Ends the selection. What was taken as \Recent is made known to the store, which nobody needs to wait for. */
export function leaveMailbox(session: ImapSession): Promise<void> | undefined {
  const { selected, service } = session;
  if (selected === undefined) return undefined;
  session.selected = undefined;
  service.hub.leave(selected.shared, session);
  return saveRecent(selected);
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
