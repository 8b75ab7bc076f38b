import { parseOneName } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";
import { leaveMailbox } from "../mailbox/leave.ts";

/** DELETE: RFC 3501 §6.3.4. */
export const deleteMailbox: ImapCommand<string> = {
  name: "DELETE",
  state: "loggedIn",
  writes: true,
  parse: parseOneName,
  async run(session, mailbox) {
    const { mail, names } = session;
    const name = names.toInternal(mailbox) ?? refuse("mailboxNonexistent");
    const uniqueId = session.view((snapshot) => snapshot.entry(name)?.uniqueId);
    await mail.ask("mailboxes.delete", { name });
    // Who deletes the mailbox that is selected is left without one.
    if (session.selected !== undefined && session.selected.uniqueId === uniqueId) await leaveMailbox(session);
    return "OK Completed";
  },
};
