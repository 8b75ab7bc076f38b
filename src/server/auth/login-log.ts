/** Login lines as Cyrus writes them: fail2ban and log readers know them by heart. */

export type LoginLogStyle =
  /** imap, pop: with session id, failures in brackets. */
  | "session"
  /** http: with session id, failures without parentheses. */
  | "http"
  /** nntp, lmtp, csync, mupdate: no session id. */
  | "plain"
  /** managesieve: failures without a name. */
  | "sieve";

export interface LoginEvent {
  /** `name [ip]`. */
  readonly host: string;
  /** As the client gave it. */
  readonly user: string;
  /** `plaintext` or the mechanism. */
  readonly mechanism: string;
}

export function loginLine(
  style: LoginLogStyle,
  event: LoginEvent & { readonly tls: boolean; readonly sessionId: string | undefined },
): string {
  const { host, user, mechanism, tls, sessionId } = event;
  const line = `login: ${host} ${user} ${mechanism}${tls ? "+TLS" : ""} User logged in`;
  const showsSession = (style === "session" || style === "http") && sessionId !== undefined;
  return showsSession ? `${line} SESSIONID=<${sessionId}>` : line;
}

/** @param detail `SASL(-13): authentication failure: checkpass failed` and the like */
export function badLoginLine(style: LoginLogStyle, { host, user, mechanism }: LoginEvent, detail: string): string {
  if (style === "http") return `badlogin: ${host} ${mechanism} ${user} ${detail}`;
  if (style === "sieve") return `badlogin: ${host} ${mechanism} ${detail}`;
  return `badlogin: ${host} ${mechanism} (${user}) [${detail}]`;
}

/** Texts of libsasl, with its numbers. */
export const saslDetails = {
  plaintextFailed: "SASL(-13): authentication failure: checkpass failed",
  passwordFailed: "SASL(-13): authentication failure: Password verification failed",
  scramFailed: "SASL(-13): authentication failure: incorrect response",
  notAuthorized: "SASL(-14): authorization failure: not authorized to act for the other user",
  unavailable: "SASL(-1): generic failure: checkpass failed",
  badProtocol: "SASL(-5): bad protocol / cancel",
  noMechanism: "SASL(-4): no mechanism available",
  channelBinding: "SASL(-13): authentication failure: channel binding does not match",
} as const;
