import type { UserId } from "../../formats/ids.ts";
import type { Connection } from "../connection/index.ts";

/** Who a session acts for after a login. */
export interface Identity {
  readonly ok: true;
  /** Owner of the session's mailboxes, and its name in ACLs. */
  readonly userid: UserId;
  /** Who gave the password; differs from `userid` after proxy authorization. */
  readonly authid: UserId;
  /** `+xxx` of imapmagicplus, or "". */
  readonly magicPlus: string;
  /** In `admins`, and acting as itself. */
  readonly isAdmin: boolean;
  /** With virtdomains an admin `name@domain` rules that domain only. */
  readonly adminDomain: string | undefined;
  /** The user acted for is an admin: only the view of the name space follows from it. */
  readonly isProxyAdmin: boolean;
  /** The user's groups, as ACLs name them behind `group:`. */
  readonly groups: readonly string[];
  readonly isAnonymous: boolean;
  /** As the log names it: `plaintext`, `PLAIN`, `SCRAM-SHA-256`, ... */
  readonly mechanism: string;
}

export type FailureReason =
  /** Wrong password, unknown user, foreign realm, no right to act for the other: all look the same to the client. */
  | "credentials"
  /** The name is no userid. */
  | "invalidUser"
  /** In user_deny.db. */
  | "denied"
  /** maxlogins_per_user or _per_host. */
  | "tooMany"
  /** The password check itself does not work at the moment. */
  | "unavailable"
  /** `anonymous` where that is off. */
  | "anonymous"
  /** The client gave up with `*`. */
  | "aborted"
  /** Base64 or message malformed. */
  | "syntax"
  /** Not offered here, or not now. */
  | "mechanism";

export interface LoginFailure {
  readonly ok: false;
  readonly reason: FailureReason;
  /** What the client may be told, in the words of Cyrus; the protocol puts its own around it. */
  readonly text: string;
}

export type LoginResult = Identity | LoginFailure;

export const failureTexts: Readonly<Record<FailureReason, string>> = {
  credentials: "authentication failure",
  invalidUser: "Invalid user",
  denied: "authorization failure",
  tooMany: "Too many open connections",
  unavailable: "generic failure",
  anonymous: "Anonymous login is not permitted",
  aborted: "Client canceled authentication",
  syntax: "bad protocol / cancel",
  mechanism: "no mechanism available",
};

export function failure(reason: FailureReason, text = failureTexts[reason]): LoginFailure {
  return { ok: false, reason, text };
}

export interface PasswordLogin {
  readonly authcid: string;
  /** Who to act for; "" or absent: oneself. */
  readonly authzid?: string;
  readonly password: string;
  /** `plaintext` for LOGIN, USER/PASS and the like, else the SASL mechanism. */
  readonly mechanism: string;
  readonly connection: Connection;
  readonly sessionId?: string | undefined;
}
