/** What LOGIN and AUTHENTICATE have in common: the answer to a success, and its consequences. */
import type { Identity } from "../../server/auth/index.ts";
import { capabilityText } from "./capability.ts";
import type { ImapSession } from "./core.ts";

/** @param text what was done: `User logged in`, `Success (no protection)` */
export function loginSucceeded(session: ImapSession, identity: Identity, text: string): string {
  session.loggedIn(identity);
  return `OK [CAPABILITY ${capabilityText(session, true)}] ${text} SESSIONID=<${session.sessionId}>`;
}

/** What protects the connection, as Cyrus calls it. */
export function protectionText(session: ImapSession): string {
  return session.connection.tls === undefined ? "no protection" : "tls protection";
}
