/** What a reader finds in a store: plain values, from its own reading of the database and the files. */

export interface ObservedMessage {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: ReadonlySet<string>;
  /** Seconds since 1970. */
  readonly internaldate: number;
  /** As the record says. */
  readonly sizeOctets: number;
  /** SHA-1 in hex as the record says. */
  readonly guid: string;
  /** SHA-1 in hex of the octets really there; undefined: there are none. */
  readonly digest: string | undefined;
}
/** Values that the store keeps beside what they derive from. A field that it does not keep is left out. */
export interface StoredCounts {
  readonly exists?: number;
  readonly unseen?: number;
  readonly deleted?: number;
  readonly answered?: number;
  readonly flagged?: number;
  readonly sizeOctets?: number;
}
export interface ObservedMailbox {
  readonly name: string;
  readonly uniqueid: string;
  readonly uidvalidity: number;
  readonly acl?: string;
  readonly lastUid: number;
  readonly highestModseq: number;
  readonly messages: ReadonlyMap<number, ObservedMessage>;
  readonly counts: StoredCounts;
}
export interface ObservedQuota {
  readonly limitOctets: number;
  readonly usedOctets: number;
}
export interface Observed {
  readonly mailboxes: ReadonlyMap<string, ObservedMailbox>;
  readonly quotas: ReadonlyMap<string, ObservedQuota>;
  /** What the reader found wrong in the format itself: checksums, block heads, rows without mailbox, header files. */
  readonly problems: readonly string[];
}
