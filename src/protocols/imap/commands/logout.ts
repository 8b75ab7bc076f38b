import { parseNothing, tagged } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";
import { leaveMailbox } from "../mailbox/leave.ts";

/** LOGOUT: RFC 3501 §6.1.3. */
export const logout: ImapCommand<void> = {
  name: "LOGOUT",
  state: "any",
  parse: parseNothing,
  async run(session, _args, { tag }) {
    await leaveMailbox(session);
    session.untagged("BYE LOGOUT received");
    tagged(session.out, tag, "OK Completed");
    session.connection.end(session.out.takeUnflushed());
    return undefined;
  },
};
