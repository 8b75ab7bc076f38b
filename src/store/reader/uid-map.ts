/**
 * Which messages a mailbox has, as seqno <-> uid: runs of consecutive uids. Immutable, and shared by all sessions of a process that see the same membership.
 */
import type { UidRange } from "../../formats/ids.ts";

export class UidMap {
  /** First uid of each run, ascending. */
  private readonly firsts: Uint32Array;
  /** Messages before each run; one entry more than runs, the last being the total. */
  private readonly before: Uint32Array;
  /** Number of messages. */
  readonly count: number;

  private constructor(firsts: Uint32Array, before: Uint32Array) {
    this.firsts = firsts;
    this.before = before;
    this.count = before[firsts.length]!;
  }

  static readonly empty = new UidMap(new Uint32Array(0), new Uint32Array(1));

  /** From ranges in ascending order that do not overlap; neighbours are joined. */
  static fromRanges(ranges: Iterable<UidRange>): UidMap {
    const builder = new UidMapBuilder();
    for (const { first, last } of ranges) builder.add(first, last);
    return builder.build();
  }

  /** @internal */
  static make(firsts: Uint32Array, before: Uint32Array): UidMap {
    return new UidMap(firsts, before);
  }

  get runCount(): number {
    return this.firsts.length;
  }

  /** The n-th run, 0-based. */
  run(n: number): UidRange {
    const first = this.firsts[n]!;
    return { first, last: first + this.before[n + 1]! - this.before[n]! - 1 };
  }

  /** The run that the message with this 1-based number is in; there must be one. */
  runOf(seqno: number): UidRange {
    return this.run(this.runOfSeqno(seqno));
  }

  /** Uid of the message with this 1-based number. 0 when there is none. */
  uidAt(seqno: number): number {
    if (seqno < 1 || seqno > this.count) return 0;
    const n = this.runOfSeqno(seqno);
    return this.firsts[n]! + seqno - 1 - this.before[n]!;
  }

  /** 1-based number of the message with this uid. 0 when it is not in the map. */
  seqnoOf(uid: number): number {
    const n = this.runAtOrBefore(uid);
    if (n < 0) return 0;
    const offset = uid - this.firsts[n]!;
    return offset < this.before[n + 1]! - this.before[n]! ? this.before[n]! + offset + 1 : 0;
  }

  /** How many messages have a uid of at most this one. */
  countUpTo(uid: number): number {
    const n = this.runAtOrBefore(uid);
    if (n < 0) return 0;
    const offset = uid - this.firsts[n]! + 1;
    return this.before[n]! + Math.min(offset, this.before[n + 1]! - this.before[n]!);
  }

  /** Highest uid, 0 when empty. */
  get lastUid(): number {
    return this.count === 0 ? 0 : this.uidAt(this.count);
  }

  /** The uids of the messages numbered `first` to `last` (1-based, both included, cut to what there is), as ranges. */
  uidRanges(first: number, last: number): UidRange[] {
    const ranges: UidRange[] = [];
    const end = Math.min(last, this.count);
    for (let seqno = Math.max(1, first); seqno <= end; ) {
      const n = this.runOfSeqno(seqno);
      const uid = this.firsts[n]! + seqno - 1 - this.before[n]!;
      const rest = Math.min(end, this.before[n + 1]!) - seqno;
      ranges.push({ first: uid, last: uid + rest });
      seqno += rest + 1;
    }
    return ranges;
  }

  /** The runs cut to `range`. */
  intersect(range: UidRange): UidRange[] {
    const first = this.countUpTo(range.first - 1) + 1;
    return this.uidRanges(first, this.countUpTo(range.last));
  }

  private runOfSeqno(seqno: number): number {
    return lastAtMost(this.before, this.firsts.length, seqno - 1);
  }

  private runAtOrBefore(uid: number): number {
    return lastAtMost(this.firsts, this.firsts.length, uid);
  }
}

/** Index of the last element, of the first `length`, that is at most `value`; -1 when none is. */
function lastAtMost(sorted: Uint32Array, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Collects ranges in ascending order. */
export class UidMapBuilder {
  private firsts = new Uint32Array(64);
  private before = new Uint32Array(65);
  private runs = 0;
  private next = -1;

  add(first: number, last: number): void {
    if (first === this.next) {
      this.before[this.runs]! += last - first + 1;
    } else {
      if (this.runs === this.firsts.length) this.grow();
      this.firsts[this.runs] = first;
      this.before[this.runs + 1] = this.before[this.runs]! + last - first + 1;
      this.runs += 1;
    }
    this.next = last + 1;
  }

  build(): UidMap {
    if (this.runs === 0) return UidMap.empty;
    return UidMap.make(this.firsts.slice(0, this.runs), this.before.slice(0, this.runs + 1));
  }

  private grow(): void {
    const firsts = new Uint32Array(this.firsts.length * 2);
    firsts.set(this.firsts);
    const before = new Uint32Array(firsts.length + 1);
    before.set(this.before);
    this.firsts = firsts;
    this.before = before;
  }
}
