/**
 * Reading message octets: from the page cache at once where the kernel has them, else in the thread pool; from table `pending` while the file is not
 * there yet.
 */
import { existsSync, read as readLater } from "node:fs";

import { closeDescriptor, openIfThere, readCached } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import type { PendingContent } from "../reader/snapshot.ts";
import type { StoreView } from "../reader/store-reader.ts";
import {
  hasLegacyDirectory,
  placeOf,
  partitionOf,
  messageDirectory,
  rootPath,
  type Roots,
  withBlobPlace,
  directoryOf,
  BlobPlace,
} from "./places.ts";
import { type LegacyHashing, noHashing } from "./legacy-directory.ts";
import { messagePath, stagePath } from "./paths.ts";

/** A message to read. */
export interface MessageLocation {
  readonly mbox: number;
  readonly uniqueId: UniqueId;
  readonly partition: string;
  readonly uid: number;
  readonly sizeOctets: number;
  /** Of its cold row, as the caller has read it: where to look first. */
  readonly blobPlace?: number;
}

/** The octets of a message that has a row are nowhere: disk damage. */
export class MessageMissing extends Error {}

/** An open message: a descriptor, or the octets themselves. Must be closed. */
export interface OpenMessage {
  readonly fd: number | undefined;
  readonly octets: Uint8Array | undefined;
}

const ROUNDS = 3;

/** What the database knows of a message's whereabouts, in one snapshot. */
interface Whereabouts {
  /** Where the file is to be. */
  readonly place: string;
  readonly pending: PendingContent | undefined;
  /** Directories by name that it may not have left yet, the last one first. */
  readonly former: readonly string[];
}

/** The directory of a mailbox's messages. */
interface Usual {
  readonly uniqueId: UniqueId | undefined;
  readonly partition: string;
  readonly blobPlace: number;
  readonly directory: string;
}

export class MessageReader {
  private readonly store: StoreView;
  private readonly roots: Roots;
  private readonly hashing: LegacyHashing;
  private last: Usual = { uniqueId: undefined, partition: "", blobPlace: BlobPlace.spool, directory: "" };

  /** @param hashing of directories by name */
  constructor(store: StoreView, roots: Roots, hashing: LegacyHashing = noHashing) {
    this.store = store;
    this.roots = roots;
    this.hashing = hashing;
  }

  /** @throws MessageMissing */
  open(message: MessageLocation): OpenMessage {
    // Identities are never given twice: what lies there is the message. A directory by name may be another mailbox's by now.
    const path = messagePath(this.usualDirectory(message), message.uid);
    const fd = openIfThere(path);
    if (fd !== undefined) return { fd, octets: undefined };
    // The file may be written, or moved, and its pending row removed, between our two looks: look again.
    for (let round = 0; round < ROUNDS; round++) {
      const opened = this.find(message);
      if (opened) return opened;
    }
    throw new MessageMissing(`${path} (uid ${message.uid} of ${message.uniqueId}) is missing`);
  }

  close(opened: OpenMessage): void {
    if (opened.fd !== undefined) closeDescriptor(opened.fd);
  }

  /**
   * Reads from `position` into `target`, or `length` octets of it from `start` on, what can be had without waiting for the disk. Returns the octets read,
   * or undefined when it would have to wait.
   */
  readNow(
    opened: OpenMessage,
    target: Buffer,
    position: number,
    start = 0,
    length = target.length - start,
  ): number | undefined {
    if (opened.octets) return copyPart(opened.octets, target.subarray(start, start + length), position);
    return readCached(opened.fd!, target, position, start, length);
  }

  /** The same through the thread pool, waiting as long as it takes. */
  readLater(opened: OpenMessage, target: Buffer, position: number): Promise<number> {
    if (opened.octets) return Promise.resolve(copyPart(opened.octets, target, position));
    return new Promise((resolve, reject) => {
      readLater(opened.fd!, target, 0, target.length, position, (error, read) =>
        error ? reject(error) : resolve(read),
      );
    });
  }

  /** A whole message. @throws MessageMissing, also when the file is shorter than its row says */
  async read(message: MessageLocation): Promise<Buffer> {
    const opened = this.open(message);
    try {
      const target = Buffer.allocUnsafe(message.sizeOctets);
      let filled = 0;
      while (filled < target.length) {
        const rest = target.subarray(filled);
        const read = this.readNow(opened, rest, filled) ?? (await this.readLater(opened, rest, filled));
        if (read === 0)
          throw new MessageMissing(`uid ${message.uid} of ${message.uniqueId} ends after ${filled} octets`);
        filled += read;
      }
      return target;
    } finally {
      this.close(opened);
    }
  }

  private find(message: MessageLocation): OpenMessage | undefined {
    const { place, pending, former } = this.whereabouts(message);
    const path = this.path(place, message);
    const fd = openIfThere(path);
    if (fd !== undefined) return this.confirm(message, place, { fd, octets: undefined });
    if (pending) {
      const opened = this.openPending(message, pending);
      // By name, the source may be another mailbox's by now: then our own file is there.
      if (opened?.fd === undefined || directoryOf(place) === undefined) return opened;
      return this.unlessThere(path, opened);
    }
    for (const old of former) {
      const found = openIfThere(this.path(old, message));
      if (found !== undefined) return this.unlessThere(path, { fd: found, octets: undefined });
    }
    // Archived while the partition had no archive, or the other way round.
    for (const kind of [BlobPlace.spool, BlobPlace.archive]) {
      const other = withBlobPlace(place, kind);
      const found = openIfThere(this.path(other, message));
      if (found !== undefined) return this.confirm(message, place, { fd: found, octets: undefined });
    }
    return undefined;
  }

  private whereabouts({ mbox, uniqueId, uid, partition, blobPlace }: MessageLocation): Whereabouts {
    return this.store.view((snapshot) => {
      const entry = snapshot.entryByUniqueId(uniqueId);
      const kind = snapshot.coldRow(mbox, uid)?.blobPlace ?? blobPlace ?? BlobPlace.spool;
      const place = entry ? placeOf(entry, kind, this.hashing) : withBlobPlace(partition, kind);
      const isNamed = entry !== undefined && hasLegacyDirectory(entry);
      const former = isNamed ? snapshot.formerPlaces(mbox).map((old) => withBlobPlace(old, kind)) : [];
      return { place, pending: snapshot.pendingContent(mbox, uid), former };
    });
  }

  /** A directory by name is the mailbox's as long as it has that name. */
  private confirm(message: MessageLocation, place: string, opened: OpenMessage): OpenMessage | undefined {
    if (directoryOf(place) === undefined || this.whereabouts(message).place === place) return opened;
    this.close(opened);
    return undefined;
  }

  /** A file leaves a directory by name before another mailbox can have it: what was opened there is right while the new one is not there. */
  private unlessThere(path: string, opened: OpenMessage): OpenMessage | undefined {
    if (!existsSync(path)) return opened;
    this.close(opened);
    return undefined;
  }

  private openPending(message: MessageLocation, first: PendingContent): OpenMessage | undefined {
    let content = first;
    for (let hop = 0; hop < ROUNDS; hop++) {
      if ("octets" in content) return { fd: undefined, octets: content.octets };
      if ("staged" in content) {
        const fd = openIfThere(stagePath(this.root(content.root ?? message.partition), content.staged));
        return fd === undefined ? undefined : { fd, octets: undefined };
      }
      const { link } = content;
      const fd = openIfThere(this.path(link.partition, link));
      if (fd !== undefined) return { fd, octets: undefined };
      const next = this.store.view((snapshot) => snapshot.pendingContent(link.mbox, link.uid));
      if (!next) return undefined;
      content = next;
    }
    return undefined;
  }

  /** Where a message is in most cases. The last answer is kept: it is asked for message after message of one mailbox. */
  private usualDirectory({ uniqueId, partition, blobPlace = BlobPlace.spool }: MessageLocation): string {
    const { last } = this;
    if (last.uniqueId === uniqueId && last.partition === partition && last.blobPlace === blobPlace)
      return last.directory;
    const place = withBlobPlace(partition, blobPlace);
    this.root(partitionOf(place));
    const directory = messageDirectory(this.roots, place, uniqueId);
    this.last = { uniqueId, partition, blobPlace, directory };
    return directory;
  }

  private path(place: string, { uniqueId, uid }: Pick<MessageLocation, "uniqueId" | "uid">): string {
    this.root(partitionOf(place));
    return messagePath(messageDirectory(this.roots, place, uniqueId), uid);
  }

  private root(name: string): string {
    const partition = partitionOf(name);
    if (!this.roots.has(partition)) throw new MessageMissing(`partition-${partition} is not in the configuration`);
    return rootPath(this.roots, name);
  }
}

function copyPart(octets: Uint8Array, target: Buffer, position: number): number {
  const part = octets.subarray(position, position + target.length);
  target.set(part);
  return part.length;
}
