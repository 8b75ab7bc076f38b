/** Who waits for changes of which mailbox. */

export interface Idler {
  /** Where its socket is bound. */
  readonly path: string;
  /** Internal name of the mailbox. */
  readonly name: string;
  /** When it said so last, milliseconds of a monotonic clock. */
  sinceMs: number;
}

/** Entries beyond this are refused: nobody runs so many processes, and each mailbox costs a watch in the writer. */
export const MAX_IDLERS = 100_000;

/** Names and paths come from outside, so they are keys of Maps. One path may wait for several mailboxes. */
export class Idlers {
  readonly #byName = new Map<string, Map<string, Idler>>();
  readonly #max: number;
  #size = 0;

  constructor(max = MAX_IDLERS) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  get names(): Iterable<string> {
    return this.#byName.keys();
  }

  of(name: string): Iterable<Idler> {
    return this.#byName.get(name)?.values() ?? [];
  }

  /** Adds it, or counts it as new again. @returns "first" for the mailbox's first, "full" when there is no room for another */
  add(path: string, name: string, nowMs: number): "first" | "another" | "full" {
    const there = this.#byName.get(name);
    const known = there?.get(path);
    if (known !== undefined) {
      known.sinceMs = nowMs;
      return "another";
    }
    if (this.#size >= this.#max) return "full";
    this.#size++;
    const idler: Idler = { path, name, sinceMs: nowMs };
    if (there !== undefined) {
      there.set(path, idler);
      return "another";
    }
    this.#byName.set(name, new Map([[path, idler]]));
    return "first";
  }

  /** @returns true when nobody is left for the mailbox */
  remove(path: string, name: string): boolean {
    const there = this.#byName.get(name);
    if (there?.delete(path) !== true) return false;
    this.#size--;
    return there.size === 0 && this.#byName.delete(name);
  }

  /** Entries older than that. */
  olderThan(timeMs: number): Idler[] {
    const old: Idler[] = [];
    for (const there of this.#byName.values()) {
      for (const idler of there.values()) if (idler.sinceMs < timeMs) old.push(idler);
    }
    return old;
  }

  /** Each path once. */
  paths(): Set<string> {
    const paths = new Set<string>();
    for (const there of this.#byName.values()) for (const path of there.keys()) paths.add(path);
    return paths;
  }
}
