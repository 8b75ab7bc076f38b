/** Looks for text in messages: decoded header values and bodies, in canonical form, piece by piece. */
import { isAscii } from "node:buffer";
import {
  cacheFieldPlaces,
  cachePart,
  cachePartCount,
  charsetDecoder,
  decodeText,
  decodeWords,
  type FieldPlaces,
  type FieldSet,
  headerFields,
  type PartInfo,
  transferDecoder,
} from "../../../formats/mime/index.ts";
import type { MessageOctets } from "../fetch/message-octets.ts";
import type { Canonical } from "./canonical.ts";

/** What is looked for, in canonical form. */
export interface Needle {
  readonly text: string;
  /** Nothing but visible ASCII: then plain ASCII text need not be brought into canonical form to see that it is not there. */
  readonly isWord: boolean;
  readonly octets: Uint8Array;
}

export function needle(text: string): Needle {
  return { text, isWord: /^[\x21-\x7e]+$/.test(text), octets: Buffer.from(text, "utf8") };
}

/** Octets decoded at a time: some 1 ms of work. */
const PIECE_OCTETS = 65_536;

/** Unfolded, decoded value of each field in octets of header fields, in canonical form. */
function* canonicalValues(fields: Buffer, canonical: Canonical): Generator<string> {
  const text = fields.toString("latin1");
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf("\n", at);
    while (end >= 0 && (text[end + 1] === " " || text[end + 1] === "\t")) end = text.indexOf("\n", end + 1);
    if (end < 0) end = text.length;
    const field = text.slice(at, end);
    at = end + 1;
    const colon = field.indexOf(":");
    if (colon < 0) continue;
    const value = field
      .slice(colon + 1)
      .replaceAll(/\r?\n|\r$/g, "")
      .trim();
    yield canonical.text(decodeWords(value));
  }
}

const places: FieldPlaces = { bounds: [], length: 0 };

/** @returns undefined when the record does not hold the fields asked for: the header must be read */
export function recordHeaderHas(
  record: Buffer,
  base: number,
  fields: FieldSet,
  needle: Needle,
  canonical: Canonical,
): boolean | undefined {
  if (cacheFieldPlaces(record, base, fields, places) < 0) return undefined;
  const { bounds, length } = places;
  for (let i = 0; i < length; i += 2) {
    const start = bounds[i]!;
    const end = bounds[i + 1]!;
    if (!mayHave(record, start, end, needle, canonical)) continue;
    if (fieldsHave(record.subarray(start, end), needle, canonical)) return true;
  }
  return false;
}

/** Whether the word may be in these fields. Plain text without encoded words must have it as it stands, in any case of its letters. */
function mayHave(
  octets: Uint8Array,
  start: number,
  end: number,
  { octets: word, isWord }: Needle,
  canonical: Canonical,
): boolean {
  if (!isWord || canonical.skipsSpaces) return true;
  const first = word[0]!;
  const last = end - word.length;
  for (let at = start; at < end; at++) {
    const c = octets[at]!;
    if (c >= 0x80 || (c === EQUALS && octets[at + 1] === QUESTION)) return true;
    if (at > last || lower(c) !== first) continue;
    let i = 1;
    while (i < word.length && lower(octets[at + i]!) === word[i]) i++;
    if (i === word.length) return true;
  }
  return false;
}

const EQUALS = 0x3d;
const QUESTION = 0x3f;

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet;
}

export function fieldsHave(fields: Buffer, needle: Needle, canonical: Canonical): boolean {
  if (needle.isWord && !canonical.skipsSpaces && isAscii(fields)) {
    // Plain text without encoded words: what is not in it as it stands is not in any value.
    const lower = fields.toString("latin1").toLowerCase();
    if (!lower.includes(needle.text) && !lower.includes("=?")) return false;
  }
  for (const value of canonicalValues(fields, canonical)) if (value.includes(needle.text)) return true;
  return false;
}

/** The same from the message's own header. @throws MessageMissing */
export async function headerHas(
  headerSizeOctets: number,
  octets: MessageOctets,
  fields: FieldSet,
  needle: Needle,
  canonical: Canonical,
): Promise<boolean> {
  const header = await octets.read(0, headerSizeOctets);
  return fieldsHave(headerFields(header, fields), needle, canonical);
}

/** Gives others their turn when it is due; undefined when it is not. */
export type Turn = () => Promise<unknown> | undefined;

/** BODY and TEXT. @throws MessageMissing */
export async function contentsHave(
  record: Buffer,
  octets: MessageOctets,
  headers: boolean,
  needle: Needle,
  canonical: Canonical,
  turn: Turn,
): Promise<boolean> {
  await octets.loadWhole();
  const parts = Array.from({ length: cachePartCount(record) }, (_, index) => cachePart(record, 0, index));
  for (const part of parts) {
    // A message may have thousands of parts, each with a header as long as it likes.
    const waiting = turn();
    if (waiting !== undefined) await waiting;
    const { headerStart, headerEnd, kind } = part;
    // Headers of embedded messages and parts are contents of the message, its own header is not.
    const isOwnHeader = headerStart === 0;
    if (headerEnd > headerStart && (headers || !isOwnHeader)) {
      const header = await octets.read(headerStart, headerEnd);
      if (fieldsHave(header, needle, canonical)) return true;
      // TEXT finds names of fields, too.
      if (headers && canonical.text(decodeText(header, "utf-8")).includes(needle.text)) return true;
    }
    if (kind === "text" && (await partHas(part, octets, needle, canonical, turn))) return true;
  }
  return false;
}

async function partHas(
  part: PartInfo,
  octets: MessageOctets,
  wanted: Needle,
  canonical: Canonical,
  turn: Turn,
): Promise<boolean> {
  const { encoding, bodyStart, bodyEnd } = part;
  const isPlain = encoding === "7bit" || encoding === "8bit" || encoding === "binary";
  const transfer = transferDecoder(encoding);
  if (transfer === undefined) return false;
  const charset = part.charset === "" ? "utf-8" : part.charset;
  const decoder = charsetDecoder(charset);
  // Canonical text that a match may begin in which ends in the next piece.
  let kept = "";
  for (let at = bodyStart; ; ) {
    const end = Math.min(bodyEnd, at + PIECE_OCTETS);
    const isLast = end === bodyEnd;
    const raw = at < end ? await octets.read(at, end) : Buffer.alloc(0);
    if (isPlain && isLast && at === bodyStart && wanted.isWord && isAscii(raw) && !isShifting(charset)) {
      return raw.toString("latin1").toLowerCase().includes(wanted.text);
    }
    const pushed = transfer.push(raw);
    const decoded = isLast ? Buffer.concat([pushed, transfer.finish()]) : pushed;
    const text = decoder === undefined ? decodeText(decoded, charset) : decoder.decode(decoded, { stream: !isLast });
    const here = canonical.text(kept + text);
    if (here.includes(wanted.text)) return true;
    if (isLast) return false;
    kept = here.slice(-wanted.text.length - 1);
    at = end;
    await turn();
  }
}

/** Charsets that write other characters with ASCII octets. */
function isShifting(charset: string): boolean {
  return /^(?:utf-7|unicode-1-1-utf-7|utf-16|utf-32|iso-2022|hz)/i.test(charset);
}
