/**
 * Cold rows: what is fixed at delivery, 112 octets a message, packed in blocks of COLD_SPAN uids (block head as in hot.ts, version 1).
 *
 *   row   0  u32 uid                                     64  20 octets guid (SHA-1 of the message's octets)
 *         4  u32 header size                             84  u32 cache record: length
 *         8  f64 internaldate, epoch seconds             88  f64 cache record: offset in the mailbox's cache file
 *        16  u32 internaldate, nanoseconds               96  u32 cache record: CRC32
 *        20  u32 size in octets                         100  u16 cache record: version
 *        24  f64 sentdate (day of the Date header)      102  u8  where the octets are: 0 partition, 1 archive partition
 *        32  f64 gmtime (instant of the Date header)    103  u8  row version (1)
 *        40  f64 savedate                               104  u32 generation of the cache file
 *        48  f64 createdmodseq                          108  u32 CRC32 of octets 0 to 107
 *        56  8 octets conversation id, big-endian
 */
import { crc32 } from "node:zlib";
import { BLOCK_HEAD, BlockError, checkBlock, sealBlock } from "./hot.ts";

export const COLD_SPAN = 32;
export const COLD_ROW = 112;
export const COLD_VERSION = 1;
/** Stored blocks grow by so many rows at a time. */
const COLD_ROOM = 4;

export interface ColdRow {
  uid: number;
  headerSizeOctets: number;
  /** Epoch seconds. */
  internalDate: number;
  internalDateNanos: number;
  sizeOctets: number;
  sentDate: number;
  gmTime: number;
  saveDate: number;
  createdModseq: number;
  /** Conversation id, 16 hex digits; "0000000000000000" is none. */
  cid: string;
  guid: Uint8Array;
  cacheOffset: number;
  cacheLength: number;
  cacheCrc: number;
  cacheVersion: number;
  cacheGeneration: number;
  /** 0: partition, 1: archive partition. */
  blobPlace: number;
}

/** The place of a cache record, as a row has it. */
export type CachePlace = Pick<ColdRow, "cacheLength" | "cacheOffset" | "cacheCrc" | "cacheVersion" | "cacheGeneration">;

export class ColdBlock {
  octets: Buffer;
  count: number;

  private constructor(octets: Buffer, count: number) {
    this.octets = octets;
    this.count = count;
  }

  static empty(): ColdBlock {
    return new ColdBlock(Buffer.alloc(BLOCK_HEAD + 2 * COLD_ROW), 0);
  }

  /** @throws BlockError when version, length or CRC do not hold */
  static decode(stored: Uint8Array): ColdBlock {
    const octets = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    return new ColdBlock(octets, checkBlock(octets, COLD_VERSION, COLD_ROW));
  }

  encode(): Buffer {
    return sealBlock(this.octets, COLD_VERSION, COLD_ROW, this.count, COLD_ROOM);
  }

  at(index: number): number {
    return BLOCK_HEAD + index * COLD_ROW;
  }

  uid(index: number): number {
    return this.octets.readUInt32LE(BLOCK_HEAD + index * COLD_ROW);
  }

  /** Single fields, for loops over many messages; the block's CRC was checked when it was decoded. */
  headerSizeOctets(index: number): number {
    return this.octets.readUInt32LE(BLOCK_HEAD + index * COLD_ROW + 4);
  }

  internalDate(index: number): number {
    return this.octets.readDoubleLE(BLOCK_HEAD + index * COLD_ROW + 8);
  }

  blobPlace(index: number): number {
    return this.octets[this.at(index) + 102]!;
  }

  /** Valid as long as the block is not changed. */
  guid(index: number): Uint8Array {
    const at = this.at(index) + 64;
    return this.octets.subarray(at, at + 20);
  }

  sizeOctets(index: number): number {
    return this.octets.readUInt32LE(BLOCK_HEAD + index * COLD_ROW + 20);
  }

  sentDate(index: number): number {
    return this.octets.readDoubleLE(BLOCK_HEAD + index * COLD_ROW + 24);
  }

  /** Where the cache record is, into an object of the caller's. */
  cachePlace(index: number, into: CachePlace): CachePlace {
    const { octets } = this;
    const at = BLOCK_HEAD + index * COLD_ROW;
    into.cacheLength = octets.readUInt32LE(at + 84);
    into.cacheOffset = octets.readDoubleLE(at + 88);
    into.cacheCrc = octets.readUInt32LE(at + 96);
    into.cacheVersion = octets.readUInt16LE(at + 100);
    into.cacheGeneration = octets.readUInt32LE(at + 104);
    return into;
  }

  find(uid: number): number {
    const index = this.lowerBound(uid);
    return index < this.count && this.uid(index) === uid ? index : -1;
  }

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

  /** @throws BlockError when the row's own CRC does not hold */
  row(index: number): ColdRow {
    const at = this.at(index);
    const { octets } = this;
    if (crc32(octets.subarray(at, at + 108)) !== octets.readUInt32LE(at + 108)) {
      throw new BlockError(`cold row of uid ${this.uid(index)}: CRC differs`);
    }
    return readColdRow(octets, at);
  }

  put(row: ColdRow): void {
    const index = this.lowerBound(row.uid);
    if (index === this.count || this.uid(index) !== row.uid) {
      this.insertSpace(index);
      this.count += 1;
    }
    writeColdRow(this.octets, this.at(index), row);
  }

  remove(uid: number): boolean {
    const index = this.find(uid);
    if (index < 0) return false;
    const at = this.at(index);
    this.octets.copyWithin(at, at + COLD_ROW, this.at(this.count));
    this.count -= 1;
    return true;
  }

  private insertSpace(index: number): void {
    const end = this.at(this.count);
    if (end + COLD_ROW > this.octets.length) {
      const rows = Math.min(COLD_SPAN, Math.max(2, this.count * 2));
      const larger = Buffer.alloc(BLOCK_HEAD + rows * COLD_ROW);
      this.octets.copy(larger, 0, 0, end);
      this.octets = larger;
    }
    const at = this.at(index);
    this.octets.copyWithin(at + COLD_ROW, at, end);
  }
}

function readColdRow(octets: Buffer, at: number): ColdRow {
  return {
    uid: octets.readUInt32LE(at),
    headerSizeOctets: octets.readUInt32LE(at + 4),
    internalDate: octets.readDoubleLE(at + 8),
    internalDateNanos: octets.readUInt32LE(at + 16),
    sizeOctets: octets.readUInt32LE(at + 20),
    sentDate: octets.readDoubleLE(at + 24),
    gmTime: octets.readDoubleLE(at + 32),
    saveDate: octets.readDoubleLE(at + 40),
    createdModseq: octets.readDoubleLE(at + 48),
    cid: octets.toString("hex", at + 56, at + 64),
    guid: octets.subarray(at + 64, at + 84),
    cacheLength: octets.readUInt32LE(at + 84),
    cacheOffset: octets.readDoubleLE(at + 88),
    cacheCrc: octets.readUInt32LE(at + 96),
    cacheVersion: octets.readUInt16LE(at + 100),
    blobPlace: octets[at + 102]!,
    cacheGeneration: octets.readUInt32LE(at + 104),
  };
}

function writeColdRow(octets: Buffer, at: number, row: ColdRow): void {
  octets.writeUInt32LE(row.uid, at);
  octets.writeUInt32LE(row.headerSizeOctets, at + 4);
  octets.writeDoubleLE(row.internalDate, at + 8);
  octets.writeUInt32LE(row.internalDateNanos, at + 16);
  octets.writeUInt32LE(row.sizeOctets, at + 20);
  octets.writeDoubleLE(row.sentDate, at + 24);
  octets.writeDoubleLE(row.gmTime, at + 32);
  octets.writeDoubleLE(row.saveDate, at + 40);
  octets.writeDoubleLE(row.createdModseq, at + 48);
  octets.write(row.cid, at + 56, 8, "hex");
  octets.set(row.guid, at + 64);
  octets.writeUInt32LE(row.cacheLength, at + 84);
  octets.writeDoubleLE(row.cacheOffset, at + 88);
  octets.writeUInt32LE(row.cacheCrc, at + 96);
  octets.writeUInt16LE(row.cacheVersion, at + 100);
  octets[at + 102] = row.blobPlace;
  octets[at + 103] = 1;
  octets.writeUInt32LE(row.cacheGeneration, at + 104);
  octets.writeUInt32LE(crc32(octets.subarray(at, at + 108)), at + 108);
}
