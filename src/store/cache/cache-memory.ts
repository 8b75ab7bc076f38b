/** What all readers of cache records of a process share: buffers for windows, and which records have been found whole. */
import type { UniqueId } from "../../formats/ids.ts";

/** The most that is read at once: many messages' records, since they lie in order of arrival. */
export const WINDOW_OCTETS = 128 << 10;
/** Buffers kept for the next reader; more than this are left to the garbage collector. */
const KEPT_WINDOWS = 8;
/** No record is shorter, so no two begin in one granule. */
const GRANULE_OCTETS = 64;
/** Granules of a page of marks: 2 MiB of a cache file. */
const PAGE_GRANULES = 32_768;
/** Of marks, 4 KiB each: for 512 MiB of cache files. */
const MAX_PAGES = 256;

export class CacheMemory {
  readonly #windows: Buffer[] = [];
  /** By mailbox and generation, the one asked for last at the end. */
  readonly #checked = new Map<string, CheckedRecords>();
  #pages = 0;

  /** A buffer of WINDOW_OCTETS, to be given back. */
  takeWindow(): Buffer {
    return this.#windows.pop() ?? Buffer.allocUnsafeSlow(WINDOW_OCTETS);
  }

  /** Nothing may write to it any more. */
  releaseWindow(window: Buffer): void {
    if (this.#windows.length < KEPT_WINDOWS) this.#windows.push(window);
  }

  /** The marks of one cache file. */
  checked(uniqueId: UniqueId, generation: number): CheckedRecords {
    const key = `${uniqueId} ${generation}`;
    const known = this.#checked.get(key);
    if (known !== undefined) {
      this.#checked.delete(key);
      this.#checked.set(key, known);
      return known;
    }
    const made = new CheckedRecords(() => this.#pageAdded());
    this.#checked.set(key, made);
    return made;
  }

  /** Makes room by forgetting the marks of the files that were asked for longest ago. */
  #pageAdded(): void {
    this.#pages++;
    for (const [key, records] of this.#checked) {
      if (this.#pages <= MAX_PAGES) return;
      this.#pages -= records.forget();
      this.#checked.delete(key);
    }
  }
}

/** Offsets at which a record was read and its CRC was right. A file that is only appended to need not be checked again in the life of a process. */
export class CheckedRecords {
  readonly #pages = new Map<number, Uint32Array>();
  readonly #onPage: () => void;
  #page: Uint32Array | undefined;
  #number = -1;

  constructor(onPage: () => void) {
    this.#onPage = onPage;
  }

  has(offset: number): boolean {
    const page = this.#at(offset);
    if (page === undefined) return false;
    const granule = Math.floor(offset / GRANULE_OCTETS) % PAGE_GRANULES;
    return (page[granule >>> 5]! & (1 << (granule & 31))) !== 0;
  }

  add(offset: number): void {
    let page = this.#at(offset);
    if (page === undefined) {
      page = new Uint32Array(PAGE_GRANULES / 32);
      this.#page = page;
      this.#pages.set(this.#number, page);
      this.#onPage();
    }
    const granule = Math.floor(offset / GRANULE_OCTETS) % PAGE_GRANULES;
    page[granule >>> 5]! |= 1 << (granule & 31);
  }

  /** @returns how many pages that were */
  forget(): number {
    const { size } = this.#pages;
    this.#pages.clear();
    this.#page = undefined;
    this.#number = -1;
    return size;
  }

  #at(offset: number): Uint32Array | undefined {
    const number = Math.floor(offset / (GRANULE_OCTETS * PAGE_GRANULES));
    if (number !== this.#number) {
      this.#number = number;
      this.#page = this.#pages.get(number);
    }
    return this.#page;
  }
}
