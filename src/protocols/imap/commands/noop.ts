import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** NOOP: RFC 3501 §6.1.2. News of the selected mailbox comes before the answer, as with every command. */
export const noop: ImapCommand<void> = {
  name: "NOOP",
  state: "any",
  parse: parseNothing,
  run: () => "OK Completed",
};
