/**
 * Reading cache records of one mailbox: large windows of the append-only file, records found by the offset in their row and checked by its CRC. A record
 * that is missing or wrong is undefined; whoever asked makes it again from the message.
 */
import { closeSync, constants, openSync, read as readLater } from "node:fs";
import { crc32 } from "node:zlib";
import { readCached } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { cachePath, mailboxDirectory } from "../blobs/paths.ts";
import type { CachePlace } from "../records/cold.ts";

/** One read brings many messages' records: they lie in order of arrival. */
const WINDOW_OCTETS = 256 << 10;

export class CacheReader {
  private readonly directory: string;
  private fd: number | undefined;
  private generation = 0;
  private window = Buffer.alloc(0);
  private windowAt = 0;

  constructor(partitionRoot: string, uniqueId: UniqueId) {
    this.directory = mailboxDirectory(partitionRoot, uniqueId);
  }

  /**
   * The record of a message, as a part of the current window: valid until the next call. `waiting` is called, when given, with a read that could not be
   * had from the page cache; it must be awaited and the call repeated.
   */
  record(row: CachePlace): Buffer | undefined | Promise<void> {
    const { cacheLength, cacheOffset, cacheCrc, cacheGeneration } = row;
    if (cacheLength === 0) return undefined;
    const start = cacheOffset - this.windowAt;
    const inWindow = cacheGeneration === this.generation && start >= 0 && start + cacheLength <= this.window.length;
    if (!inWindow) {
      const waiting = this.load(cacheGeneration, cacheOffset, Math.max(WINDOW_OCTETS, cacheLength));
      if (waiting) return waiting;
    }
    const at = cacheOffset - this.windowAt;
    if (at + cacheLength > this.window.length) return undefined;
    const record = this.window.subarray(at, at + cacheLength);
    return crc32(record) === cacheCrc ? record : undefined;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.generation = 0;
    this.window = Buffer.alloc(0);
  }

  private load(generation: number, offset: number, length: number): Promise<void> | undefined {
    if (generation !== this.generation) {
      this.close();
      this.fd = openIfThere(cachePath(this.directory, generation));
      this.generation = generation;
    }
    this.windowAt = offset;
    if (this.fd === undefined) {
      this.window = Buffer.alloc(0);
      return undefined;
    }
    const target = Buffer.allocUnsafeSlow(length);
    const read = readCached(this.fd, target, offset);
    if (read !== undefined) {
      this.window = target.subarray(0, read);
      return undefined;
    }
    const { fd } = this;
    return new Promise((resolve, reject) => {
      readLater(fd, target, 0, length, offset, (error, count) => {
        if (error) reject(error);
        else {
          this.window = target.subarray(0, count);
          this.windowAt = offset;
          resolve();
        }
      });
    });
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
