import { type AuthenticateArguments, parseAuthenticate } from "../../../formats/imap/index.ts";
import { saslLineOctets } from "../../../server/limits/limits.ts";
import type { ImapCommand } from "../core.ts";
import { loginSucceeded, protectionText } from "../login.ts";

/** AUTHENTICATE: RFC 3501 §6.2.2, with an initial response (RFC 4959). */
export const authenticate: ImapCommand<AuthenticateArguments> = {
  name: "AUTHENTICATE",
  state: "notLoggedIn",
  parse: parseAuthenticate,
  async run(session, { mechanism, initialResponse }) {
    if (session.identity !== undefined) return "BAD Already authenticated";
    const { connection, service, sessionId } = session;
    const { externalSsf, logins } = service;
    if (service.context.config.tls_required && connection.tls === undefined && externalSsf < 2)
      return "NO Authenticate only available under a layer";
    const exchange = logins.exchange(mechanism, connection, { sessionId, externalSsf });
    connection.secret = true;
    try {
      let step = await exchange.start(initialResponse);
      while (step.kind === "challenge") {
        session.goAhead(step.text);
        const line = await session.nextLine(saslLineOctets);
        if (line === undefined) return undefined;
        step = await exchange.respond(line);
      }
      if (step.kind === "done") return loginSucceeded(session, step.identity, `Success (${protectionText(session)})`);
      const { reason, text } = step.failure;
      return reason === "aborted" || reason === "syntax" ? `BAD ${text}` : `NO ${text}`;
    } finally {
      connection.secret = false;
    }
  },
};
