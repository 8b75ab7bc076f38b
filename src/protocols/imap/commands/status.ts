import { parseStatus, type StatusArguments, type StatusItem, statusLine } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import { type MailboxStatus, mailboxStatus } from "../../../ops/mailboxes/index.ts";
import type { ImapCommand } from "../core.ts";

/** STATUS: RFC 3501 §6.3.10, with SIZE (RFC 8438). */
export const status: ImapCommand<StatusArguments> = {
  name: "STATUS",
  state: "loggedIn",
  parse: parseStatus,
  run(session, { mailbox, items }) {
    const { mail, names } = session;
    const name = names.toInternal(mailbox) ?? refuse("mailboxNonexistent");
    const wanted = { recent: items.has("RECENT"), unseen: items.has("UNSEEN") };
    const values = session.view((snapshot) => mailboxStatus(snapshot, mail.access, name, wanted));
    statusLine(session.out, mailbox, statusValues(values, items));
    return "OK Completed";
  },
};

/** The values asked for. Those of conversations come with their extension. */
export function statusValues(
  values: MailboxStatus,
  items: ReadonlySet<StatusItem>,
): ReadonlyMap<StatusItem, number | string> {
  const all: readonly (readonly [StatusItem, number | string])[] = [
    ["MESSAGES", values.messages],
    ["RECENT", values.recent],
    ["UIDNEXT", values.uidNext],
    ["UIDVALIDITY", values.uidValidity],
    ["MAILBOXID", values.mailboxId],
    ["UNSEEN", values.unseen],
    ["SIZE", values.sizeOctets],
    ["HIGHESTMODSEQ", values.highestModseq],
    ["CREATEDMODSEQ", values.createdModseq],
  ];
  return new Map(all.filter(([item]) => items.has(item)));
}
