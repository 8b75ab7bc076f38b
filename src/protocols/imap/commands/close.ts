import { parseNothing } from "../../../formats/imap/index.ts";
import { MailError } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";
import { leaveMailbox } from "../mailbox/leave.ts";

/** CLOSE: RFC 3501 §6.4.2. Expunges silently, where the user may. */
export const close: ImapCommand<void> = {
  name: "CLOSE",
  state: "selected",
  parse: parseNothing,
  async run(session) {
    const { selected, mail, service } = session;
    await leaveMailbox(session);
    if (selected === undefined || selected.readOnly || selected.isGone || service.context.config.readonly)
      return "OK Completed";
    const header = session.view((snapshot) => snapshot.header(selected.shared.mbox));
    if (header === undefined || header.deleted === 0) return "OK Completed";
    try {
      // Only what this session has been told of: messages that came since are not its to remove unseen.
      await mail.ask("messages.expunge", {
        box: selected.uniqueId,
        uids: [{ first: 1, last: Math.max(1, selected.map.lastUid) }],
      });
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      if (error.code !== "permissionDenied" && error.code !== "mailboxNonexistent") throw error;
    }
    return "OK Completed";
  },
};

/** UNSELECT: RFC 3691. */
export const unselect: ImapCommand<void> = {
  name: "UNSELECT",
  capability: "UNSELECT",
  state: "selected",
  parse: parseNothing,
  async run(session) {
    await leaveMailbox(session);
    return "OK Completed";
  },
};
