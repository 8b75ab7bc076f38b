/** Limits of an IMAP session beside those of its syntax (formats/imap/limits.ts) and of every server process (server/limits). */

/** Commands in a row that are none (BAD), before the session ends: somebody speaks another protocol, or sends line ends without end. */
export const MAX_BAD_COMMANDS = 100;
/** Octets a client may send ahead while a command of its runs; then it is not read from. */
export const MAX_AHEAD_OCTETS = 262_144;
/** A message up to this size is taken in memory; a larger one goes to a file of the partition as it comes. */
export const MAX_MEMORY_MESSAGE_OCTETS = 262_144;
/** Messages of one APPEND (RFC 3502); each waits, with its record, until the command is complete. */
export const MAX_APPEND_MESSAGES = 1_000;
/** Octets of one APPEND's messages kept in memory. */
export const MAX_APPEND_MEMORY_OCTETS = 8 * 1_048_576;
/** Bodies read ahead when they are not in the page cache. */
export const READ_AHEAD_MESSAGES = 16;
/** IDLE's DONE, and nothing else. */
export const MAX_IDLE_LINE_OCTETS = 1_024;
/** `timeout` is never less (RFC 3501 §5.4), seconds. */
export const MIN_TIMEOUT_SECONDS = 30 * 60;
/** Largest literal size that fits the syntax: what APPENDLIMIT says without `maxmessagesize`. */
export const MAX_MESSAGE_OCTETS = 4_294_967_295;
/** A deleted mailbox with more messages in view ends the session: so many EXPUNGEs are worse than a new connection. */
export const MAX_VANISHED_MESSAGES = 10_000;
/** News of a mailbox up to this size are written once for all sessions that are told the same. */
export const MAX_SHARED_NEWS_OCTETS = 8_192;
/** EXPUNGEs told after one command; with more the rest comes after the next, so that a reply stays below what a connection holds. */
export const MAX_EXPUNGES_TOLD = 100_000;
