/** Sets of sequence numbers or uids as clients write them (RFC 3501 §9 sequence-set), kept as ranges, never expanded. */
import { MAX_NUMBER } from "./limits.ts";

/** Both ends included. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** "*": above every number, so that it sorts last. */
const STAR = MAX_NUMBER + 1;

/** A view of a mailbox's membership. Sessions share one; it does not change. */
export interface SeqnoMap {
  /** Messages, so seqnos are 1 to `exists`. */
  readonly exists: number;
  /** The smallest seqno whose uid is at least `uid`; `exists` + 1 when there is none. */
  seqnoFrom(uid: number): number;
  /** The uid of a seqno from 1 to `exists`. */
  uidOf(seqno: number): number;
  /** The last seqno of the run of adjacent uids that `seqno` is in: uidOf(s + 1) = uidOf(s) + 1 within a run. */
  runEnd(seqno: number): number;
}

/** Sorted and merged: ranges neither overlap nor touch. */
export class SequenceSet {
  readonly #firsts: readonly number[];
  readonly #lasts: readonly number[];

  private constructor(firsts: readonly number[], lasts: readonly number[]) {
    this.#firsts = firsts;
    this.#lasts = lasts;
  }

  /**
   * sequence-set = (seq-number / seq-range) *("," sequence-set). 0 is accepted as Cyrus does, and matches nothing.
   * The number of ranges is bounded by the length of a word. Undefined when it is no such set.
   */
  static parse(text: string): SequenceSet | undefined {
    const ranges: NumberRange[] = [];
    const { length } = text;
    let at = 0;
    let first = -1;
    for (;;) {
      let value = 0;
      if (text.charCodeAt(at) === 42) {
        value = STAR;
        at++;
      } else {
        const start = at;
        for (let digit = text.charCodeAt(at) - 48; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) {
          value = value * 10 + digit;
          if (value > MAX_NUMBER) return undefined;
        }
        if (at === start) return undefined;
      }
      const c = at < length ? text.charCodeAt(at) : 44;
      if (c === 58 && first < 0) {
        first = value;
      } else if (c === 44) {
        if (first < 0) first = value;
        ranges.push(first <= value ? { first, last: value } : { first: value, last: first });
        first = -1;
        if (at >= length) return SequenceSet.#merge(ranges);
      } else {
        return undefined;
      }
      at++;
    }
  }

  /** A set of given ranges, in any order; they may overlap. */
  static of(ranges: Iterable<NumberRange>): SequenceSet {
    return SequenceSet.#merge([...ranges]);
  }

  static #merge(ranges: NumberRange[]): SequenceSet {
    const sorted = ranges.length < 2 ? ranges : ranges.sort((a, b) => a.first - b.first);
    const firsts: number[] = [];
    const lasts: number[] = [];
    for (const { first, last } of sorted) {
      const top = lasts.length - 1;
      if (top >= 0 && first <= lasts[top]! + 1) {
        if (last > lasts[top]!) lasts[top] = last;
      } else {
        firsts.push(first);
        lasts.push(last);
      }
    }
    return new SequenceSet(firsts, lasts);
  }

  /** Number of ranges. */
  get rangeCount(): number {
    return this.#firsts.length;
  }

  /** True when "*" was written: its meaning depends on the mailbox. */
  get hasStar(): boolean {
    return this.#lasts.at(-1) === STAR;
  }

  /** The ranges with "*" standing for `max`, ascending, not overlapping. `5:*` with max 3 is 3:5 (RFC 3501 §9). Empty when max is 0. */
  ranges(max: number): NumberRange[] {
    const result: NumberRange[] = [];
    if (max < 1) return result;
    for (let i = 0; i < this.#firsts.length; i++) {
      let first = this.#firsts[i]!;
      let last = this.#lasts[i]!;
      if (last === STAR) {
        last = Math.max(max, first === STAR ? max : first);
        first = Math.min(max, first);
      }
      if (first === 0) first = 1;
      const before = result.at(-1);
      if (last < first) continue;
      if (before !== undefined && first <= before.last + 1) {
        result[result.length - 1] = { first: Math.min(first, before.first), last: Math.max(last, before.last) };
      } else result.push({ first, last });
    }
    return mergeTail(result);
  }

  /** True when `value` is in the set while the largest number in use is `max`. */
  has(value: number, max: number): boolean {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.#firsts[middle]! > value) high = middle - 1;
      else if (this.#lasts[middle]! < value) low = middle + 1;
      else return value > 0;
    }
    return this.hasStar && value === max && value > 0;
  }

  /** As the client might have written it. */
  toString(): string {
    return this.#firsts
      .map((first, i) => (first === this.#lasts[i] ? digits(first) : `${digits(first)}:${digits(this.#lasts[i]!)}`))
      .join(",");
  }

  /** The seqnos meant, in a mailbox of `map`. @param byUid whether the set's numbers are uids */
  seqnoRanges(map: SeqnoMap, byUid: boolean): NumberRange[] {
    const { exists } = map;
    if (exists === 0) return [];
    if (!byUid) return intersect(this.ranges(exists), [{ first: 1, last: exists }]);
    const result: NumberRange[] = [];
    for (const range of this.ranges(map.uidOf(exists))) {
      const first = map.seqnoFrom(range.first);
      if (first > exists) break;
      const last = range.last >= MAX_NUMBER ? exists : map.seqnoFrom(range.last + 1) - 1;
      if (last < first) continue;
      const before = result.at(-1);
      if (before !== undefined && first <= before.last + 1) {
        result[result.length - 1] = { first: before.first, last: Math.max(before.last, last) };
      } else result.push({ first, last });
    }
    return result;
  }
}

function digits(value: number): string {
  return value === STAR ? "*" : String(value);
}

/** Joins the last two ranges while the last begins in or before the one before it ("*" may fall back below others). */
function mergeTail(ranges: NumberRange[]): NumberRange[] {
  while (ranges.length > 1) {
    const last = ranges.at(-1)!;
    const before = ranges.at(-2)!;
    if (last.first > before.last + 1) break;
    ranges.splice(-2, 2, { first: Math.min(before.first, last.first), last: Math.max(before.last, last.last) });
  }
  return ranges;
}

/** What is in both. Both ascending and not overlapping. Linear in the number of ranges. */
export function intersect(a: readonly NumberRange[], b: readonly NumberRange[]): NumberRange[] {
  const result: NumberRange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const first = Math.max(a[i]!.first, b[j]!.first);
    const last = Math.min(a[i]!.last, b[j]!.last);
    if (first <= last) result.push({ first, last });
    if (a[i]!.last < b[j]!.last) i++;
    else j++;
  }
  return result;
}

/** The uids of seqno ranges, as ranges. Linear in the number of runs touched. */
export function uidRanges(seqnos: readonly NumberRange[], map: SeqnoMap): NumberRange[] {
  const result = new RangeBuilder();
  for (const { first, last } of seqnos) {
    for (let seqno = first; seqno <= last; ) {
      const end = Math.min(last, map.runEnd(seqno));
      const uid = map.uidOf(seqno);
      result.addRange(uid, uid + end - seqno);
      seqno = end + 1;
    }
  }
  return result.ranges;
}

/** Numbers in given order to ranges; only a number that follows its predecessor extends a range, so COPYUID pairs hold. */
export class RangeBuilder {
  readonly ranges: { first: number; last: number }[] = [];

  add(value: number): void {
    this.addRange(value, value);
  }

  addRange(first: number, last: number): void {
    const before = this.ranges.at(-1);
    if (before !== undefined && before.last + 1 === first) before.last = last;
    else this.ranges.push({ first, last });
  }

  get empty(): boolean {
    return this.ranges.length === 0;
  }

  toString(): string {
    return formatRanges(this.ranges);
  }
}

/** `1:3,7`: uid-set of RFC 4315 §4, known-uids of RFC 7162. "" for no ranges. */
export function formatRanges(ranges: Iterable<NumberRange>): string {
  let text = "";
  for (const { first, last } of ranges) {
    text += `${text === "" ? "" : ","}${first === last ? first : `${first}:${last}`}`;
  }
  return text;
}
