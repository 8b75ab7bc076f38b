/** Content-Type, -Disposition, -Language and -Transfer-Encoding (RFC 2045 §5, RFC 2183, RFC 3282), as Cyrus 3.6 reads them. */
import { maxParameters } from "./limits.ts";
import type { OctetWriter } from "./octet-writer.ts";
import { type Cursor, type Parameters, writeParameters } from "./parameters.ts";

const space = 32;
const open = 0x28;
const close = 0x29;
const semicolon = 0x3b;

/** Ranges of type and subtype; false when the field is no Content-Type, and the default holds (RFC 2045 §5.2). */
export function readContentType(cursor: Cursor, into: { type: [number, number]; subtype: [number, number] }): boolean {
  cursor.skip();
  const typeStart = cursor.at;
  cursor.token();
  into.type = [typeStart, cursor.at];
  cursor.skip();
  if (cursor.done || cursor.octets[cursor.at] !== 0x2f) return false;
  cursor.at++;
  cursor.skip();
  const subtypeStart = cursor.at;
  cursor.token();
  into.subtype = [subtypeStart, cursor.at];
  cursor.skip();
  // "text/" is a mistake, "text/;" has an empty subtype (Cyrus 3.6).
  if (cursor.done) return into.subtype[1] > subtypeStart;
  return cursor.octets[cursor.at] === semicolon;
}

/** Writes `("INLINE" NIL)` or `("ATTACHMENT" ("FILENAME" "x"))`; false, with nothing written, when there is none. */
export function writeDisposition(cursor: Cursor, parameters: Parameters, out: OctetWriter): boolean {
  cursor.skip();
  if (cursor.done) return false;
  const start = cursor.at;
  cursor.token();
  const { at } = cursor;
  cursor.skip();
  if (!cursor.done && cursor.octets[cursor.at] !== semicolon) return false;
  out.octet(open);
  out.string(cursor.octets, start, at, false, true);
  out.octet(space);
  parameters.read(cursor);
  writeParameters(parameters, out);
  out.octet(close);
  return true;
}

/** Writes `("EN" "FR")`; false, with nothing written, when there is no language before the first mistake. */
export function writeLanguages(cursor: Cursor, out: OctetWriter): boolean {
  let count = 0;
  while (count < maxParameters) {
    cursor.skip();
    const start = cursor.at;
    cursor.language();
    const { at } = cursor;
    cursor.skip();
    if (cursor.done ? at === start : cursor.octets[cursor.at] !== 0x2c) break;
    out.octet(count === 0 ? open : space);
    out.string(cursor.octets, start, at, false, true);
    count++;
    if (cursor.done) break;
    cursor.at++;
  }
  if (count > 0) out.octet(close);
  return count > 0;
}

/** The range of the encoding's name, or undefined when the field holds anything but one token. */
export function readEncoding(cursor: Cursor): [number, number] | undefined {
  cursor.skip();
  const start = cursor.at;
  cursor.token();
  const { at } = cursor;
  cursor.skip();
  return cursor.done && at > start ? [start, at] : undefined;
}
