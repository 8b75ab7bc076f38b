/**
 * Reads Cyrus's twoskip databases, as its programs leave them: a skip list in one file. All numbers are big-endian.
 *
 *     header, 64 octets                                  record, at a multiple of 8 from octet 64 on
 *      0  magic, 20 octets                                0  type: = first  + key and value  - deletion  $ commit
 *     20  version, 1                                      1  level L: 1 to 31, 0 for - and $
 *     24  generation                                      2  key length; 65535: another 8 octets behind octet 8 say
 *     32  number of keys                                  4  value length; 2^32-1: likewise, behind those of the key
 *     40  size when it was last repacked                  8  the 8 octets of both, where they are
 *     48  committed size                                  .  pointers, 8 octets each: 1 + L of them
 *     56  flags                                           .  CRC-32 of all that, then CRC-32 of what follows
 *     60  CRC-32 of the 60 octets before                  .  key and value, filled up with NUL to a multiple of 8
 *
 * The first two pointers of = and + both lead to the next key: a commit writes over the one that was not in use, so the greater one
 * within the committed size counts. It may lead to a -, whose only pointer goes on to the key behind the one that was deleted.
 */
import { crc32 } from "node:zlib";

export interface TwoskipRecord {
  /** Views of the octets given. */
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The file is damaged; what was read before is good. */
export class TwoskipError extends Error {
  override readonly name = "TwoskipError";
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(`twoskip: ${reason} at octet ${offset}`);
    this.offset = offset;
  }
}

const magic = Buffer.from("\xa1\x02\x8b\x0dtwoskip file\0\0\0\0", "latin1");
const HEADER_OCTETS = 64;
const VERSION = 1;
const MAX_LEVEL = 31;
/** The smallest record: a commit. */
const MIN_RECORD_OCTETS = 24;
const [FIRST, RECORD, DELETION] = [0x3d, 0x2b, 0x2d];

export function isTwoskip(octets: Uint8Array): boolean {
  return octets.length >= magic.length && magic.equals(octets.subarray(0, magic.length));
}

/** All keys in the file's order, as of the last commit. @throws TwoskipError */
export function* readTwoskip(octets: Buffer): Generator<TwoskipRecord, void, void> {
  const end = committedSize(octets);
  const first = readHead(octets, HEADER_OCTETS, end);
  if (first.type !== FIRST) throw new TwoskipError("no first record", HEADER_OCTETS);
  let next = nextOf(octets, first, end);
  // Pointers of a damaged file may go round in a circle.
  for (let steps = Math.ceil(end / MIN_RECORD_OCTETS); next !== 0; steps--) {
    if (steps === 0) throw new TwoskipError("records without end", next);
    const head = readHead(octets, next, end);
    if (head.type === RECORD) yield contentsOf(octets, head, end);
    else if (head.type !== DELETION) throw new TwoskipError("no record", next);
    next = nextOf(octets, head, end);
  }
}

interface Head {
  readonly type: number;
  readonly offset: number;
  readonly level: number;
  readonly keyOctets: number;
  readonly valueOctets: number;
  /** Where the pointers begin. */
  readonly pointers: number;
  /** Where the head's CRC is. */
  readonly crc: number;
}

function committedSize(octets: Buffer): number {
  if (!isTwoskip(octets)) throw new TwoskipError("not such a file", 0);
  if (octets.length < HEADER_OCTETS) throw new TwoskipError("header cut off", octets.length);
  if (octets.readUInt32BE(60) !== crc32(octets.subarray(0, 60))) throw new TwoskipError("header damaged", 60);
  const version = octets.readUInt32BE(20);
  if (version !== VERSION) throw new TwoskipError(`version ${version}`, 20);
  const size = number64(octets, 48);
  if (size > octets.length) throw new TwoskipError(`file cut off, it had ${size} octets`, octets.length);
  return size;
}

function readHead(octets: Buffer, offset: number, end: number): Head {
  if (offset < HEADER_OCTETS || offset % 8 !== 0 || offset + MIN_RECORD_OCTETS > end)
    throw new TwoskipError("pointer to nowhere", offset);
  const type = octets[offset]!;
  const level = octets[offset + 1]!;
  if (level > MAX_LEVEL) throw new TwoskipError("level too high", offset);
  let keyOctets = octets.readUInt16BE(offset + 2);
  let valueOctets = octets.readUInt32BE(offset + 4);
  let pointers = offset + 8;
  // Both lengths may be long ones; MIN_RECORD_OCTETS covers them.
  if (keyOctets === 0xffff) {
    keyOctets = number64(octets, pointers);
    pointers += 8;
  }
  if (valueOctets === 0xffff_ffff) {
    valueOctets = number64(octets, pointers);
    pointers += 8;
  }
  const crc = pointers + 8 * (1 + level);
  if (crc + 8 > end) throw new TwoskipError("record cut off", offset);
  if (octets.readUInt32BE(crc) !== crc32(octets.subarray(offset, crc)))
    throw new TwoskipError("record damaged", offset);
  return { type, offset, level, keyOctets, valueOctets, pointers, crc };
}

/** Offset of the next key's record or of a deletion; 0 at the end. */
function nextOf(octets: Buffer, { type, level, pointers }: Head, end: number): number {
  const one = number64(octets, pointers);
  if (type === DELETION || level === 0) return one;
  const other = number64(octets, pointers + 8);
  if (one >= end) return other;
  return other >= end ? one : Math.max(one, other);
}

function contentsOf(octets: Buffer, { offset, keyOctets, valueOctets, crc }: Head, end: number): TwoskipRecord {
  const from = crc + 8;
  const size = keyOctets + valueOctets;
  const filled = Math.ceil(size / 8) * 8;
  if (from + filled > end) throw new TwoskipError("record cut off", offset);
  if (octets.readUInt32BE(crc + 4) !== crc32(octets.subarray(from, from + filled)))
    throw new TwoskipError("key or value damaged", offset);
  return { key: octets.subarray(from, from + keyOctets), value: octets.subarray(from + keyOctets, from + size) };
}

/** Numbers that are not exact are past the end of any file. */
function number64(octets: Buffer, at: number): number {
  return octets.readUInt32BE(at) * 2 ** 32 + octets.readUInt32BE(at + 4);
}
