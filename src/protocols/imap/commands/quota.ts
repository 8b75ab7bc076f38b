/** QUOTA: RFC 2087. */
import {
  parseOneName,
  parseSetQuota,
  quotaLine,
  quotaRootLine,
  type SetQuotaArguments,
} from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import { quotaOf, quotaRootOf } from "../../../ops/mailboxes/index.ts";
import { parseQuotaLimits, quotaLines } from "../../../ops/quota/index.ts";
import type { QuotaRow } from "../../../store/index.ts";
import type { ImapCommand } from "../core.ts";
import type { ImapSession } from "../core.ts";

export const getQuota: ImapCommand<string> = {
  name: "GETQUOTA",
  capability: "QUOTA",
  state: "loggedIn",
  parse: parseOneName,
  run(session, root) {
    const { mail, names } = session;
    const name = names.toInternal(root) ?? refuse("quotaRootNonexistent");
    tellQuota(
      session,
      session.view((snapshot) => quotaOf(snapshot, mail.access, name)),
    );
    return "OK Completed";
  },
};

export const getQuotaRoot: ImapCommand<string> = {
  name: "GETQUOTAROOT",
  state: "loggedIn",
  parse: parseOneName,
  run(session, mailbox) {
    const { mail, names } = session;
    const name = names.toInternal(mailbox) ?? refuse("mailboxNonexistent");
    const quota = session.view((snapshot) => quotaRootOf(snapshot, mail.access, name));
    quotaRootLine(session.out, mailbox, quota === undefined ? [] : [rootName(session, quota)]);
    if (quota !== undefined) tellQuota(session, quota);
    return "OK Completed";
  },
};

export const setQuota: ImapCommand<SetQuotaArguments> = {
  name: "SETQUOTA",
  state: "loggedIn",
  writes: true,
  parse: parseSetQuota,
  async run(session, { root, limits }) {
    const name = session.names.toInternal(root) ?? refuse("mailboxNonexistent");
    await session.mail.ask("quota.set", {
      root: name,
      limits: parseQuotaLimits([...limits].map(([resource, limit]) => ({ resource, limit }))),
    });
    return "OK Completed";
  },
};

function tellQuota(session: ImapSession, quota: QuotaRow): void {
  quotaLine(session.out, rootName(session, quota), quotaLines(quota));
}

/** A root is named like its mailbox; one that the user cannot name is shown by its last level at most. */
function rootName(session: ImapSession, { root }: QuotaRow): string {
  return session.names.toExternal(root) ?? "";
}
