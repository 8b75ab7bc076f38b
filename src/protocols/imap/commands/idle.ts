import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";
import { MAX_IDLE_LINE_OCTETS } from "../limits.ts";

/** IDLE: RFC 2177. News is pushed by the mailbox's watch; works without a selected mailbox as well. */
export const idle: ImapCommand<void> = {
  name: "IDLE",
  state: "loggedIn",
  parse: parseNothing,
  async run(session) {
    const { connection, service } = session;
    session.goAhead("idling");
    connection.setIdleTimeout(service.idleTimeoutMs);
    service.context.worker.describe(connection, { command: "Idle" });
    if (!(await session.tellChanges({ expunges: true }))) return undefined;
    session.out.flush();
    // No change can have come between the look and this line: they are told of in turns of the loop.
    session.isWaiting = true;
    const line = await session.nextLine(MAX_IDLE_LINE_OCTETS);
    session.isWaiting = false;
    connection.setIdleTimeout(service.timeoutMs);
    if (line === undefined) return undefined;
    return line.toUpperCase() === "DONE" ? "OK Completed" : "BAD Invalid Idle continuation";
  },
};
