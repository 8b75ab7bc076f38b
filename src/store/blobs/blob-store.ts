/**
 * The port in front of message octets, as the one writer uses it: what changes where messages lie. `fs` (fs-blobs.ts) is the adapter there is; every
 * adapter passes `contract.ts`.
 *
 * A store that keeps one object for each content (an S3-protocol store) names it by `guid`: `put` and `take` upload what is not there yet, `link` and
 * `moveMailbox` have nothing to do, and `remove` is a hint, since the same content may be wanted elsewhere; what no row of the guid index names is swept.
 * Calls come in the order of commits from one thread that does nothing else, so an adapter may wait in any of them. What `sync` has not covered yet
 * is called for again after a crash, in the same order.
 */
import type { UniqueId } from "../../formats/ids.ts";

/** A message in its mailbox. */
export interface BlobPlace {
  /** See places.ts. */
  readonly place: string;
  readonly uniqueId: UniqueId;
  readonly uid: number;
}

/** A message's octets. */
export interface BlobName extends BlobPlace {
  /** SHA-1 of the octets. */
  readonly guid: Uint8Array;
  readonly sizeOctets: number;
}

/** Octets that were to be linked, taken or moved are not there. */
export class BlobMissing extends Error {}

export interface BlobStore {
  /** Writes the octets, whatever was there before. Octets that other messages share are not changed by it. */
  put(blob: BlobName, octets: Uint8Array): void;
  /**
   * Takes octets that a worker left under `staged`, durable, in the stage of a root, or of the place's partition. They stay there until `sync` has
   * covered this.
   * @throws BlobMissing, unless the blob has that length already
   */
  take(blob: BlobName, staged: string, root?: string): void;
  /** Gives the octets of one message to another as well. @throws BlobMissing */
  link(source: BlobPlace, blob: BlobName): void;
  /** Whether there are octets of that name, whatever they are. */
  has(blob: BlobPlace): boolean;
  /** Whether the octets have the right length and digest: reads all of them. */
  holds(blob: BlobName): boolean;
  /** Takes a message's octets away; where a place is not only of one kind, see `spoolOnly`, from all of them. Nothing there is fine. */
  remove(blob: BlobPlace): void;
  /**
   * Takes the octets of up to `most` messages of a mailbox away, and what else is kept beside them.
   * @returns how many were taken away; fewer than `most`: nothing is left
   */
  removeMailbox(place: string, uniqueId: UniqueId, most: number): number;
  /** The messages of a mailbox that have octets in that place, where it is not only of one kind in any of them. */
  uidsOf(place: string, uniqueId: UniqueId): number[];
  /**
   * Moves the octets of a mailbox, in the spool and in the archive, to a place of the same partition.
   * @returns false: there is more to move, call again
   */
  moveMailbox(from: string, to: string, uniqueId: UniqueId): boolean;
  /** Makes everything durable that was done before. @throws Error when that cannot be known: everything since the last success is done again */
  sync(): void;
  close(): void;
}
