/**
 * The cache record: ready-to-send octets and offsets of one message. README.md shows one as a hex dump.
 *
 * ```
 *  0  "PMC" and version 1
 *  4  u32 length of the record         all numbers are little-endian, offsets count from the record's first octet
 *  8  u32 CRC-32 of octets 12 to length
 * 12  u32 flags
 * 16  u32 size of the message
 * 20  u32 size of its header
 * 24  u32 start of ENVELOPE            a section ends where the next one starts
 * 28  u32 start of BODYSTRUCTURE
 * 32  u32 start of BODY
 * 36  u32 start of the parts           32 octets each, see below; children of one part are neighbours
 * 40  u32 start of the field index     12 octets each: u32 hash of the name, u32 offset, u32 length (top bit: not kept)
 * 44  u32 start of the fields          raw, with their line ends
 * 48  u32 end of the fields            = start of sections that later versions may add
 * 52  u32 number of parts
 *
 * part:   0 u32 header start   4 u32 header size   8 u32 body start  12 u32 body size  16 u32 body lines
 *        20 u32 start of the charset's name in this record, 0: none
 *        24 u8 its length  25 u8 encoding  26 u8 kind  27 u8 0  28 u16 first child  30 u16 number of children
 * ```
 */
import { crc32 } from "node:zlib";
import type { FieldSet } from "./header-fields.ts";

export const recordVersion = 1;
export const headSize = 56;
export const partSize = 32;
export const fieldSize = 12;
export const magic = [0x50, 0x4d, 0x43, recordVersion] as const;

/** All fields of the header are in the index; what is not there is not in the message. */
export const flagIndexComplete = 1;
/** Added to the length in an index entry whose field is not kept; its offset is one in the message then. */
export const fieldNotKept = 0x8000_0000;

/** What a part is, as stored. */
export const partKind = { leaf: 0, multipart: 1, message: 2, text: 3 } as const;
/** Transfer encodings, as stored. */
export const encodings = ["7bit", "8bit", "binary", "base64", "quoted-printable", "unknown"] as const;
export type Encoding = (typeof encodings)[number];

/** A place in a Buffer or message; accessors fill one that the caller owns, so that nothing is allocated per message. */
export interface Range {
  start: number;
  end: number;
}

export type CacheItem = "ENVELOPE" | "BODYSTRUCTURE" | "BODY";
/** BODY[1] is "BODY", BODY[1.MIME] "MIME"; HEADER and TEXT need a message: the outer one, or a message/rfc822 part. */
export type SectionKind = "BODY" | "MIME" | "HEADER" | "TEXT";

const sectionAt: Record<CacheItem, number> = { ENVELOPE: 24, BODYSTRUCTURE: 28, BODY: 32 };

function u32(octets: Uint8Array, at: number): number {
  return (octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24)) >>> 0;
}
function u16(octets: Uint8Array, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8);
}

/**
 * Length of the record at `base`, or 0 when there is none of this version that is whole and has a right CRC.
 * Call it once for each record read from disk; the accessors below trust the record.
 */
export function checkRecord(octets: Uint8Array, base = 0): number {
  if (base < 0 || base + headSize > octets.length) return 0;
  for (let i = 0; i < magic.length; i++) if (octets[base + i] !== magic[i]) return 0;
  const length = u32(octets, base + 4);
  if (length < headSize || base + length > octets.length) return 0;
  if (crc32(octets.subarray(base + 12, base + length)) !== u32(octets, base + 8)) return 0;
  return length;
}

/**
 * Whether the head at `base` is that of a record of `length` octets, its sections in order and inside of it: what is left to look at when a record's
 * CRC was right before. No accessor leaves such a record.
 */
export function hasSoundHead(octets: Uint8Array, base: number, length: number): boolean {
  if (length < headSize || base + length > octets.length || u32(octets, base + 4) !== length) return false;
  for (let i = 0; i < magic.length; i++) if (octets[base + i] !== magic[i]) return false;
  let last = headSize;
  for (let at = base + 24; at <= base + 48; at += 4) {
    const next = u32(octets, at);
    if (next < last) return false;
    last = next;
  }
  return last <= length && u32(octets, base + 52) * partSize <= length;
}

/** Length of the record at `base`, as it says itself. */
export function recordLength(octets: Uint8Array, base = 0): number {
  return u32(octets, base + 4);
}

/** CRC-32 of the record at `base`, as it says itself; goes into the message's row. */
export function recordCrc(octets: Uint8Array, base = 0): number {
  return u32(octets, base + 8);
}

/** Octets of the whole message, RFC822.SIZE. */
export function recordMessageSize(octets: Uint8Array, base = 0): number {
  return u32(octets, base + 16);
}

/** Finds ENVELOPE, BODYSTRUCTURE or BODY, with parentheses, without name. The range is in `octets`. */
export function cacheItem(octets: Uint8Array, base: number, item: CacheItem, into: Range): void {
  const at = base + sectionAt[item];
  into.start = base + u32(octets, at);
  into.end = base + u32(octets, at + 4);
}

/**
 * Finds a section of the message (RFC 3501 §6.4.5).
 * @param path part numbers, "1.2", or "" for the message itself
 * @param into gets a range of the message
 * @returns false when there is no such section; FETCH answers NIL then
 */
export function cacheSection(octets: Uint8Array, base: number, path: string, kind: SectionKind, into: Range): boolean {
  if (path === "") {
    if (kind === "MIME") return false;
    const root = base + u32(octets, base + 36);
    if (kind === "BODY") {
      into.start = 0;
      into.end = u32(octets, base + 16);
    } else headerOrText(octets, root, kind === "TEXT", into);
    return true;
  }
  let part = findPart(octets, base, path);
  if (part < 0) return false;
  if (kind === "BODY" || kind === "MIME") {
    headerOrText(octets, part, kind === "BODY", into);
    return true;
  }
  if (octets[part + 26] !== partKind.message) return false;
  part = base + u32(octets, base + 36) + u16(octets, part + 28) * partSize;
  headerOrText(octets, part, kind === "TEXT", into);
  return true;
}

function headerOrText(octets: Uint8Array, part: number, text: boolean, into: Range): void {
  const at = part + (text ? 8 : 0);
  into.start = u32(octets, at);
  into.end = into.start + u32(octets, at + 4);
}

/** Position of the part's entry, or -1. */
function findPart(octets: Uint8Array, base: number, path: string): number {
  const parts = base + u32(octets, base + 36);
  // The message whose parts are counted next: a message that is no multipart has one part, its own body.
  let part = parts;
  let message = true;
  let p = 0;
  for (;;) {
    let number = 0;
    const first = p;
    while (p < path.length) {
      const digit = path.charCodeAt(p) - 48;
      if (digit < 0 || digit > 9) break;
      number = Math.min(number * 10 + digit, 0x10000);
      p++;
    }
    if (p === first || number === 0) return -1;
    const kind = octets[part + 26];
    if (kind === partKind.multipart) {
      if (number > u16(octets, part + 30)) return -1;
      part = parts + (u16(octets, part + 28) + number - 1) * partSize;
    } else if (message) {
      // The body of a message is its part 1; its header is the message's own.
      if (number !== 1) return -1;
    } else return -1;
    if (p === path.length) return part;
    if (path.charCodeAt(p++) !== 0x2e) return -1;
    message = octets[part + 26] === partKind.message;
    if (message) part = parts + u16(octets, part + 28) * partSize;
  }
}

/** One part, for search and BINARY. */
export interface PartInfo {
  readonly headerStart: number;
  readonly headerEnd: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly kind: keyof typeof partKind;
  readonly encoding: Encoding;
  /** As written, or "" when the part names none. */
  readonly charset: string;
  /** Index of the first child; children follow each other. */
  readonly firstChild: number;
  readonly childCount: number;
}

/** Number of parts, the message itself (index 0), multiparts and embedded messages included. */
export function cachePartCount(octets: Uint8Array, base = 0): number {
  return u32(octets, base + 52);
}

/** @param index 0 to cachePartCount - 1; each part comes after its parent */
export function cachePart(octets: Uint8Array, base: number, index: number): PartInfo {
  return partInfo(octets, base, base + u32(octets, base + 36) + index * partSize);
}

/** The part that a path names, as BINARY[path] needs it; undefined when there is none. "" is the message. */
export function cachePartAt(octets: Uint8Array, base: number, path: string): PartInfo | undefined {
  const at = path === "" ? base + u32(octets, base + 36) : findPart(octets, base, path);
  return at < 0 ? undefined : partInfo(octets, base, at);
}

const kindNames = ["leaf", "multipart", "message", "text"] as const;

function partInfo(octets: Uint8Array, base: number, at: number): PartInfo {
  const headerStart = u32(octets, at);
  const bodyStart = u32(octets, at + 8);
  const charsetAt = u32(octets, at + 20);
  const charset = octets.subarray(base + charsetAt, base + charsetAt + octets[at + 24]!);
  return {
    headerStart,
    headerEnd: headerStart + u32(octets, at + 4),
    bodyStart,
    bodyEnd: bodyStart + u32(octets, at + 12),
    kind: kindNames[octets[at + 26]!]!,
    encoding: encodings[octets[at + 25]!]!,
    charset: charsetAt === 0 ? "" : Buffer.from(charset).toString("latin1"),
    firstChild: u16(octets, at + 28),
    childCount: u16(octets, at + 30),
  };
}

/** Places of chosen fields in a record, filled by cacheFieldPlaces. Fields that follow each other are one place. */
export interface FieldPlaces {
  /** Start and end of each place in turn; those behind `length` are of no meaning. */
  readonly bounds: number[];
  /** Numbers in `bounds` that count. */
  length: number;
}

/**
 * Finds the answer to HEADER.FIELDS or HEADER.FIELDS.NOT: the fields at `into`'s places, in turn, and an empty line (CRLF) after them.
 * @returns the size of the answer with its empty line, or -1 when the record does not hold all that is asked for, so that
 *   the message's header must be read (headerFields)
 */
export function cacheFieldPlaces(octets: Uint8Array, base: number, fields: FieldSet, into: FieldPlaces): number {
  into.length = 0;
  if ((octets[base + 12]! & flagIndexComplete) === 0) return -1;
  const { bounds } = into;
  const { not } = fields;
  const indexEnd = base + u32(octets, base + 44);
  const fieldsEnd = base + u32(octets, base + 48);
  let size = 2;
  let count = 0;
  let last = -1;
  for (let entry = base + u32(octets, base + 40); entry < indexEnd; entry += fieldSize) {
    const hash = octets[entry]! | (octets[entry + 1]! << 8) | (octets[entry + 2]! << 16) | (octets[entry + 3]! << 24);
    const mayBeNamed = fields.mayName(hash);
    if (!mayBeNamed && !not) continue;
    // Not kept. When its hash is one of the set's its name might still be another, so the message has to say.
    if (octets[entry + 11]! >= 0x80) return -1;
    const start = base + u32(octets, entry + 4);
    const length = u32(octets, entry + 8);
    if (start + length > fieldsEnd) return -1;
    if (mayBeNamed) {
      let colon = start;
      while (colon < start + length && octets[colon] !== 0x3a) colon++;
      if (fields.isNamed(hash, octets, start, colon) === not) continue;
    }
    size += length;
    if (start === last) bounds[count - 1] = last = start + length;
    else {
      bounds[count++] = start;
      bounds[count++] = last = start + length;
    }
  }
  into.length = count;
  return size;
}

const places: FieldPlaces = { bounds: [], length: 0 };

/**
 * Copies what cacheFieldPlaces finds, and the empty line after it.
 * @param target gets the octets from `at` on; the caller makes room with cacheHeaderFieldsRoom
 * @returns the position after the last octet, or -1
 */
export function cacheHeaderFields(
  octets: Uint8Array,
  base: number,
  fields: FieldSet,
  target: Uint8Array,
  at: number,
): number {
  if (cacheFieldPlaces(octets, base, fields, places) < 0) return -1;
  let p = at;
  for (let i = 0; i < places.length; i += 2) {
    const start = places.bounds[i]!;
    const end = places.bounds[i + 1]!;
    target.set(octets.subarray(start, end), p);
    p += end - start;
  }
  target[p++] = 13;
  target[p++] = 10;
  return p;
}

/** Room that cacheHeaderFields may need at most. */
export function cacheHeaderFieldsRoom(octets: Uint8Array, base = 0): number {
  return u32(octets, base + 48) - u32(octets, base + 44) + 2;
}

/** Whether the message has a field of that name: sure in both directions unless "unknown". */
export function cacheHasField(octets: Uint8Array, base: number, fields: FieldSet): "yes" | "no" | "unknown" {
  const complete = (octets[base + 12]! & flagIndexComplete) !== 0;
  const index = base + u32(octets, base + 40);
  const indexEnd = base + u32(octets, base + 44);
  for (let entry = index; entry < indexEnd; entry += fieldSize) {
    const hash = u32(octets, entry);
    if (!fields.mayName(hash)) continue;
    if (octets[entry + 11]! >= 0x80) return "unknown";
    const start = base + u32(octets, entry + 4);
    const end = start + u32(octets, entry + 8);
    let colon = start;
    while (colon < end && octets[colon] !== 0x3a) colon++;
    if (fields.isNamed(hash, octets, start, colon)) return "yes";
  }
  return complete ? "no" : "unknown";
}
