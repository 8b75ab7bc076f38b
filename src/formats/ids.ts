/** Names for the numbers and strings that get mixed up. A brand costs nothing at run time. */

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Message number inside one mailbox, never reused under one uidvalidity. 1 to 2^32-1. */
export type Uid = Brand<number, "Uid">;
/** Position in the session's view, 1-based; shifts when an EXPUNGE is told to the client. */
export type Seqno = Brand<number, "Seqno">;
/**
 * Change counter of a mailbox (RFC 7162 §3.1), also used by csync and JMAP state strings.
 * The protocol allows 63 bits; we keep it in a number, so 1 to 2^53-1, and refuse larger ones where they come from outside.
 */
export type Modseq = Brand<number, "Modseq">;
/** Internal name, hierarchy separator ".", modified UTF-7, domain in front: `user.fred.Sent`, `example.org!user.jane`. Never shown to clients. */
export type MboxName = Brand<string, "MboxName">;
/** Identity of a mailbox that renames do not change: 24 of [a-z0-9] for new ones, any `[A-Za-z0-9-]{1,64}` for old ones. */
export type UniqueId = Brand<string, "UniqueId">;
/** Canonical userid, after mapping. */
export type UserId = Brand<string, "UserId">;
/** SHA-1 of a message's octets, 20 octets. */
export type Guid = Brand<Uint8Array, "Guid">;
/** A range of uids, both ends included. */
export interface UidRange {
  readonly first: number;
  readonly last: number;
}
