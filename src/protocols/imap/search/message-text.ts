/** Looks for text in messages: decoded header values and bodies, in canonical form, piece by piece. */
import {
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cachePart,
  cachePartCount,
  charsetDecoder,
  decodeText,
  decodeWords,
  type FieldSet,
  headerFields,
  type PartInfo,
  transferDecoder,
} from "../../../formats/mime/index.ts";
import type { ColdRow } from "../../../store/index.ts";
import type { MessageOctets } from "../fetch/message-octets.ts";
import type { Canonical } from "./canonical.ts";

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

/** @returns undefined when the record does not hold the fields asked for: the header must be read */
export function recordHeaderHas(
  record: Buffer,
  fields: FieldSet,
  needle: string,
  canonical: Canonical,
): boolean | undefined {
  const target = Buffer.allocUnsafe(cacheHeaderFieldsRoom(record));
  const length = cacheHeaderFields(record, 0, fields, target, 0);
  return length < 0 ? undefined : fieldsHave(target.subarray(0, length), needle, canonical);
}

export function fieldsHave(fields: Buffer, needle: string, canonical: Canonical): boolean {
  for (const value of canonicalValues(fields, canonical)) if (value.includes(needle)) return true;
  return false;
}

/** The same from the message's own header. @throws MessageMissing */
export async function headerHas(
  row: ColdRow,
  octets: MessageOctets,
  fields: FieldSet,
  needle: string,
  canonical: Canonical,
): Promise<boolean> {
  const header = await octets.read(0, row.headerSizeOctets);
  return fieldsHave(headerFields(header, fields), needle, canonical);
}

/** BODY and TEXT. @param turn waits between pieces when it is due. @throws MessageMissing */
export async function contentsHave(
  record: Buffer,
  octets: MessageOctets,
  headers: boolean,
  needle: string,
  canonical: Canonical,
  turn: () => Promise<void>,
): Promise<boolean> {
  const parts = Array.from({ length: cachePartCount(record) }, (_, index) => cachePart(record, 0, index));
  for (const part of parts) {
    const { headerStart, headerEnd, kind } = part;
    // Headers of embedded messages and parts are contents of the message, its own header is not.
    const isOwnHeader = headerStart === 0;
    if (headerEnd > headerStart && (headers || !isOwnHeader)) {
      const header = await octets.read(headerStart, headerEnd);
      if (fieldsHave(header, needle, canonical)) return true;
    }
    if (kind === "text" && (await partHas(part, octets, needle, canonical, turn))) return true;
  }
  return false;
}

async function partHas(
  part: PartInfo,
  octets: MessageOctets,
  needle: string,
  canonical: Canonical,
  turn: () => Promise<void>,
): Promise<boolean> {
  const transfer = transferDecoder(part.encoding);
  if (transfer === undefined) return false;
  const charset = part.charset === "" ? "utf-8" : part.charset;
  const decoder = charsetDecoder(charset);
  // Canonical text that a match may begin in which the next piece ends.
  let kept = "";
  for (let at = part.bodyStart; ; ) {
    const end = Math.min(part.bodyEnd, at + PIECE_OCTETS);
    const isLast = end === part.bodyEnd;
    const raw = at < end ? await octets.read(at, end) : Buffer.alloc(0);
    const pushed = transfer.push(raw);
    const decoded = isLast ? Buffer.concat([pushed, transfer.finish()]) : pushed;
    const text = decoder === undefined ? decodeText(decoded, charset) : decoder.decode(decoded, { stream: !isLast });
    const here = canonical.text(kept + text);
    if (here.includes(needle)) return true;
    if (isLast) return false;
    kept = here.slice(-needle.length - 1);
    at = end;
    await turn();
  }
}
