import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";
import { expungeDeleted, leaveMailbox } from "../mailbox/leave.ts";

/** CLOSE: RFC 3501 §6.4.2. Expunges silently, where the user may. */
export const close: ImapCommand<void> = {
  name: "CLOSE",
  state: "selected",
  parse: parseNothing,
  async run(session) {
    const { selected } = session;
    await leaveMailbox(session);
    if (selected !== undefined) await expungeDeleted(session, selected);
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
