import { createHmac, randomBytes } from "node:crypto";

/** Remembers for a short while which passwords were right, as keyed digests under a key that never leaves the process. */
export class PositiveCache {
  readonly #key = randomBytes(32);
  readonly #lifetimeMs: number;
  readonly #maxEntries: number;
  readonly #now: () => number;
  /** Digest to the time of its end; in order of that time. */
  readonly #entries = new Map<string, number>();

  constructor(options: { lifetimeMs?: number; maxEntries?: number; now?: () => number } = {}) {
    this.#lifetimeMs = options.lifetimeMs ?? 60_000;
    this.#maxEntries = options.maxEntries ?? 10_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @param parts what the answer depends on; no two different lists give the same digest */
  digest(...parts: readonly string[]): string {
    const hmac = createHmac("sha256", this.#key);
    for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest("base64");
  }

  has(digest: string): boolean {
    const end = this.#entries.get(digest);
    if (end === undefined) return false;
    if (end > this.#now()) return true;
    this.#entries.delete(digest);
    return false;
  }

  add(digest: string): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, this.#now() + this.#lifetimeMs);
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
}
