import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** CHECK: RFC 3501 §6.4.1. Everything acknowledged is durable already. */
export const check: ImapCommand<void> = {
  name: "CHECK",
  state: "selected",
  parse: parseNothing,
  run(session) {
    void session.box;
    return "OK Completed";
  },
};
