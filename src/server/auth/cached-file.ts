import { readFileSync, statSync } from "node:fs";

/** How long a file is trusted to be unchanged without looking. */
const recheckMs = 1_000;

/** A small operator's file, parsed again when it has changed; a look costs one stat a second at most. */
export class CachedFile<T> {
  readonly #path: string;
  readonly #parse: (octets: Buffer) => T;
  readonly #absent: T;
  readonly #limitOctets: number;
  readonly #onError: (error: Error) => void;
  readonly #now: () => number;
  #value: T;
  #stamp = "";
  #checkedMs = Number.NEGATIVE_INFINITY;

  /** @param options.absent the value while there is no file, or one that cannot be read (`onError` is told) */
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
      if (stamp === this.#stamp) return this.#value;
      this.#stamp = stamp;
      this.#value = this.#absent;
      if (stat === undefined) return this.#value;
      if (stat.size > this.#limitOctets) throw new Error(`${this.#path} is too large`);
      this.#value = this.#parse(readFileSync(this.#path));
    } catch (error) {
      this.#onError(error as Error);
    }
    return this.#value;
  }
}
