/** Sets of uids as ascending ranges, asked in ascending order. */
import type { UidRange } from "../../../formats/ids.ts";

/** Whether uids are in a set, for uids asked in ascending order; a smaller one than before starts over. */
export class UidWalk {
  readonly #ranges: readonly UidRange[];
  #at = 0;
  #last = 0;

  constructor(ranges: readonly UidRange[]) {
    this.#ranges = ranges;
  }

  has(uid: number): boolean {
    const ranges = this.#ranges;
    if (uid < this.#last) this.#at = 0;
    this.#last = uid;
    while (this.#at < ranges.length && ranges[this.#at]!.last < uid) this.#at++;
    return this.#at < ranges.length && ranges[this.#at]!.first <= uid;
  }
}

/** Adds a range that lies behind all others. */
export function addRange(ranges: UidRange[], first: number, last: number): void {
  if (last < first) return;
  const end = ranges.at(-1);
  if (end !== undefined && end.last + 1 >= first) ranges[ranges.length - 1] = { first: end.first, last };
  else ranges.push({ first, last });
}
