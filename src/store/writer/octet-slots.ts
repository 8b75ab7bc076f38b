/**
 * Table `slot`: the octets and cache records of message files that are still pending. Slots are used again rather than deleted: a row that is overwritten in
 * place costs a commit one page, while pages that come from and go to the free list cost four.
 */
import type { Database } from "../database.ts";

/** Octets that fit on one page of the database beside their row's head. */
const SMALL_OCTETS = 8_000;
/** Slots of what needs more pages have numbers from here on, plus their pending number, and are deleted. */
const FIRST_LARGE = 2 ** 40;
/** Small slots kept when nothing is pending. */
const KEPT_SLOTS = 1_024;
const TRIMMED_AT_A_TIME = 256;

interface Taken {
  readonly slot: number;
  /** Pending number of the last row that needs it. */
  until: number;
}

export class OctetSlots {
  private readonly db: Database;
  private readonly free: number[] = [];
  private next: number;
  /** In the order they were given out, from `head` on. */
  private taken: Taken[] = [];
  private head = 0;
  /** Length of `taken` when the slice that runs, and the group, began. */
  private sliceMark = 0;
  private groupMark = 0;
  private lastCache: Uint8Array | undefined;

  constructor(db: Database) {
    this.db = db;
    const last = db.get("SELECT max(slot) FROM slot WHERE slot<?", FIRST_LARGE)![0] as number | null;
    this.next = (last ?? -1) + 1;
  }

  /**
   * Keeps what a pending row needs beyond itself, and returns where; undefined when that is nothing. The same `cache` (the same object) for the next
   * recipient of a message is kept once.
   */
  put(seq: number, cache: Uint8Array | undefined, octets: Uint8Array | undefined): number | undefined {
    if (!cache && !octets) return undefined;
    const last = this.taken.at(-1);
    if (cache && cache === this.lastCache && !octets && last) {
      last.until = seq;
      return last.slot;
    }
    const size = (cache?.length ?? 0) + (octets?.length ?? 0);
    const slot = size > SMALL_OCTETS ? FIRST_LARGE + seq : (this.free.pop() ?? this.next++);
    this.taken.push({ slot, until: seq });
    this.lastCache = cache;
    this.db.run("INSERT OR REPLACE INTO slot(slot, cache, octets) VALUES (?,?,?)", slot, cache ?? null, octets ?? null);
    return slot;
  }

  /** Part of the transaction that deletes the pending rows up to `seq`. */
  done(seq: number): void {
    const { db } = this;
    db.run("DELETE FROM slot WHERE slot>=? AND slot<=?", FIRST_LARGE, FIRST_LARGE + seq);
    if (this.head < this.taken.length || this.next <= KEPT_SLOTS) return;
    this.next = Math.max(KEPT_SLOTS, this.next - TRIMMED_AT_A_TIME);
    db.run("DELETE FROM slot WHERE slot>=? AND slot<?", this.next, FIRST_LARGE);
    this.freeAll();
  }

  sliceBegins(): void {
    this.sliceMark = this.taken.length;
    this.lastCache = undefined;
  }

  sliceFailed(): void {
    this.giveBack(this.sliceMark);
  }

  groupFailed(): void {
    this.giveBack(this.groupMark);
  }

  /** The group is durable; all pending rows up to `seq` are gone. */
  groupCommitted(seq: number): void {
    const { taken } = this;
    while (this.head < taken.length && taken[this.head]!.until <= seq) this.release(taken[this.head++]!.slot);
    if (this.head > 1_000 || this.head === taken.length) {
      taken.splice(0, this.head);
      this.head = 0;
    }
    this.groupMark = taken.length;
    this.lastCache = undefined;
  }

  /** Recovery has made every pending file durable and deletes all rows. */
  recovered(): void {
    this.db.run("DELETE FROM slot WHERE slot>=?", KEPT_SLOTS);
    this.next = Math.min(this.next, KEPT_SLOTS);
    this.freeAll();
  }

  private freeAll(): void {
    this.free.length = 0;
    for (let slot = this.next - 1; slot >= 0; slot--) this.free.push(slot);
  }

  private giveBack(length: number): void {
    for (const { slot } of this.taken.splice(length)) this.release(slot);
    this.lastCache = undefined;
  }

  private release(slot: number): void {
    if (slot < FIRST_LARGE) this.free.push(slot);
  }
}
