/** Rows of table `pending`: message files that a committed change calls for and that may not be durable on disk yet. */
import type { UniqueId } from "../formats/ids.ts";

/** Where the octets of a pending file are when they are not in the row itself. Kept as JSON in column `source`. */
export type PendingSource =
  /** COPY and MOVE: a hard link to another message's file; its cache record is copied along. */
  | { readonly link: LinkSource }
  /** A large message that the worker has already written and synced: name below the partition's `stage./`, renamed into place. */
  | {
      readonly staged: string;
      /** Root (blobs/places.ts) in whose `stage./` it is, when that is not the partition's. */
      readonly root?: string;
    };

/** Another message, as it was when the copy was committed. */
export interface LinkSource {
  /** Says the shard in which the message was. The mailbox may be in another one by now, under another number; its files are where they were. */
  readonly mbox: number;
  readonly uniqueId: UniqueId;
  /** The place of its file then. */
  readonly partition: string;
  readonly uid: number;
  readonly cacheOffset: number;
  readonly cacheLength: number;
  readonly cacheCrc: number;
  readonly cacheGeneration: number;
}

/**
 * In a row with uid 0: a mailbox with a legacy directory got another name, another partition, or is going for good. Its message files leave this place,
 * for the one that the row names. Files called for before it are in the old place, those after it in the new one.
 */
export interface MoveSource {
  readonly moved: string;
}

export const isMove = (source: PendingSource | MoveSource | undefined): source is MoveSource =>
  source !== undefined && "moved" in source;

export interface PendingRow {
  readonly seq: number;
  readonly mbox: number;
  readonly uid: number;
  readonly uniqueId: UniqueId;
  /** The place of the file (blobs/places.ts). */
  readonly partition: string;
  readonly source: PendingSource | MoveSource | undefined;
  readonly sizeOctets: number;
  readonly guid: Uint8Array;
  readonly cacheOffset: number | undefined;
  readonly cacheGeneration: number;
  readonly cache: Uint8Array | undefined;
  readonly octets: Uint8Array | undefined;
}
