import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** IDLE: RFC 2177. News is pushed by the mailbox's watch; works without a selected mailbox as well. */
export const idle: ImapCommand<void> = {
  name: "IDLE",
  state: "loggedIn",
  parse: parseNothing,
  async run(session, _args, { tag }) {
    session.goAhead("idling");
    const shared = session.selected?.shared;
    const told = shared?.newsCount;
    if (!(await session.tellChanges({ expunges: true }))) return undefined;
    session.beginIdle(tag);
    // News that came while a lot was being told, in turns of the loop, has passed by those who do not wait yet.
    if (shared !== undefined && shared.newsCount !== told) setImmediate(() => shared.changed());
    return undefined;
  },
};
