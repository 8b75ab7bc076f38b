/** The boundaries of the multiparts that are open, and whether a line is a delimiter of one (RFC 2046 §5.1.1). */
import { maxBoundaryOctets } from "./limits.ts";

/** More open boundaries than this are found by hash. */
const fewBoundaries = 4;
const space = 32;
const tab = 9;
const hyphen = 0x2d;

function hashOf(octets: Uint8Array): number {
  let hash = 0;
  for (const octet of octets) hash = (Math.imul(hash, 31) + octet) | 0;
  return hash;
}

export class Boundaries {
  readonly #list: Buffer[] = [];
  /** Made when there are more than a few: positions in #list by hash, and how many have a length. */
  #byHash: Map<number, number[]> | undefined;
  #lengths: Uint8Array | undefined;
  /** Set by `find`: the line closes the multipart. */
  closing = false;

  get length(): number {
    return this.#list.length;
  }

  push(boundary: Buffer): void {
    this.#list.push(boundary);
    if (this.#byHash !== undefined) this.#index(this.#list.length - 1);
    else if (this.#list.length > fewBoundaries) {
      this.#byHash = new Map();
      this.#lengths = new Uint8Array(maxBoundaryOctets + 1);
      for (let i = 0; i < this.#list.length; i++) this.#index(i);
    }
  }

  #index(i: number): void {
    const boundary = this.#list[i]!;
    const hash = hashOf(boundary);
    const same = this.#byHash?.get(hash);
    if (same) same.push(i);
    else this.#byHash?.set(hash, [i]);
    if (this.#lengths) this.#lengths[boundary.length]!++;
  }

  /** Forgets all but the outermost `count`. */
  truncate(count: number): void {
    while (this.#list.length > count) {
      const boundary = this.#list.pop()!;
      if (this.#byHash === undefined || this.#lengths === undefined) continue;
      const hash = hashOf(boundary);
      const same = this.#byHash.get(hash);
      same?.pop();
      if (same?.length === 0) this.#byHash.delete(hash);
      this.#lengths[boundary.length]!--;
    }
  }

  /**
   * The outermost boundary that a line names, or -1. The work does not grow with the number of boundaries: somebody may
   * open many, and then send nothing but lines that are nearly delimiters.
   * @param start of the line, which starts with "--"
   * @param end of the line, without its line end
   * @param whole false when the line goes on beyond what is looked at: then it can close, but not open
   */
  find(octets: Uint8Array, start: number, end: number, whole: boolean): number {
    const list = this.#list;
    const from = start + 2;
    if (this.#byHash === undefined || list.length <= fewBoundaries) {
      for (let i = 0; i < list.length; i++) if (this.#matches(list[i]!, octets, from, end, whole)) return i;
      return -1;
    }
    const lengths = this.#lengths!;
    const most = Math.min(end - from, maxBoundaryOctets);
    let best = -1;
    let closing = false;
    let hash = 0;
    for (let length = 0; ; length++) {
      const same: number[] | undefined = lengths[length]! > 0 ? this.#byHash.get(hash) : undefined;
      if (same !== undefined) {
        // All that share a hash are the same boundary, or somebody works on it; looking at the first will do.
        const i = same[0]!;
        if ((best < 0 || i < best) && list[i]!.length === length && this.#matches(list[i]!, octets, from, end, whole)) {
          best = i;
          closing = this.closing;
        }
      }
      if (length >= most) break;
      hash = (Math.imul(hash, 31) + octets[from + length]!) | 0;
    }
    this.closing = closing;
    return best;
  }

  #matches(boundary: Buffer, octets: Uint8Array, from: number, end: number, whole: boolean): boolean {
    const { length } = boundary;
    let p = from + length;
    if (p > end) return false;
    for (let k = 0; k < length; k++) if (octets[from + k] !== boundary[k]) return false;
    this.closing = p + 2 <= end && octets[p] === hyphen && octets[p + 1] === hyphen;
    if (this.closing) return true;
    if (!whole) return false;
    while (p < end && (octets[p] === space || octets[p] === tab)) p++;
    return p === end;
  }
}
