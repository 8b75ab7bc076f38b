export {
  Authenticator,
  type AuthenticatorOptions,
} from "./authenticator.ts";
export { type Canonical, type CanonicalOptions, canonicalUserid } from "./canonical-userid.ts";
export {
  type FailureReason,
  failureTexts,
  type Identity,
  type LoginFailure,
  type LoginResult,
  type PasswordLogin,
} from "./identity.ts";
export type { LoginLogStyle } from "./login-log.ts";
export { OperatorFiles } from "./operator-files.ts";
export type { ExchangeStep, SaslExchange } from "./sasl-exchange.ts";
export { type DenyEntry, formatUserDeny, matchesWildmat, matchesWildmatList, parseUserDeny } from "./user-deny.ts";
export { splitUser, UserDatabase, userDatabasePath, UserLookup, type UserName } from "./user-database.ts";
