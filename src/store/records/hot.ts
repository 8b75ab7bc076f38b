/**
 * Hot rows: what changes after delivery (flags, modseq), 40 octets a message, packed in blocks.
 *
 *   block   0  u32 CRC32 of everything behind it      row   0  u32 uid
 *           4  u8  version (1)                               4  u32 system and internal flags (below); bits 24-31: digits of internaldate
 *           5  u8  row size (40)                             8  u32 modseq, high 21 bits
 *           6  u16 number of rows                           12  u32 modseq, low 32 bits
 *           8  rows, ascending by uid, then zeros           16  u32 last_updated, epoch seconds
 *                                                           20  u32 CRC32 of the part of the sync CRC text that never changes
 *                                                           24  4 x u32 user flag bits, bit n = n-th name of the mailbox's flag table
 *
 * A block holds the uids [n * HOT_SPAN, n * HOT_SPAN + HOT_SPAN - 1] of one mailbox. All numbers are little-endian.
 */
import { crc32 } from "node:zlib";

export const HOT_SPAN = 96;
export const HOT_ROW = 40;
export const BLOCK_HEAD = 8;
export const HOT_VERSION = 1;
/** Stored blocks grow by so many rows at a time. */
const HOT_ROOM = 8;
/** Names a mailbox's flag table can hold. */
export const MAX_USER_FLAGS = 128;

/** Bits of the flags word. The first five are the client's; the others are ours. */
export const Flag = {
  answered: 1 << 0,
  flagged: 1 << 1,
  deleted: 1 << 2,
  draft: 1 << 3,
  seen: 1 << 4,
  /** Gone for clients; the row stays as a tombstone until it is removed for good. */
  expunged: 1 << 8,
  /** The message file is gone as well. */
  unlinked: 1 << 9,
  archived: 1 << 10,
  needsCleanup: 1 << 11,
  splitConversation: 1 << 12,
  snoozed: 1 << 13,
} as const;
/** The flags that IMAP shows. */
export const SYSTEM_FLAGS = 0x1f;
const FLAG_BITS = 0x00ffffff;

/** One row in decoded form; hot loops read the block by offset instead. */
export interface HotRow {
  uid: number;
  flags: number;
  modseq: number;
  /** Epoch seconds of the last change of anything about the message. */
  lastUpdated: number;
  /** See sync-crc.ts. */
  crcSuffix: number;
  /** Digits of internaldate in decimal, 1 to 20; part of the sync CRC's text length. */
  dateDigits: number;
  user: readonly [number, number, number, number];
}

export class BlockError extends Error {}

/** A block being read or changed. `view` covers `octets` exactly. */
export class HotBlock {
  octets: Buffer;
  view: DataView;
  count: number;

  private constructor(octets: Buffer, count: number) {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    this.count = count;
  }

  static empty(): HotBlock {
    return new HotBlock(Buffer.alloc(BLOCK_HEAD + 4 * HOT_ROW), 0);
  }

  /** @throws BlockError when version, length or CRC do not hold */
  static decode(stored: Uint8Array): HotBlock {
    const octets = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    const count = checkBlock(octets, HOT_VERSION, HOT_ROW);
    return new HotBlock(octets, count);
  }

  /** The octets to store, with head and CRC written. May share memory with the block. */
  encode(): Buffer {
    return sealBlock(this.octets, HOT_VERSION, HOT_ROW, this.count, HOT_ROOM);
  }

  /** Offset of row `index`. */
  at(index: number): number {
    return BLOCK_HEAD + index * HOT_ROW;
  }

  uid(index: number): number {
    return this.view.getUint32(BLOCK_HEAD + index * HOT_ROW, true);
  }

  flags(index: number): number {
    return this.view.getUint32(BLOCK_HEAD + index * HOT_ROW + 4, true) & FLAG_BITS;
  }

  modseq(index: number): number {
    const at = BLOCK_HEAD + index * HOT_ROW;
    return this.view.getUint32(at + 8, true) * 0x1_0000_0000 + this.view.getUint32(at + 12, true);
  }

  /** Index of the row with `uid`, or -1. */
  find(uid: number): number {
    const index = this.lowerBound(uid);
    return index < this.count && this.uid(index) === uid ? index : -1;
  }

  /** Index of the first row whose uid is not below `uid`; `count` when there is none. */
  lowerBound(uid: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.uid(middle) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  row(index: number): HotRow {
    const { view } = this;
    const at = this.at(index);
    const word = view.getUint32(at + 4, true);
    return {
      uid: view.getUint32(at, true),
      flags: word & FLAG_BITS,
      modseq: this.modseq(index),
      lastUpdated: view.getUint32(at + 16, true),
      crcSuffix: view.getUint32(at + 20, true),
      dateDigits: word >>> 24,
      user: [
        view.getUint32(at + 24, true),
        view.getUint32(at + 28, true),
        view.getUint32(at + 32, true),
        view.getUint32(at + 36, true),
      ],
    };
  }

  /** Writes `row` at its place, replacing a row of the same uid. */
  put(row: HotRow): void {
    let index = this.lowerBound(row.uid);
    if (index === this.count || this.uid(index) !== row.uid) {
      this.insertSpace(index);
      this.count += 1;
    }
    const { view } = this;
    const at = this.at(index);
    view.setUint32(at, row.uid, true);
    view.setUint32(at + 4, ((row.flags & FLAG_BITS) | (row.dateDigits << 24)) >>> 0, true);
    view.setUint32(at + 8, Math.floor(row.modseq / 0x1_0000_0000), true);
    view.setUint32(at + 12, row.modseq >>> 0, true);
    view.setUint32(at + 16, row.lastUpdated, true);
    view.setUint32(at + 20, row.crcSuffix >>> 0, true);
    for (index = 0; index < 4; index++) view.setUint32(at + 24 + 4 * index, row.user[index]! >>> 0, true);
  }

  remove(uid: number): boolean {
    const index = this.find(uid);
    if (index < 0) return false;
    const at = this.at(index);
    this.octets.copyWithin(at, at + HOT_ROW, this.at(this.count));
    this.count -= 1;
    return true;
  }

  private insertSpace(index: number): void {
    const end = this.at(this.count);
    if (end + HOT_ROW > this.octets.length) {
      const rows = Math.min(HOT_SPAN, Math.max(4, this.count * 2));
      const larger = Buffer.alloc(BLOCK_HEAD + rows * HOT_ROW);
      this.octets.copy(larger, 0, 0, end);
      this.octets = larger;
      this.view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
    }
    const at = this.at(index);
    this.octets.copyWithin(at + HOT_ROW, at, end);
  }
}

/** What a block's head columns say: see schema.ts, table hot. */
export interface HotHead {
  maxModseq: number;
  /** Live messages without \Seen. */
  unseen: number;
  /** Bit n set: uid (block * 96 + n) is live; n 0 to 47 here, 48 to 95 in liveHigh. */
  liveLow: number;
  liveHigh: number;
}

/** Bits 0 to 47 as numbers, since shifts work on 32 bits only. */
export const BIT48: readonly number[] = Array.from({ length: 48 }, (_, n) => 2 ** n);
export const FULL48 = 2 ** 48 - 1;

export function headOf(block: HotBlock): HotHead {
  const head: HotHead = { maxModseq: 0, unseen: 0, liveLow: 0, liveHigh: 0 };
  for (let i = 0; i < block.count; i++) {
    const flags = block.flags(i);
    const modseq = block.modseq(i);
    if (modseq > head.maxModseq) head.maxModseq = modseq;
    if (flags & Flag.expunged) continue;
    if ((flags & Flag.seen) === 0) head.unseen += 1;
    const bit = block.uid(i) % HOT_SPAN;
    if (bit < 48) head.liveLow += BIT48[bit]!;
    else head.liveHigh += BIT48[bit - 48]!;
  }
  return head;
}

/** Checks a stored block's head and CRC and returns its number of rows. Shared by hot and cold blocks. */
export function checkBlock(octets: Buffer, version: number, rowSize: number): number {
  if (octets.length < BLOCK_HEAD) throw new BlockError(`block of ${octets.length} octets`);
  const count = octets.readUInt16LE(6);
  if (octets[4] !== version || octets[5] !== rowSize) {
    throw new BlockError(`block version ${octets[4]}, row size ${octets[5]}`);
  }
  if (octets.length < BLOCK_HEAD + count * rowSize) {
    throw new BlockError(`block of ${octets.length} octets for ${count} rows`);
  }
  if (crc32(octets.subarray(4)) !== octets.readUInt32LE(0)) throw new BlockError("block CRC differs");
  return count;
}

/**
 * Writes head and CRC and returns the octets to store, with room for the next rows: a block that grows at each delivery would push its neighbours from page
 * to page.
 */
export function sealBlock(octets: Buffer, version: number, rowSize: number, count: number, roomRows = 1): Buffer {
  const used = BLOCK_HEAD + count * rowSize;
  // A few rows are kept small: most mailboxes have few messages.
  const rows = count <= roomRows / 2 ? roomRows / 2 : Math.ceil(count / roomRows) * roomRows;
  const size = BLOCK_HEAD + rows * rowSize;
  let sealed = octets;
  if (octets.length < size) {
    sealed = Buffer.alloc(size);
    octets.copy(sealed, 0, 0, used);
  } else {
    sealed = octets.subarray(0, size);
    sealed.fill(0, used);
  }
  sealed[4] = version;
  sealed[5] = rowSize;
  sealed.writeUInt16LE(count, 6);
  sealed.writeUInt32LE(crc32(sealed.subarray(4)), 0);
  return sealed;
}
