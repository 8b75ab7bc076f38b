/**
 * The two sync CRCs of a mailbox, as replication compares them: CRC32 over a text for each message that is not expunged, XORed together.
 *
 *   basic(r) = CRC32("UID MODSEQ LAST_UPDATED (FLAGCRC) INTERNALDATE GUID")     FLAGCRC = XOR of CRC32(lower-case flag name)
 *   annot    = CRC32("UID ENTRY USERID " + value), for message annotations and for thrid, savedate, createdmodseq
 *
 * The end of basic's text, ") INTERNALDATE GUID", never changes for a message: its CRC and length are kept in the hot row, and a change of flags
 * only hashes the front and appends the kept CRC by the linearity of CRC32.
 */
import { crc32 } from "node:zlib";
import type { HotRow } from "./hot.ts";

/** Value of SYNC_CRC_ANNOT of a mailbox without messages. */
export const ANNOT_CRC_INIT = 12345678;
const POLYNOMIAL = 0xedb88320;

const table = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  table[n] = c >>> 0;
}

/** For each length of the fixed end: four tables that multiply a CRC by x^(8 * length), an octet of it at a time. */
const shifts = new Map<number, Uint32Array>();

function shiftTables(length: number): Uint32Array {
  let tables = shifts.get(length);
  if (tables) return tables;
  tables = new Uint32Array(1024);
  for (let octet = 0; octet < 4; octet++) {
    for (let value = 0; value < 256; value++) {
      let crc = (value << (8 * octet)) >>> 0;
      for (let n = 0; n < length; n++) crc = table[crc & 0xff]! ^ (crc >>> 8);
      tables[octet * 256 + value] = crc >>> 0;
    }
  }
  shifts.set(length, tables);
  return tables;
}

/** CRC32 of A followed by B, from the CRCs of both and the length of B in octets. */
export function crcConcat(crcA: number, crcB: number, lengthB: number): number {
  const t = shiftTables(lengthB);
  const moved =
    t[crcA & 0xff]! ^ t[256 + ((crcA >>> 8) & 0xff)]! ^ t[512 + ((crcA >>> 16) & 0xff)]! ^ t[768 + (crcA >>> 24)]!;
  return (moved ^ crcB) >>> 0;
}

/** The fixed end of basic's text: its CRC, and how many digits internaldate takes in it. */
export function crcSuffixOf(internalDate: number, guidHex: string): { crcSuffix: number; dateDigits: number } {
  const date = String(internalDate);
  return { crcSuffix: crc32(`) ${date} ${guidHex}`), dateDigits: date.length };
}

const flagCrcs = [crc32("\\answered"), crc32("\\flagged"), crc32("\\deleted"), crc32("\\draft"), crc32("\\seen")];

/** XOR of the CRCs of the five system flags, for each of their 32 combinations. */
const systemFlagCrcs = Uint32Array.from({ length: 32 }, (_, bits) =>
  flagCrcs.reduce((crc, flagCrc, n) => (bits & (1 << n) ? crc ^ flagCrc : crc), 0),
);

/** CRCs of a mailbox's flag names, in table order. */
export function userFlagCrcs(names: readonly (string | null)[]): Uint32Array {
  return Uint32Array.from(names, (name) => (name === null ? 0 : crc32(name.toLowerCase())));
}

export function flagCrc(flags: number, user: readonly number[], userCrcs: Uint32Array): number {
  let crc = systemFlagCrcs[flags & 31]!;
  for (let word = 0; word < 4; word++) {
    for (let bits = user[word]! >>> 0; bits !== 0; ) {
      const bit = 31 - Math.clz32(bits);
      crc ^= userCrcs[word * 32 + bit] ?? 0;
      bits = (bits & ~(1 << bit)) >>> 0;
    }
  }
  return crc >>> 0;
}

const text = new Uint8Array(96);

/** Writes the decimal digits of n, 0 <= n < 2^53, at `at` of the scratch text; returns the position behind. */
function putDigits(at: number, n: number): number {
  if (n >= 0x7fffffff) {
    const digits = String(n);
    for (let i = 0; i < digits.length; i++) text[at + i] = digits.charCodeAt(i);
    return at + digits.length;
  }
  let start = at;
  let rest = n;
  do {
    const next = (rest / 10) | 0;
    text[at++] = 48 + rest - next * 10;
    rest = next;
  } while (rest > 0);
  for (let end = at - 1; start < end; start++, end--) {
    const digit = text[start]!;
    text[start] = text[end]!;
    text[end] = digit;
  }
  return at;
}

/** basic(r). `row` must not be expunged. */
export function basicCrc(row: HotRow, userCrcs: Uint32Array): number {
  const flags = flagCrc(row.flags, row.user, userCrcs);
  return basicCrcOf(row.uid, row.modseq, row.lastUpdated, flags, row.crcSuffix, row.dateDigits);
}

/** basic(r) from its parts, without a row object: for loops over many rows. */
export function basicCrcOf(
  uid: number,
  modseq: number,
  lastUpdated: number,
  flags: number,
  crcSuffix: number,
  dateDigits: number,
): number {
  let at = putDigits(0, uid);
  text[at++] = 32;
  at = putDigits(at, modseq);
  text[at++] = 32;
  at = putDigits(at, lastUpdated);
  text[at++] = 32;
  text[at++] = 40;
  at = putDigits(at, flags);
  let crc = 0xffffffff;
  for (let i = 0; i < at; i++) crc = table[(crc ^ text[i]!) & 0xff]! ^ (crc >>> 8);
  return crcConcat((crc ^ 0xffffffff) >>> 0, crcSuffix, dateDigits + 43);
}

/** FLAGCRC of the row at `at` of a hot block. */
export function flagCrcAt(view: DataView, at: number, flags: number, userCrcs: Uint32Array): number {
  let crc = systemFlagCrcs[flags & 31]!;
  for (let word = 0; word < 4; word++) {
    for (let bits = view.getUint32(at + 24 + 4 * word, true); bits !== 0; ) {
      const bit = 31 - Math.clz32(bits);
      crc ^= userCrcs[word * 32 + bit] ?? 0;
      bits = (bits & ~(1 << bit)) >>> 0;
    }
  }
  return crc >>> 0;
}

/** annot(uid, entry, userid, value); an empty value does not exist and must not be asked for. */
export function annotationCrc(uid: number, entry: string, userid: string, value: string | Uint8Array): number {
  return crc32(value, crc32(`${uid} ${entry} ${userid} `));
}

const V = "/vendor/cmu/cyrus-imapd";

/** XOR of the annotation CRCs of what is kept in the row itself. */
export function virtualAnnotationsCrc(row: {
  uid: number;
  cid: string;
  saveDate: number;
  createdModseq: number;
}): number {
  let crc = 0;
  const thrid = row.cid.replace(/^0+/, "");
  if (thrid !== "") crc ^= annotationCrc(row.uid, `${V}/thrid`, "", thrid);
  if (row.saveDate !== 0) crc ^= annotationCrc(row.uid, `${V}/savedate`, "", String(row.saveDate));
  if (row.createdModseq !== 0) crc ^= annotationCrc(row.uid, `${V}/createdmodseq`, "", String(row.createdModseq));
  return crc >>> 0;
}
