import { parseOneName } from "../../../formats/imap/index.ts";
import { MailError, refuse, refusalText } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";

/** SUBSCRIBE: RFC 3501 §6.3.6. */
export const subscribe: ImapCommand<string> = {
  name: "SUBSCRIBE",
  state: "loggedIn",
  writes: true,
  parse: parseOneName,
  async run({ mail, names }, mailbox) {
    try {
      await mail.ask("mailboxes.subscribe", { name: names.toInternal(mailbox) ?? refuse("mailboxNonexistent") });
      return "OK Completed";
    } catch (error) {
      if (error instanceof MailError && error.code !== "storeUnavailable")
        return `NO Subscribe: ${refusalText(error.code)}`;
      throw error;
    }
  },
};

/** UNSUBSCRIBE: RFC 3501 §6.3.7. What was not subscribed is no error. */
export const unsubscribe: ImapCommand<string> = {
  name: "UNSUBSCRIBE",
  state: "loggedIn",
  writes: true,
  parse: parseOneName,
  async run({ mail, names }, mailbox) {
    const name = names.toInternal(mailbox);
    if (name !== undefined) await mail.ask("mailboxes.unsubscribe", { name });
    return "OK Completed";
  },
};
