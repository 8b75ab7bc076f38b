import { type CreateArguments, parseCreate } from "../../../formats/imap/index.ts";
import { MailError, refuse } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";

/** CREATE: RFC 3501 §6.3.3, with RFC 4466 parameters. */
export const create: ImapCommand<CreateArguments> = {
  name: "CREATE",
  state: "loggedIn",
  writes: true,
  parse: parseCreate,
  async run(session, { mailbox, partition, type, use, server }) {
    const { mail, names } = session;
    if (server !== undefined) refuse("badServer");
    // A hierarchy separator at the end says that children are to come (RFC 3501 §6.3.3); it is no part of the name.
    const name = names.toInternal(mailbox) ?? refuse("badName");
    try {
      const { uniqueId } = await mail.ask("mailboxes.create", { name, partition, type, specialUse: use });
      return `OK [MAILBOXID (${uniqueId})] Completed`;
    } catch (error) {
      if (error instanceof MailError && error.code === "specialUseConflict")
        return "NO [USEATTR] SPECIAL-USE flag conflict";
      throw error;
    }
  },
};
