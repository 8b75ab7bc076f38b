/**
 * Reading message octets: from the page cache at once where the kernel has them, else in the thread pool; from table `pending` while the file is not
 * there yet.
 */
import { closeSync, constants, openSync, read as readLater } from "node:fs";
import { readCached } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import type { StoreView } from "../reader/store-reader.ts";
import { mailboxDirectory, messagePath, stagePath } from "./paths.ts";

/** A message to read. */
export interface MessageLocation {
  readonly mbox: number;
  readonly uniqueId: UniqueId;
  readonly partition: string;
  readonly uid: number;
  readonly sizeOctets: number;
}

/** The octets of a message that has a row are nowhere: disk damage. */
export class MessageMissing extends Error {}

/** An open message: a descriptor, or the octets themselves. Must be closed. */
export interface OpenMessage {
  readonly fd: number | undefined;
  readonly octets: Uint8Array | undefined;
}

const ROUNDS = 3;

export class MessageReader {
  private readonly store: StoreView;
  private readonly partitions: ReadonlyMap<string, string>;

  constructor(store: StoreView, partitions: ReadonlyMap<string, string>) {
    this.store = store;
    this.partitions = partitions;
  }

  /** @throws MessageMissing */
  open(message: MessageLocation): OpenMessage {
    const path = messagePath(mailboxDirectory(this.root(message.partition), message.uniqueId), message.uid);
    // The file may be written, and its pending row removed, between our two looks: look again.
    for (let round = 0; round < ROUNDS; round++) {
      const fd = openIfThere(path);
      if (fd !== undefined) return { fd, octets: undefined };
      const opened = this.openPending(message);
      if (opened) return opened;
    }
    throw new MessageMissing(`${path} (uid ${message.uid} of ${message.uniqueId}) is missing`);
  }

  close(opened: OpenMessage): void {
    if (opened.fd !== undefined) closeSync(opened.fd);
  }

  /**
   * Reads from `position` into `target` what can be had without waiting for the disk. Returns the octets read, or undefined when it would have to wait.
   */
  readNow(opened: OpenMessage, target: Buffer, position: number): number | undefined {
    if (opened.octets) return copyPart(opened.octets, target, position);
    return readCached(opened.fd!, target, position);
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

  private openPending(message: MessageLocation): OpenMessage | undefined {
    let { mbox, uid } = message;
    for (let hop = 0; hop < ROUNDS; hop++) {
      const content = this.store.view((snapshot) => snapshot.pendingContent(mbox, uid));
      if (!content) return undefined;
      if ("octets" in content) return { fd: undefined, octets: content.octets };
      if ("staged" in content) {
        const fd = openIfThere(stagePath(this.root(message.partition), content.staged));
        return fd === undefined ? undefined : { fd, octets: undefined };
      }
      const { link } = content;
      const fd = openIfThere(messagePath(mailboxDirectory(this.root(link.partition), link.uniqueId), link.uid));
      if (fd !== undefined) return { fd, octets: undefined };
      ({ mbox, uid } = link);
    }
    return undefined;
  }

  private root(partition: string): string {
    const root = this.partitions.get(partition);
    if (root === undefined) throw new MessageMissing(`partition-${partition} is not in the configuration`);
    return root;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function copyPart(octets: Uint8Array, target: Buffer, position: number): number {
  const part = octets.subarray(position, position + target.length);
  target.set(part);
  return part.length;
}
