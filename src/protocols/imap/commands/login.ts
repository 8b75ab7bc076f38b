import { parseLogin } from "../../../formats/imap/index.ts";
import type { LoginFailure } from "../../../server/auth/index.ts";
import type { ImapCommand } from "../core.ts";
import { loginSucceeded } from "../login.ts";

/** LOGIN: RFC 3501 §6.2.3. */
export const login: ImapCommand<{ user: string; password: string }> = {
  name: "LOGIN",
  state: "notLoggedIn",
  parse: parseLogin,
  async run(session, { user, password }) {
    if (session.identity !== undefined) return "BAD Already logged in";
    const { connection, service, sessionId } = session;
    const { logins, externalSsf, context } = service;
    if (!logins.plaintextAllowed(connection, externalSsf)) return "NO Login only available under a layer";
    const common = { authcid: user, connection, sessionId };
    const result = service.withoutPassword
      ? await logins.withoutPassword(common)
      : await logins.password({ ...common, password, mechanism: "plaintext" });
    if (!result.ok) return `NO ${failureText(result)}`;
    const alert = context.config.plaintextloginalert;
    if (alert !== undefined && alert !== "" && connection.tls === undefined) session.pendingAlert = alert;
    return loginSucceeded(session, result, result.isAnonymous ? "Anonymous access granted" : "User logged in");
  },
};

function failureText({ reason, text }: LoginFailure): string {
  switch (reason) {
    case "credentials":
    case "unavailable":
    case "denied":
      return `Login failed: ${text}`;
    default:
      return text;
  }
}
