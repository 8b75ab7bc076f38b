/** Looks for text in messages: decoded header values and bodies, in canonical form, piece by piece. */
import { isAscii } from "node:buffer";
import {
  cacheFieldPlaces,
  cachePart,
  cachePartCount,
  charsetDecoder,
  decodeText,
  type FieldPlaces,
  type FieldSet,
  headerFields,
  type PartInfo,
  type TransferDecoder,
  transferDecoder,
} from "../../../formats/mime/index.ts";
import type { MessageOctets } from "../fetch/message-octets.ts";
import type { Canonical } from "./canonical.ts";
import { fieldsEnd, fieldsHave, HeaderSearch, isWithinField } from "./header-text.ts";
import type { Needle, Turn } from "./needle.ts";

/** Octets decoded at a time: some 1 ms of work, a few in scripts that fold slowly. */
const PIECE_OCTETS = 32_768;
/** Octets of one header read at a time. */
const HEADER_OCTETS = 262_144;

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

/** The same from the message's own header. @throws MessageMissing */
export async function headerHas(
  headerSizeOctets: number,
  octets: MessageOctets,
  fields: FieldSet,
  needle: Needle,
  canonical: Canonical,
  turn: Turn,
): Promise<boolean> {
  const header = await octets.read(0, headerSizeOctets);
  return new HeaderSearch(needle, canonical, turn).has(headerFields(header, fields));
}

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
  const count = cachePartCount(record);
  for (let index = 0; index < count; index++) {
    const part = cachePart(record, 0, index);
    // A message may have thousands of parts, each with a header as long as it likes.
    const waiting = turn();
    if (waiting !== undefined) await waiting;
    const { headerStart, headerEnd, kind } = part;
    // Headers of embedded messages and parts are contents of the message, its own header is not.
    const isOwnHeader = headerStart === 0;
    if (headerEnd > headerStart && (headers || !isOwnHeader)) {
      if (await headerPartHas(headerStart, headerEnd, octets, new HeaderSearch(needle, canonical, turn))) return true;
      // TEXT finds names of fields, too.
      const names: Encoded = { bodyStart: headerStart, bodyEnd: headerEnd, encoding: "8bit", charset: "utf-8" };
      if (headers && (await partHas(names, octets, needle, canonical, turn))) return true;
    }
    if (kind === "text" && (await partHas(part, octets, needle, canonical, turn))) return true;
  }
  return false;
}

async function headerPartHas(
  start: number,
  headerEnd: number,
  octets: MessageOctets,
  search: HeaderSearch,
): Promise<boolean> {
  for (let at = start; at < headerEnd; ) {
    const end = Math.min(headerEnd, at + HEADER_OCTETS);
    const some = await octets.read(at, end);
    // The octet behind what is used tells whether a field goes on there.
    const used = end === headerEnd ? some.length : fieldsEnd(some, 0, HEADER_OCTETS / 2, some.length - 1);
    if (await search.has(some.subarray(0, used), end < headerEnd && isWithinField(some, used))) return true;
    at += used;
  }
  return false;
}

type Encoded = Pick<PartInfo, "bodyStart" | "bodyEnd" | "encoding" | "charset">;

async function partHas(
  part: Encoded,
  octets: MessageOctets,
  wanted: Needle,
  canonical: Canonical,
  turn: Turn,
): Promise<boolean> {
  const { encoding, bodyStart, bodyEnd } = part;
  const isPlain = encoding === "7bit" || encoding === "8bit" || encoding === "binary";
  const charset = part.charset === "" ? "utf-8" : part.charset;
  const canBeSeen = wanted.isWord && !canonical.skipsSpaces && !isShifting(charset);
  let transfer: TransferDecoder | undefined;
  let decoder: TextDecoder | undefined;
  // Canonical text that a match may begin in which ends in the next piece.
  let kept = "";
  for (let at = bodyStart; ; ) {
    const end = Math.min(bodyEnd, at + PIECE_OCTETS);
    const isLast = end === bodyEnd;
    const raw = at < end ? await octets.read(at, end) : Buffer.alloc(0);
    if (isPlain && isLast && at === bodyStart && canBeSeen && isAscii(raw)) {
      return raw.toString("latin1").toLowerCase().includes(wanted.text);
    }
    if (at === bodyStart) {
      transfer = transferDecoder(encoding);
      decoder = charsetDecoder(charset);
    }
    if (transfer === undefined) return false;
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
