/**
 * Reading message octets: from the page cache at once where the kernel has them, else in the thread pool; from table `pending` while the file is not
 * there yet.
 */
import { createHash } from "node:crypto";
import { fstatSync, read as readLater, readSync } from "node:fs";
import { isDiskError } from "../../base/files.ts";
import { closeDescriptor, openIfThere, readCached } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import type { PendingContent, PendingMove } from "../reader/snapshot.ts";
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

/** The octets of a message that has a row are nowhere, or cannot be read: disk damage, or wrong permissions. */
export class MessageMissing extends Error {}

/** An open message: a descriptor, or the octets themselves. Must be closed. */
export interface OpenMessage {
  fd: number | undefined;
  octets: Uint8Array | undefined;
  /** Set until a look for a longer file has been worth its while. */
  mayGrow?: MessageLocation | undefined;
}

const ROUNDS = 3;
/** Copies of copies that have no file yet, and moves from partition to partition. */
const MAX_HOPS = 1_000;

/** What the database knows of a message's whereabouts, in one snapshot. */
interface Whereabouts {
  /** Where the file is to be. */
  readonly place: string;
  /** undefined: the row is gone. */
  readonly guid: Uint8Array | undefined;
  readonly pending: PendingContent | undefined;
  /** Moves of directories by name that may not have been made yet. */
  readonly moves: readonly PendingMove[];
}

/** A pending row of message `of` that makes its file from another. */
type Linked = Extract<PendingContent, { readonly link: unknown }> & {
  readonly of: Pick<MessageLocation, "mbox" | "uid">;
};

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
  /** Why a file that is there could not be opened, of the message that is looked for. */
  private trouble: unknown;
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
    this.trouble = undefined;
    const fd = this.openFile(path);
    if (fd !== undefined) return { fd, octets: undefined, mayGrow: message };
    // The file may be written, or moved, and its pending row removed, between our two looks: look again.
    for (let round = 0; round < ROUNDS; round++) {
      const opened = this.find(message);
      if (opened) return { ...opened, mayGrow: message };
    }
    const why = this.trouble === undefined ? "is missing" : `cannot be opened: ${String(this.trouble)}`;
    throw new MessageMissing(`${path} (uid ${message.uid} of ${message.uniqueId}) ${why}`);
  }

  /** A file that cannot be opened is passed over: the octets may be elsewhere. */
  private openFile(path: string): number | undefined {
    try {
      return openIfThere(path);
    } catch (error) {
      this.trouble = error;
      return undefined;
    }
  }

  close(opened: OpenMessage): void {
    if (opened.fd !== undefined) closeDescriptor(opened.fd);
  }

  /**
   * Reads from `position` into `target`, or `length` octets of it from `start` on, what can be had without waiting for the disk. Returns the octets read,
   * or undefined when it would have to wait.
   * @throws MessageMissing when the disk fails
   */
  readNow(
    opened: OpenMessage,
    target: Buffer,
    position: number,
    start = 0,
    length = target.length - start,
  ): number | undefined {
    if (opened.octets) return copyPart(opened.octets, target.subarray(start, start + length), position);
    const read = this.readFile(opened.fd!, target, position, start, length);
    return read === 0 && this.lookAgain(opened, position)
      ? this.readNow(opened, target, position, start, length)
      : read;
  }

  private readFile(fd: number, target: Buffer, position: number, start: number, length: number): number | undefined {
    try {
      return readCached(fd, target, position, start, length);
    } catch (error) {
      throw unreadable(error);
    }
  }

  /** The same through the thread pool, waiting as long as it takes. @throws MessageMissing when the disk fails */
  readLater(opened: OpenMessage, target: Buffer, position: number): Promise<number> {
    if (opened.octets) return Promise.resolve(copyPart(opened.octets, target, position));
    return new Promise((resolve, reject) => {
      readLater(opened.fd!, target, 0, target.length, position, (error, read) => {
        if (error) reject(unreadable(error));
        else if (read > 0 || !this.lookAgain(opened, position)) resolve(read);
        else resolve(this.readLater(opened, target, position));
      });
    });
  }

  /** A file that ends too early may be one that is being written in this moment: its octets are elsewhere until it is durable. */
  private lookAgain(opened: OpenMessage, position: number): boolean {
    const message = opened.mayGrow;
    opened.mayGrow = undefined;
    if (!message || position >= message.sizeOctets) return false;
    const { pending } = this.whereabouts(message);
    const found = (pending && this.openPending(message, pending)) ?? this.find(message);
    if (!found) return false;
    this.close(opened);
    opened.fd = found.fd;
    opened.octets = found.octets;
    return true;
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
    const known = this.whereabouts(message);
    const { place, pending, moves } = known;
    if (pending && "octets" in pending) return { fd: undefined, octets: pending.octets };
    if (moves.length > 0) return this.findMoving(message, known);
    const fd = this.openFile(this.path(place, message));
    if (fd !== undefined) return this.confirm(message, place, { fd, octets: undefined });
    if (pending) return this.openPending(message, pending);
    // Archived while the partition had no archive, or the other way round.
    for (const kind of [BlobPlace.spool, BlobPlace.archive]) {
      const found = this.openFile(this.path(withBlobPlace(place, kind), message));
      if (found !== undefined) return this.confirm(message, place, { fd: found, octets: undefined });
    }
    return undefined;
  }

  private whereabouts({ mbox, uniqueId, uid, partition, blobPlace }: MessageLocation): Whereabouts {
    return this.store.view((snapshot) => {
      const entry = snapshot.entryByUniqueId(uniqueId);
      const cold = snapshot.coldRow(mbox, uid);
      const kind = cold?.blobPlace ?? blobPlace ?? BlobPlace.spool;
      const place = entry ? placeOf(entry, kind, this.hashing) : withBlobPlace(partition, kind);
      const pending = snapshot.pendingContent(mbox, uid);
      const isNamed = (entry && hasLegacyDirectory(entry)) || isNamedLink(pending);
      return { place, guid: cold?.guid, pending, moves: isNamed ? snapshot.pendingMoves(mbox) : [] };
    });
  }

  /** A directory by name is the mailbox's as long as it has that name, and nobody else's files are still in it. */
  private confirm(message: MessageLocation, place: string, opened: OpenMessage): OpenMessage | undefined {
    if (directoryOf(place) === undefined) return opened;
    const now = this.whereabouts(message);
    if (now.place === place && now.moves.length === 0) return opened;
    this.close(opened);
    return undefined;
  }

  /**
   * While files follow the names of their mailboxes, a directory may have another mailbox's files in it, under the same uids. Whatever has the message's
   * octets is right, so each place that its file may be in is compared.
   */
  private findMoving(message: MessageLocation, { place, guid, pending, moves }: Whereabouts): OpenMessage | undefined {
    if (pending && "staged" in pending) return this.openPending(message, pending);
    if (!guid) return undefined;
    const wanted = { guid: Buffer.from(guid), sizeOctets: message.sizeOctets };
    const own = this.openRight(moves, { ...message, place }, wanted);
    if (own || !pending || !("link" in pending)) return own;
    let content: Linked = { ...pending, of: message };
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const { link } = content;
      const opened = this.openRight(moves, { ...link, place: link.partition }, wanted);
      if (opened) return opened;
      const next = this.sourceOf(content);
      if (!next) return undefined;
      if (!("link" in next)) return this.openPending(message, next);
      content = { ...next, of: link };
    }
    return undefined;
  }

  /** What is known of the file that another is to be made from. */
  private sourceOf({ link: { mbox, uid }, of, seq }: Linked): PendingContent | undefined {
    // One that goes from partition to partition is made from itself, as it was called for before.
    const before = of.mbox === mbox && of.uid === uid ? seq : undefined;
    return this.store.view((snapshot) => snapshot.pendingContent(mbox, uid, before));
  }

  private openRight(
    moves: readonly PendingMove[],
    { mbox, uniqueId, uid, place }: { mbox: number; uniqueId: UniqueId; uid: number; place: string },
    { guid, sizeOctets }: { guid: Buffer; sizeOctets: number },
  ): OpenMessage | undefined {
    const own = moves.filter((move) => move.mbox === mbox).flatMap(({ from, to }) => [from, to]);
    const bare = withBlobPlace(place, BlobPlace.spool);
    for (const one of new Set([bare, ...own])) {
      for (const kind of [BlobPlace.spool, BlobPlace.archive]) {
        const fd = this.openFile(this.path(withBlobPlace(one, kind), { uniqueId, uid }));
        if (fd === undefined) continue;
        if (hasOctets(fd, guid, sizeOctets)) return { fd, octets: undefined };
        closeDescriptor(fd);
      }
    }
    return undefined;
  }

  private openPending(message: MessageLocation, first: PendingContent): OpenMessage | undefined {
    let content = first;
    let of: Pick<MessageLocation, "mbox" | "uid"> = message;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      if ("octets" in content) return { fd: undefined, octets: content.octets };
      if ("staged" in content) {
        const fd = this.openFile(stagePath(this.root(content.root ?? message.partition), content.staged));
        return fd === undefined ? undefined : { fd, octets: undefined };
      }
      const { link } = content;
      const fd = this.openFile(this.path(link.partition, link));
      if (fd !== undefined) return this.confirmLink(message, link.partition, { fd, octets: undefined });
      const next = this.sourceOf({ ...content, of });
      if (!next) return undefined;
      content = next;
      of = link;
    }
    return undefined;
  }

  /** As `confirm`, for a message that was to be copied from there: as long as that is so, and nothing moves, it is. */
  private confirmLink(message: MessageLocation, place: string, opened: OpenMessage): OpenMessage | undefined {
    if (directoryOf(place) === undefined) return opened;
    const { pending, moves } = this.whereabouts(message);
    if (isNamedLink(pending) && moves.length === 0) return opened;
    this.close(opened);
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

const isNamedLink = (content: PendingContent | undefined): boolean =>
  content !== undefined && "link" in content && directoryOf(content.link.partition) !== undefined;

function unreadable(error: unknown): unknown {
  return isDiskError(error)
    ? new MessageMissing(`a message cannot be read: ${String(error)}`, { cause: error })
    : error;
}

function hasOctets(fd: number, guid: Buffer, sizeOctets: number): boolean {
  if (fstatSync(fd).size !== sizeOctets) return false;
  const hash = createHash("sha1");
  const piece = Buffer.allocUnsafe(Math.min(1 << 18, Math.max(1, sizeOctets)));
  for (let at = 0; at < sizeOctets; ) {
    const read = readSync(fd, piece, 0, piece.length, at);
    if (read === 0) return false;
    hash.update(piece.subarray(0, read));
    at += read;
  }
  return hash.digest().equals(guid);
}

function copyPart(octets: Uint8Array, target: Buffer, position: number): number {
  const part = octets.subarray(position, position + target.length);
  target.set(part);
  return part.length;
}
