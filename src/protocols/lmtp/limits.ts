/** Limits of an LMTP session beside those of its syntax (formats/lmtp/limits.ts) and of every server process (server/limits). */

/** Recipients of one message; RFC 5321 §4.5.3.1.8 wants 100 at least. All of them are one transaction of the store. */
export const MAX_RECIPIENTS = 1_000;
/** Without `maxmessagesize`: what IMAP can say as a size (RFC 3501 §9, number). */
export const MAX_MESSAGE_OCTETS = 4_294_967_295;
/** Octets a client may send ahead while a command is worked on; then it is not read from. */
export const MAX_AHEAD_OCTETS = 262_144;
/** Lines in a row that are no commands, before the session ends: somebody speaks another protocol. */
export const MAX_BAD_COMMANDS = 100;
