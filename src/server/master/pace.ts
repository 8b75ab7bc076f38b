/** How fast things that die are started again. Pure arithmetic; times are in milliseconds on a monotonic clock. */

/** Waits longer after each failure that follows a start closely; a run that lasts is forgiven everything. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #healthyMs: number;
  #failures = 0;

  constructor({ firstMs = 100, maxMs = 30_000, healthyMs = 10_000 } = {}) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#healthyMs = healthyMs;
  }
  /** How many quick failures there were in a row. */
  get failures(): number {
    return this.#failures;
  }
  /** It died after `ranMs`. How long to wait before the next start: first at once, then doubling. */
  failed(ranMs: number): number {
    this.#failures = ranMs >= this.#healthyMs ? 1 : this.#failures + 1;
    return this.#failures === 1 ? 0 : Math.min(this.#maxMs, this.#firstMs * 2 ** (this.#failures - 2));
  }
  reset(): void {
    this.#failures = 0;
  }
}

/** `maxforkrate`: forks per second as a decaying average over the last seconds. 0 is unlimited. */
export class ForkRate {
  readonly #maxPerSecond: number;
  #average = 0;
  #updated: number;

  constructor(maxPerSecond: number, now: number) {
    this.#maxPerSecond = maxPerSecond;
    this.#updated = now;
  }
  allows(now: number): boolean {
    this.#decay(now);
    return this.#maxPerSecond <= 0 || this.#average < this.#maxPerSecond;
  }
  forked(now: number): void {
    this.#decay(now);
    this.#average += 1 / averageSeconds;
  }
  perSecond(now: number): number {
    this.#decay(now);
    return this.#average;
  }
  #decay(now: number): void {
    const seconds = Math.max(0, now - this.#updated) / 1000;
    this.#average *= Math.exp(-seconds / averageSeconds);
    this.#updated = now;
  }
}
/** A burst of this many seconds' worth of forks is let through before the limit bites. */
const averageSeconds = 2;

/** Five children that fail while ready, each within ten seconds of the one before: the service is switched off. */
export class ReadyFailures {
  #count = 0;
  #last = -Infinity;
  get count(): number {
    return this.#count;
  }
  /** @returns true when that was one too many */
  failed(now: number): boolean {
    this.#count = now - this.#last > failureWindowMs ? 1 : this.#count + 1;
    this.#last = now;
    return this.#count >= maxReadyFailures;
  }
  reset(): void {
    this.#count = 0;
  }
}
const maxReadyFailures = 5;
const failureWindowMs = 10_000;

/**
 * `maxchild` divided among the workers of one socket, in order; negative is no limit. The first workers get one more
 * where it does not divide, and nobody gets less than nothing.
 */
export function shares(maxChild: number, workers: number): number[] {
  if (maxChild < 0) return new Array<number>(workers).fill(-1);
  return Array.from({ length: workers }, (_, i) => Math.floor(maxChild / workers) + (i < maxChild % workers ? 1 : 0));
}
