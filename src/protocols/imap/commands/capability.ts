import { parseNothing } from "../../../formats/imap/index.ts";
import { capabilityText } from "../capability.ts";
import type { ImapCommand } from "../core.ts";

/** CAPABILITY: RFC 3501 §6.1.1. */
export const capability: ImapCommand<void> = {
  name: "CAPABILITY",
  state: "any",
  parse: parseNothing,
  run(session) {
    session.untagged(`CAPABILITY ${capabilityText(session, true)}`);
    return "OK Completed";
  },
};
