/** Random numbers driven by a seed: the same seed gives the same run on every machine. */
export class Random {
  private state: Uint32Array;

  /** @param seed any 32-bit integer; `stream` gives independent sequences of one seed */
  constructor(seed: number, stream = 0) {
    this.state = Uint32Array.of(seed, stream, 0x9e3779b9, 1);
    for (let i = 0; i < 15; i++) this.next();
  }
  /** 32 bits (sfc32). */
  next(): number {
    const s = this.state;
    const t = (s[0]! + s[1]! + s[3]!) >>> 0;
    s[3] = s[3]! + 1;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + t;
    return t;
  }
  /** Integer from 0 to n - 1. n >= 1. */
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }
  /** Integer from low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  chance(probability: number): boolean {
    return this.next() / 2 ** 32 < probability;
  }
  /** One element. @throws RangeError when there is none */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError("nothing to pick from");
    return from[this.below(from.length)]!;
  }
  /** An element by weight: `[[5, "append"], [1, "delete"]]`. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let at = this.below(from.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of from) {
      at -= weight;
      if (at < 0) return value;
    }
    throw new RangeError("nothing to pick from");
  }
  shuffle<T>(values: T[]): T[] {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    return values;
  }
  octets(n: number): Buffer {
    const out = Buffer.allocUnsafe(n);
    for (let i = 0; i < n; i++) out[i] = this.next() & 0xff;
    return out;
  }
}
