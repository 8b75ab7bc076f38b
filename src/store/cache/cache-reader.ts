/**
 * Reading cache records of one mailbox: windows of the append-only file, records found by the offset in their row and checked by its CRC. A record
 * that is missing or wrong is undefined; whoever asked makes it again from the message.
 */
import { read as readLater } from "node:fs";
import { crc32 } from "node:zlib";
import { isDiskError } from "../../base/files.ts";
import { closeDescriptor, openIfThere, readCached } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { hasSoundHead } from "../../formats/mime/index.ts";
import { cachePath, mailboxDirectory } from "../blobs/paths.ts";
import type { CachePlace } from "../records/cold.ts";
import { type CacheMemory, type CheckedRecords, WINDOW_OCTETS } from "./cache-memory.ts";

/** What is read first: a client that wants one record pays for few. Each further read of the file's next part is four times larger. */
const FIRST_OCTETS = 8 << 10;
const none = Buffer.alloc(0);

/** Must be closed. */
export class CacheReader {
  /** The window that `find` found the record in, from `at` on; valid until the next call. */
  octets: Buffer = none;
  at = 0;
  private readonly directory: string;
  private readonly uniqueId: UniqueId;
  private readonly memory: CacheMemory | undefined;
  private checked: CheckedRecords | undefined;
  private fd: number | undefined;
  private generation = 0;
  /** A buffer of the memory's. */
  private window: Buffer | undefined;
  /** The octets of the file from `start` to `end` are in `octets`. */
  private start = 0;
  private end = 0;
  private next = FIRST_OCTETS;
  /** The record at this offset cannot be read: the file ends before it does, or the disk fails. */
  private short = -1;
  /** What the thread pool is reading. */
  private loading: Promise<void> | undefined;

  /** @param memory with it a record's CRC is computed only when the process reads it for the first time */
  constructor(partitionRoot: string, uniqueId: UniqueId, memory?: CacheMemory) {
    this.directory = mailboxDirectory(partitionRoot, uniqueId);
    this.uniqueId = uniqueId;
    this.memory = memory;
  }

  /** The record of a message as a view; see `find`. */
  record(row: CachePlace): Buffer | undefined | Promise<void> {
    const found = this.find(row);
    return found === true ? this.octets.subarray(this.at, this.at + row.cacheLength) : found || undefined;
  }

  /**
   * Finds the record of a message: in `octets` at `at`. false: there is none, or it is damaged. A promise: it cannot be had from the page cache; await
   * it, and call again. Whoever does not wait for it leaves it to the next caller, or to `close`.
   */
  find(row: CachePlace): boolean | Promise<void> {
    const { cacheLength, cacheOffset, cacheGeneration } = row;
    if (cacheLength === 0) return false;
    if (this.loading !== undefined) return this.loading;
    if (cacheGeneration !== this.generation || cacheOffset < this.start || cacheOffset + cacheLength > this.end) {
      const waiting = this.load(cacheGeneration, cacheOffset, cacheLength);
      if (waiting !== undefined) return waiting;
      if (cacheOffset + cacheLength > this.end) return false;
    }
    this.at = cacheOffset - this.start;
    return this.isWhole(row);
  }

  close(): void {
    const { fd, loading } = this;
    // The number of a descriptor that is still read from must not be another file's.
    if (fd !== undefined && loading !== undefined) void loading.then(() => closeDescriptor(fd));
    else if (fd !== undefined) closeDescriptor(fd);
    this.loading = undefined;
    if (this.window !== undefined) this.memory?.releaseWindow(this.window);
    this.fd = undefined;
    this.window = undefined;
    this.checked = undefined;
    this.forget(0);
    this.generation = 0;
  }

  private isWhole({ cacheLength, cacheOffset, cacheCrc }: CachePlace): boolean {
    const { at, octets, checked } = this;
    // What has been found whole before is looked at only so far that damage since then leads nowhere.
    if (checked?.has(cacheOffset)) return hasSoundHead(octets, at, cacheLength);
    if (crc32(octets.subarray(at, at + cacheLength)) !== cacheCrc) return false;
    checked?.add(cacheOffset);
    return true;
  }

  private forget(at: number): void {
    this.octets = none;
    this.start = at;
    this.end = at;
  }

  private load(generation: number, offset: number, least: number): Promise<void> | undefined {
    if (generation !== this.generation) {
      this.close();
      this.fd = this.open(cachePath(this.directory, generation));
      this.generation = generation;
      this.checked = this.memory?.checked(this.uniqueId, generation);
    }
    const isNext = offset >= this.start && offset <= this.end + this.next;
    this.forget(offset);
    const { fd, short } = this;
    this.short = -1;
    if (fd === undefined || short === offset) return undefined;
    const length = Math.max(least, Math.min(this.next, WINDOW_OCTETS));
    if (isNext) this.next = Math.min(this.next * 4, WINDOW_OCTETS);
    const target = this.target(length);
    const read = this.readNow(fd, target, offset, length);
    if (read !== undefined && (read >= least || read === 0)) {
      this.octets = target;
      this.end = offset + read;
      return undefined;
    }
    this.loading = this.loadLater(fd, offset, least);
    return this.loading;
  }

  /** What cannot be opened or read is as good as missing: the message itself has all that a record says. */
  private open(path: string): number | undefined {
    try {
      return openIfThere(path);
    } catch {
      return undefined;
    }
  }

  /** As readCached: undefined when the octets are not in the page cache. 0 also when the disk fails. */
  private readNow(fd: number, target: Buffer, offset: number, length: number): number | undefined {
    try {
      return readCached(fd, target, offset, 0, length);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return 0;
    }
  }

  private target(length: number): Buffer {
    if (length > WINDOW_OCTETS) return Buffer.allocUnsafeSlow(length);
    this.window ??= this.memory?.takeWindow() ?? Buffer.allocUnsafeSlow(WINDOW_OCTETS);
    return this.window;
  }

  /** Into a buffer of its own: the reader may be closed before it is full. Never rejects: what cannot be read is missing. */
  private loadLater(fd: number, offset: number, least: number): Promise<void> {
    const length = Math.max(least, WINDOW_OCTETS);
    const target = Buffer.allocUnsafeSlow(length);
    return new Promise((resolve) => {
      readLater(fd, target, 0, length, offset, (error, count) => {
        if (this.fd === fd) {
          this.loading = undefined;
          this.octets = target;
          this.start = offset;
          this.end = offset + (error ? 0 : count);
          if (this.end < offset + least) this.short = offset;
        }
        resolve();
      });
    });
  }
}
