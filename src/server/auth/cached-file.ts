import { readFileSync, statSync } from "node:fs";

/** How long a file is trusted to be unchanged without looking. */
const recheckMs = 1_000;

/**
 * A small operator's file, parsed again when it has changed; a look costs one stat a second at most. While it cannot be read
 * (a process without free descriptors is enough) what it said last still holds, and each look tries again.
 */
export class CachedFile<T> {
  readonly #path: string;
  readonly #parse: (octets: Buffer) => T;
  readonly #absent: T;
  readonly #limitOctets: number;
  readonly #onError: (error: Error) => void;
  readonly #now: () => number;
  #value: T;
  #stamp = "";
  /** What is wrong with the file, when it was said. */
  #complaint = "";
  #wasRead = false;
  #checkedMs = Number.NEGATIVE_INFINITY;

  /** @param options.absent the value while there is no file, or one that could not be read yet (`onError` is told, once) */
  constructor(options: {
    path: string;
    parse: (octets: Buffer) => T;
    absent: T;
    limitOctets?: number;
    onError: (error: Error) => void;
    now?: () => number;
  }) {
    this.#path = options.path;
    this.#parse = options.parse;
    this.#absent = options.absent;
    this.#value = options.absent;
    this.#limitOctets = options.limitOctets ?? 16 * 1024 * 1024;
    this.#onError = options.onError;
    this.#now = options.now ?? (() => performance.now());
  }

  get(): T {
    const now = this.#now();
    if (now - this.#checkedMs < recheckMs) return this.#value;
    this.#checkedMs = now;
    try {
      const stat = statSync(this.#path, { throwIfNoEntry: false });
      const stamp = stat === undefined ? "" : `${stat.ino}/${stat.mtimeMs}/${stat.size}`;
      if (stamp !== this.#stamp || !this.#wasRead) this.#value = this.#read(stat?.size);
      this.#stamp = stamp;
      this.#wasRead = true;
      this.#complaint = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#complaint) this.#onError(error as Error);
      this.#complaint = message;
    }
    return this.#value;
  }

  /** False when the file is there and has not been read once: nobody knows what it says. */
  get isKnown(): boolean {
    this.get();
    return this.#wasRead;
  }

  #read(sizeOctets: number | undefined): T {
    if (sizeOctets === undefined) return this.#absent;
    if (sizeOctets > this.#limitOctets) throw new Error(`${this.#path} is too large`);
    return this.#parse(readFileSync(this.#path));
  }
}
