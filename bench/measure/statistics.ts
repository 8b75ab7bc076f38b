/** Small statistics: latencies of one run, and one figure over several rounds. */

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

/**
 * Latencies in logarithmic steps of 2%, so that a million of them cost 8 KiB and no garbage.
 * Values in milliseconds, from 1 microsecond to hours.
 */
export class Histogram {
  readonly #buckets = new Uint32Array(1200);
  #count = 0;
  #max = 0;

  add(ms: number): void {
    const index = ms <= 0.001 ? 0 : Math.min(1199, Math.floor(Math.log(ms * 1000) / logStep) + 1);
    this.#buckets[index] = this.#buckets[index]! + 1;
    this.#count++;
    if (ms > this.#max) this.#max = ms;
  }

  /** The value below which the given part (0 to 1) of all lies; 0 when there is none. */
  quantile(part: number): number {
    let left = Math.ceil(this.#count * part);
    for (let i = 0; i < this.#buckets.length; i++) {
      left -= this.#buckets[i]!;
      if (left <= 0) return Math.min(this.#max, Math.exp(i * logStep) / 1000);
    }
    return this.#max;
  }

  summary(): Latency {
    return { p50: this.quantile(0.5), p99: this.quantile(0.99), max: this.#max, count: this.#count };
  }
}

const logStep = Math.log(1.02);

/** NaN when there is nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
