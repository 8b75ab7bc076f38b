/** LMTP's syntax (RFC 2033): octets in, values out. See README.md. */
export {
  type LmtpCommand,
  type MailArguments,
  type ParameterFault,
  parseCommand,
  parseMail,
  parseRcpt,
  type RcptArguments,
} from "./command.ts";
export { type Line, LmtpInput } from "./input.ts";
export * as limits from "./limits.ts";
export { hasDomain, parsePath, type PathOptions, withoutRoute } from "./path.ts";
export { formatReply } from "./reply.ts";
export { DotUnstuffer } from "./unstuffer.ts";
