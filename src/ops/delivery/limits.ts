/** Limits of delivery. */

/** A message up to this size is taken in memory; a larger one goes to a file of the partition as it comes. */
export const MAX_MEMORY_MESSAGE_OCTETS = 262_144;
/** A header that does not end within this is no header. The scanner reads as much. */
export const MAX_HEADER_OCTETS = 1_048_576;
/** Octets handed to a staged file at a time. */
export const STAGE_WRITE_OCTETS = 1_048_576;
/** Marks wait this long for others, then all go to deliver.db in one transaction; milliseconds. */
export const MARK_DELAY_MILLISECONDS = 20;
/** Marks kept when deliver.db cannot be written; beyond it the oldest are dropped. */
export const MAX_WAITING_MARKS = 10_000;
/** How long what RCPT has read of a mailbox is good for the end of the message. */
export const RECIPIENT_FRESH_MILLISECONDS = 1_000;
