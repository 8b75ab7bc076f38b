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
import { addFixed, addHex, addNumber, addOctet, fixedText, REGISTER_INIT, shift, shiftTables } from "./crc-text.ts";
import type { HotRow } from "./hot.ts";

/** Value of SYNC_CRC_ANNOT of a mailbox without messages. */
export const ANNOT_CRC_INIT = 12345678;
/** CRC32 of A followed by B, from the CRCs of both and the length of B in octets. */
export function crcConcat(crcA: number, crcB: number, lengthB: number): number {
  return (shift(crcA, shiftTables(lengthB)) ^ crcB) >>> 0;
}

const AFTER_FLAGS = fixedText(") ");
const BLANK = 0x20;
const MINUS = 0x2d;
/** Octets of ") ", a blank and the guid: the fixed end of basic's text without its internaldate. */
const SUFFIX_OCTETS = 43;

/** The fixed end of basic's text: its CRC, and how many digits internaldate (epoch seconds) takes in it, with its sign. `guid`: 20 octets. */
export function crcSuffixOf(internalDate: number, guid: Uint8Array): { crcSuffix: number; dateDigits: number } {
  const end = addFixed(REGISTER_INIT, AFTER_FLAGS);
  const date = internalDate < 0 ? addNumber(addOctet(end, MINUS), -internalDate) : addNumber(end, internalDate);
  const crcSuffix = ~addHex(addOctet(date, BLANK), guid) >>> 0;
  return { crcSuffix, dateDigits: String(internalDate).length };
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

/** basic(r). `row` must not be expunged. */
export function basicCrc(row: HotRow, userCrcs: Uint32Array): number {
  const flags = flagCrc(row.flags, row.user, userCrcs);
  return basicCrcOf(row.uid, row.modseq, row.lastUpdated, flags, row.crcSuffix, row.dateDigits);
}

/** The piece " LAST_UPDATED (FLAGCRC" of a text: rows that were changed together have it in common. */
class Middle {
  private lastUpdated = -1;
  private flags = -1;
  private fromZero = 0;
  private tables = shiftTables(0);

  add(register: number, lastUpdated: number, flags: number): number {
    if (lastUpdated !== this.lastUpdated || flags !== this.flags) {
      const { fromZero, shift: tables } = fixedText(` ${lastUpdated} (${flags}`);
      this.fromZero = fromZero;
      this.tables = tables;
      this.lastUpdated = lastUpdated;
      this.flags = flags;
    }
    return (shift(register, this.tables) ^ this.fromZero) >>> 0;
  }
}

const middleBefore = new Middle();
const middleAfter = new Middle();

/** basic(r) from its parts, without a row object. */
function basicCrcOf(
  uid: number,
  modseq: number,
  lastUpdated: number,
  flags: number,
  crcSuffix: number,
  dateDigits: number,
): number {
  const front = addNumber(addOctet(addNumber(REGISTER_INIT, uid), BLANK), modseq);
  const crc = ~middleAfter.add(front, lastUpdated, flags) >>> 0;
  return crcConcat(crc, crcSuffix, dateDigits + SUFFIX_OCTETS);
}

/** What of a row's text a change of flags changes. */
export interface ChangingPart {
  modseq: number;
  /** Epoch seconds. */
  lastUpdated: number;
  /** FLAGCRC. */
  flags: number;
}

/** basic(before) XOR basic(after) of one row: the row's fixed end falls out. For loops over many rows. */
export function basicCrcChange(uid: number, before: ChangingPart, after: ChangingPart, dateDigits: number): number {
  const front = addOctet(addNumber(REGISTER_INIT, uid), BLANK);
  const old = middleBefore.add(addNumber(front, before.modseq), before.lastUpdated, before.flags);
  const next = middleAfter.add(addNumber(front, after.modseq), after.lastUpdated, after.flags);
  return shift((old ^ next) >>> 0, shiftTables(dateDigits + SUFFIX_OCTETS));
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
const NO_CONVERSATION = "0000000000000000";
const SAVEDATE = fixedText(` ${V}/savedate  `);
const CREATEDMODSEQ = fixedText(` ${V}/createdmodseq  `);

/** XOR of the annotation CRCs of what is kept in the row itself. */
export function virtualAnnotationsCrc(row: {
  uid: number;
  cid: string;
  saveDate: number;
  createdModseq: number;
}): number {
  let crc = 0;
  if (row.cid !== NO_CONVERSATION) crc ^= annotationCrc(row.uid, `${V}/thrid`, "", row.cid.replace(/^0+/, ""));
  const uid = addNumber(REGISTER_INIT, row.uid);
  if (row.saveDate !== 0) crc ^= ~addNumber(addFixed(uid, SAVEDATE), row.saveDate);
  if (row.createdModseq !== 0) crc ^= ~addNumber(addFixed(uid, CREATEDMODSEQ), row.createdModseq);
  return crc >>> 0;
}
