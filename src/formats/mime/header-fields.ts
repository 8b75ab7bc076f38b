/** Header fields as octets: names, ranges, and selections for HEADER.FIELDS (RFC 3501 §6.4.5). */
import { maxheaderlinesDefault } from "./limits.ts";

const lf = 10;
const cr = 13;
const colonOctet = 0x3a;

/** Start value and step of a field name's hash, over its octets in lower case. */
const hashSeed = 0x811c9dc5;
function hashStep(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}

/** Hash of a field name, case-insensitive, 32 bits, unsigned. Stored in cache records: it may not change. */
export function fieldNameHash(name: string): number {
  let hash = hashSeed;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    hash = hashStep(hash, c >= 0x41 && c <= 0x5a ? c + 32 : c & 0xff);
  }
  return hash >>> 0;
}

/** One field of a header, reused from field to field while a header is read. */
export class FieldReader {
  /** Start of the name, and of the field. */
  start = 0;
  nameEnd = 0;
  /** After the colon and the spaces behind it. */
  valueStart = 0;
  /** Before the line end that ends the field. */
  valueEnd = 0;
  /** After the line end. */
  end = 0;
  hash = 0;
  /** Lines of all fields read since `at` was the header's start; the caller sets it to 0 there. */
  lines = 0;

  /**
   * Reads the field at `at`. A line that is none is given as a field without name (hash 0, nameEnd = start).
   * @param limit end of the header
   * @returns false at the end, and at an empty line
   */
  next(octets: Uint8Array, at: number, limit: number): boolean {
    if (at >= limit || octets[at] === lf || (octets[at] === cr && octets[at + 1] === lf)) return false;
    let hash = hashSeed;
    let p = at;
    let c = 0;
    while (p < limit) {
      c = octets[p]!;
      if (c === colonOctet || c === lf) break;
      hash = Math.imul(hash ^ (c >= 0x41 && c <= 0x5a ? c + 32 : c), 0x01000193);
      p++;
    }
    const named = c === colonOctet && p < limit && p > at && octets[at]! > 32;
    const nameEnd = p;
    // To the end of the field: the first line end that no white space follows.
    let lineEnd = p;
    for (;;) {
      while (lineEnd < limit && octets[lineEnd] !== lf) lineEnd++;
      if (lineEnd >= limit) break;
      lineEnd++;
      this.lines++;
      if (!named || lineEnd >= limit) break;
      const d = octets[lineEnd]!;
      if (d !== 32 && d !== 9) break;
    }
    this.start = at;
    this.nameEnd = named ? nameEnd : at;
    this.hash = named ? hash >>> 0 : 0;
    this.end = lineEnd;
    let valueEnd = lineEnd;
    if (valueEnd > nameEnd && octets[valueEnd - 1] === lf) {
      valueEnd--;
      if (octets[valueEnd - 1] === cr) valueEnd--;
    }
    let valueStart = nameEnd + 1;
    while (valueStart < valueEnd && (octets[valueStart] === 32 || octets[valueStart] === 9)) valueStart++;
    this.valueStart = valueStart;
    this.valueEnd = Math.max(valueStart, valueEnd);
    return true;
  }
}

/** A list of field names, compiled once for a FETCH and used for each of its messages. */
export class FieldSet {
  /** Upper case, in the order given: what the client named, for the reply. */
  readonly names: readonly string[];
  /** True for HEADER.FIELDS.NOT. */
  readonly not: boolean;
  /** Names in lower case, and where to find them: an open table by hash, of places in `lower` counted from 1; 0 is empty. */
  readonly #lower: Uint8Array[] = [];
  readonly #hashes: Int32Array;
  readonly #places: Int32Array;
  readonly #mask: number;

  constructor(names: readonly string[], not = false) {
    this.names = names.map((name) => name.toUpperCase());
    this.not = not;
    let size = 8;
    while (size < 4 * names.length) size *= 2;
    this.#mask = size - 1;
    this.#hashes = new Int32Array(size);
    this.#places = new Int32Array(size);
    for (const lower of new Set(names.map((name) => name.toLowerCase()))) {
      const hash = fieldNameHash(lower) | 0;
      this.#lower.push(Buffer.from(lower, "latin1"));
      let slot = hash & this.#mask;
      while (this.#places[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#hashes[slot] = hash;
      this.#places[slot] = this.#lower.length;
    }
  }

  /** Whether a field of that hash may be named; sure only when it says no. */
  mayName(hash: number): boolean {
    const wanted = hash | 0;
    for (let slot = wanted & this.#mask; this.#places[slot] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#hashes[slot] === wanted) return true;
    }
    return false;
  }

  /** Whether octets[start, end) is one of the names. */
  isNamed(hash: number, octets: Uint8Array, start: number, end: number): boolean {
    const wanted = hash | 0;
    for (let slot = wanted & this.#mask; this.#places[slot] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#hashes[slot] !== wanted) continue;
      const name = this.#lower[this.#places[slot]! - 1]!;
      if (name.length !== end - start) continue;
      let i = 0;
      while (i < name.length) {
        const c = octets[start + i]!;
        if ((c >= 0x41 && c <= 0x5a ? c + 32 : c) !== name[i]) break;
        i++;
      }
      if (i === name.length) return true;
    }
    return false;
  }
}

/**
 * The answer to HEADER.FIELDS or HEADER.FIELDS.NOT: the chosen fields as they are, in their order, and an empty line.
 * @param header octets of the header, with or without the empty line at its end
 */
export function headerFields(
  header: Uint8Array,
  names: readonly string[] | FieldSet,
  { not = false, maxheaderlines = maxheaderlinesDefault }: { not?: boolean; maxheaderlines?: number } = {},
): Buffer {
  const set = names instanceof FieldSet ? names : new FieldSet(names, not);
  const maxLines = maxheaderlines > 0 ? maxheaderlines : Number.POSITIVE_INFINITY;
  const pieces: Uint8Array[] = [];
  const field = new FieldReader();
  let at = 0;
  // A line that starts with a bare CR also ends what is shown, as in Cyrus, where fields count here, not lines.
  for (let count = 0; header[at] !== cr && count <= maxLines && field.next(header, at, header.length); count++) {
    at = field.end;
    if (set.isNamed(field.hash, header, field.start, field.nameEnd) !== set.not) {
      pieces.push(header.subarray(field.start, field.end));
      if (header[field.end - 1] !== lf) pieces.push(crlf);
    }
  }
  pieces.push(crlf);
  return Buffer.concat(pieces);
}

const crlf = Buffer.from("\r\n");

/** A field's value with its line ends removed and the white space after them kept (RFC 5322 §2.2.3), as latin1. */
export function unfold(octets: Uint8Array, start: number, end: number): string {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const text = buffer.toString("latin1", start, end);
  return text.includes("\n") ? text.replaceAll(/\r?\n/g, "") : text;
}
