/** What LOGIN and AUTHENTICATE have in common: the answer to a success, and its consequences. */
import { MailError } from "../../ops/index.ts";
import type { Identity } from "../../server/auth/index.ts";
import { capabilityText } from "./capability.ts";
import type { ImapSession } from "./core.ts";

/** @param text what was done: `User logged in`, `Success (no protection)` */
export async function loginSucceeded(session: ImapSession, identity: Identity, text: string): Promise<string> {
  session.loggedIn(identity);
  await makeMailboxes(session, identity);
  return `OK [CAPABILITY ${capabilityText(session, true)}] ${text} SESSIONID=<${session.sessionId}>`;
}

/** What protects the connection, as Cyrus calls it. */
export function protectionText(session: ImapSession): string {
  return session.connection.tls === undefined ? "no protection" : "tls protection";
}

/** A user without INBOX gets one, and what else the `autocreate_` options say; a login does not fail for it. */
async function makeMailboxes(
  session: ImapSession,
  { userid, isAnonymous, isAdmin, isProxyAdmin }: Identity,
): Promise<void> {
  const { inbox } = session.names;
  const { config, log } = session.service.context;
  if (isAnonymous || isAdmin || isProxyAdmin || inbox === undefined || config.autocreate_quota < 0 || config.readonly)
    return;
  if (session.view((snapshot) => snapshot.entry(inbox)) !== undefined) return;
  try {
    await session.mail.ask("mailboxes.autocreate", { userId: userid });
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    log.err(`autocreateinbox: ${userid}: ${error.message}`);
  }
}
