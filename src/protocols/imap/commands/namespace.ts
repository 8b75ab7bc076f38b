import { namespaceLine, parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** NAMESPACE: RFC 2342. */
export const namespace: ImapCommand<void> = {
  name: "NAMESPACE",
  capability: "NAMESPACE",
  state: "loggedIn",
  parse: parseNothing,
  run(session) {
    const { separator, personal, otherUsers, shared } = session.names.namespaceReply;
    const one = (prefix: string | undefined) => (prefix === undefined ? undefined : { prefix, separator });
    namespaceLine(session.out, [one(personal), one(otherUsers), one(shared)]);
    return "OK Completed";
  },
};
