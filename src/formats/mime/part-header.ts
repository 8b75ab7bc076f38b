/** Reads one header: of a message (for ENVELOPE, and the text that threads need) or of a part (for BODYSTRUCTURE). */
import { AddressReader } from "./address-reader.ts";
import { AddressFormatter } from "./addresses.ts";
import { readContentType, readEncoding, writeDisposition, writeLanguages } from "./content-headers.ts";
import { type FieldReader, fieldNameHash } from "./header-fields.ts";
import { maxBoundaryOctets, maxStructureOctets } from "./limits.ts";
import { OctetWriter } from "./octet-writer.ts";
import { Cursor, Parameters, writeParameters } from "./parameters.ts";
import type { PartNode } from "./part.ts";
import { encodings, partKind } from "./record.ts";

const space = 32;

/** Fields that matter, in the order of `ranges` below. The first ten are ENVELOPE's, in its order (RFC 3501 §7.4.2). */
const known = [
  "date",
  "subject",
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "bcc",
  "in-reply-to",
  "message-id",
  "content-type",
  "content-transfer-encoding",
  "content-id",
  "content-description",
  "content-disposition",
  "content-language",
  "content-location",
  "content-md5",
  "references",
] as const;
export const field = {
  date: 0,
  subject: 1,
  from: 2,
  sender: 3,
  replyTo: 4,
  to: 5,
  cc: 6,
  bcc: 7,
  inReplyTo: 8,
  messageId: 9,
  contentType: 10,
  encoding: 11,
  id: 12,
  description: 13,
  disposition: 14,
  language: 15,
  location: 16,
  md5: 17,
  references: 18,
} as const;
const knownByHash = new Map<number, number>(known.map((name, i) => [fieldNameHash(name), i]));

function isName(name: string, octets: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    const c = octets[start + i]!;
    if ((c >= 0x41 && c <= 0x5a ? c + 32 : c) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function isWord(word: string, octets: Uint8Array, [start, end]: readonly [number, number]): boolean {
  return isName(word, octets, start, end);
}

/** Values of the known fields in one header: start and end for each, -1 when absent. */
export const rangeCount: number = known.length;

/**
 * Finds the known fields; of several with one name the last counts, as in Cyrus.
 * @param each is called for every field, known or not
 * @returns false when there are more fields than were looked at
 */
export function findFields(
  octets: Uint8Array,
  start: number,
  end: number,
  reader: FieldReader,
  ranges: Int32Array,
  maxLines: number,
  each?: (reader: FieldReader) => void,
): boolean {
  ranges.fill(-1);
  reader.lines = 0;
  let at = start;
  while (reader.lines <= maxLines && reader.next(octets, at, end)) {
    at = reader.end;
    const which = knownByHash.get(reader.hash);
    if (which !== undefined && isName(known[which]!, octets, reader.start, reader.nameEnd)) {
      ranges[which * 2] = reader.valueStart;
      ranges[which * 2 + 1] = reader.valueEnd;
    }
    each?.(reader);
  }
  return reader.lines <= maxLines || !reader.next(octets, at, end);
}

/** Writes the pieces of ENVELOPE and BODYSTRUCTURE; one for each scanner, used for all its parts. */
export class HeaderFormatter {
  readonly out: OctetWriter = new OctetWriter(2048);
  readonly #parameters = new Parameters();
  readonly #addresses = new AddressReader();
  readonly #addressOut = new AddressFormatter(this.out);

  /** Whether there is room for details of one more part. */
  get full(): boolean {
    return this.out.length > maxStructureOctets;
  }

  /** Writes the ENVELOPE with its parentheses. */
  envelope(octets: Uint8Array, ranges: Int32Array, node: PartNode): void {
    const { out } = this;
    node.envelopeStart = out.length;
    out.octet(0x28);
    this.#nstring(octets, ranges, field.date);
    out.octet(space);
    this.#nstring(octets, ranges, field.subject);
    const fromStart = out.length;
    this.#list(octets, ranges, field.from);
    const fromEnd = out.length;
    for (const which of [field.sender, field.replyTo]) {
      // Empty means: as From (RFC 3501 §7.4.2).
      if (!this.#list(octets, ranges, which)) {
        out.length -= 4;
        out.repeat(fromStart, fromEnd);
      }
    }
    this.#list(octets, ranges, field.to);
    this.#list(octets, ranges, field.cc);
    this.#list(octets, ranges, field.bcc);
    out.octet(space);
    this.#nstring(octets, ranges, field.inReplyTo);
    out.octet(space);
    this.#nstring(octets, ranges, field.messageId);
    out.octet(0x29);
    node.envelopeEnd = out.length;
  }

  #nstring(octets: Uint8Array, ranges: Int32Array, which: number): void {
    const start = ranges[which * 2]!;
    if (start < 0) this.out.text("NIL");
    else this.out.string(octets, start, ranges[which * 2 + 1]!, true);
  }

  /** @returns false when the list is empty and ` NIL` was written */
  #list(octets: Uint8Array, ranges: Int32Array, which: number): boolean {
    const { out } = this;
    const start = ranges[which * 2]!;
    out.text(" (");
    const before = out.length;
    if (start >= 0) this.#addresses.read(octets, start, ranges[which * 2 + 1]!, this.#addressOut);
    if (out.length > before) {
      out.octet(0x29);
      return true;
    }
    out.length = before - 1;
    out.text("NIL");
    return false;
  }

  /** Reads the Content- fields into the node and writes its basic and extension fields. */
  structure(octets: Uint8Array, ranges: Int32Array, node: PartNode): void {
    const { out } = this;
    const parameters = this.#parameters;
    node.basicStart = out.length;
    const found = { type: [0, 0] as [number, number], subtype: [0, 0] as [number, number] };
    const typeStart = ranges[field.contentType * 2]!;
    let cursor: Cursor | undefined;
    if (typeStart >= 0) {
      cursor = new Cursor(octets, typeStart, ranges[field.contentType * 2 + 1]!);
      if (!readContentType(cursor, found)) cursor = undefined;
    }
    if (cursor !== undefined && isWord("multipart", octets, found.type)) {
      parameters.read(cursor);
      const boundary = parameters.decoded("boundary");
      if (boundary !== undefined && boundary.length <= maxBoundaryOctets) {
        node.kind = partKind.multipart;
        node.inDigest = isWord("digest", octets, found.subtype);
        node.boundary = boundary;
        out.string(octets, found.subtype[0], found.subtype[1], false, true);
        node.basicEnd = node.extendedStart = out.length;
        out.octet(space);
        writeParameters(parameters, out);
        this.#extensions(octets, ranges);
        node.extendedEnd = out.length;
        return;
      }
      // A multipart without boundary cannot be taken apart: it is shown as plain text, whole.
      this.plainText(node);
      return;
    }
    if (cursor === undefined) {
      if (node.inDigest) {
        node.kind = partKind.message;
        out.text('"MESSAGE" "RFC822" NIL');
      } else {
        node.kind = partKind.text;
        out.text('"TEXT" "PLAIN" ("CHARSET" "us-ascii")');
      }
    } else {
      if (isWord("text", octets, found.type)) node.kind = partKind.text;
      else if (isWord("message", octets, found.type) && isWord("rfc822", octets, found.subtype)) {
        node.kind = partKind.message;
      } else node.kind = partKind.leaf;
      out.string(octets, found.type[0], found.type[1], false, true);
      out.octet(space);
      out.string(octets, found.subtype[0], found.subtype[1], false, true);
      out.octet(space);
      parameters.read(cursor);
      const before = out.length;
      writeParameters(parameters, out);
      const charset = parameters.find("charset");
      if (charset !== undefined) this.#noteCharset(node, parameters, charset, before);
    }
    node.inDigest = false;
    out.octet(space);
    this.#nstring(octets, ranges, field.id);
    out.octet(space);
    this.#nstring(octets, ranges, field.description);
    out.octet(space);
    this.#encoding(octets, ranges, node);
    node.basicEnd = node.extendedStart = out.length;
    out.octet(space);
    this.#nstring(octets, ranges, field.md5);
    this.#extensions(octets, ranges);
    node.extendedEnd = out.length;
  }

  /** What a part looks like that cannot be shown as what it says. */
  plainText(node: PartNode): void {
    const { out } = this;
    node.kind = partKind.text;
    node.boundary = undefined;
    node.encoding = 0;
    node.basicStart = out.length;
    out.text('"TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT"');
    node.basicEnd = node.extendedStart = out.length;
    out.text(" NIL NIL NIL NIL");
    node.extendedEnd = out.length;
  }

  /** Remembers where the charset's name stands among the octets just written. */
  #noteCharset(
    node: PartNode,
    parameters: Parameters,
    charset: { valueStart: number; valueEnd: number },
    from: number,
  ): void {
    const length = charset.valueEnd - charset.valueStart;
    if (length === 0 || length > 255) return;
    const value = parameters.octets.octets.subarray(charset.valueStart, charset.valueEnd);
    const at = this.out.octets.subarray(0, this.out.length).indexOf(value, from + '("CHARSET" '.length);
    if (at < 0) return;
    node.charsetOffset = at - node.basicStart;
    node.charsetLength = length;
  }

  #encoding(octets: Uint8Array, ranges: Int32Array, node: PartNode): void {
    const start = ranges[field.encoding * 2]!;
    const name = start < 0 ? undefined : readEncoding(new Cursor(octets, start, ranges[field.encoding * 2 + 1]!));
    if (name === undefined) {
      node.encoding = 0;
      this.out.text('"7BIT"');
      return;
    }
    const index = encodings.findIndex((word) => isWord(word, octets, name));
    node.encoding = index < 0 ? encodings.length - 1 : index;
    this.out.string(octets, name[0], name[1], false, true);
  }

  /** Disposition, language, location. */
  #extensions(octets: Uint8Array, ranges: Int32Array): void {
    const { out } = this;
    const cursor = (which: number): Cursor | undefined =>
      ranges[which * 2]! < 0 ? undefined : new Cursor(octets, ranges[which * 2]!, ranges[which * 2 + 1]!);
    const disposition = cursor(field.disposition);
    out.octet(space);
    if (disposition === undefined || !writeDisposition(disposition, this.#parameters, out)) out.text("NIL");
    const language = cursor(field.language);
    out.octet(space);
    if (language === undefined || !writeLanguages(language, out)) out.text("NIL");
    out.octet(space);
    this.#nstring(octets, ranges, field.location);
  }
}
