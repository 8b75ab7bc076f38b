import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** IDLE: RFC 2177. News is pushed by the mailbox's watch; works without a selected mailbox as well. */
export const idle: ImapCommand<void> = {
  name: "IDLE",
  state: "loggedIn",
  parse: parseNothing,
  async run(session, _args, { tag }) {
    session.goAhead("idling");
    if (!(await session.tellChanges({ expunges: true }))) return undefined;
    // No change can have come between the look and this line: they are told of in turns of the loop.
    session.beginIdle(tag);
    return undefined;
  },
};
