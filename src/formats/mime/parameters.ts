/** Tokens and parameters of Content- fields (RFC 2045 §5.1, RFC 2231), as Cyrus 3.6 reads them. */
import { maxParameters } from "./limits.ts";
import { OctetWriter } from "./octet-writer.ts";

const tab = 9;
const lf = 10;
const cr = 13;
const space = 32;
const quoteOctet = 0x22;
const backslash = 0x5c;
const open = 0x28;
const close = 0x29;
const semicolon = 0x3b;
const star = 0x2a;
const zero = 0x30;

/** RFC 2045 §5.1 token. */
const inToken = new Uint8Array(256);
for (let c = 33; c < 127; c++) if (!/[()<>@,;:\\"/[\]?=]/.test(String.fromCharCode(c))) inToken[c] = 1;

/** A place in octets; a value that moves along with what is read. */
export class Cursor {
  readonly octets: Uint8Array;
  at: number;
  readonly end: number;
  constructor(octets: Uint8Array, start: number, end: number) {
    this.octets = octets;
    this.at = start;
    this.end = end;
  }

  /** White space, line folds and comments. */
  skip(): void {
    const { octets, end } = this;
    let p = this.at;
    while (p < end) {
      const c = octets[p]!;
      if (c === space || c === tab || c === cr || c === lf) p++;
      else if (c === open) {
        let depth = 1;
        for (p++; p < end && depth > 0; p++) {
          const d = octets[p]!;
          if (d === backslash) p++;
          else if (d === open) depth++;
          else if (d === close) depth--;
        }
        if (p > end) p = end;
      } else break;
    }
    this.at = p;
  }

  /** Moves over a token, which may be empty. */
  token(): void {
    const { octets, end } = this;
    let p = this.at;
    while (p < end && inToken[octets[p]!] === 1) p++;
    this.at = p;
  }

  /** Moves over letters and hyphens, the tags of RFC 1766 §2. */
  language(): void {
    const { octets, end } = this;
    let p = this.at;
    while (p < end && (octets[p] === 0x2d || ((octets[p]! | 32) >= 0x61 && (octets[p]! | 32) <= 0x7a))) p++;
    this.at = p;
  }

  get done(): boolean {
    return this.at >= this.end;
  }
}

/** Attributes and values one after the other in `octets`; values are unquoted. */
export interface Parameter {
  /** As written. */
  nameStart: number;
  nameEnd: number;
  valueStart: number;
  valueEnd: number;
  /** Section number of RFC 2231 §3, -1 when there is none. */
  section: number;
  /** `*` at the end: the value is charset'language'percent-encoded (RFC 2231 §4). */
  extended: boolean;
}

export class Parameters {
  readonly octets: OctetWriter = new OctetWriter(256);
  readonly list: Parameter[] = [];

  /** Reads from the `;` after the value, up to the end. */
  read(cursor: Cursor): void {
    this.octets.length = 0;
    this.list.length = 0;
    let continued = false;
    const { octets, end } = cursor;
    while (!cursor.done && this.list.length < maxParameters) {
      const c = octets[cursor.at]!;
      if (c !== semicolon && c !== cr && c !== lf) {
        // What is between here and the next ";" or line end made no sense, and took its parameter with it.
        cursor.at++;
        continue;
      }
      cursor.at++;
      cursor.skip();
      if (cursor.done || octets[cursor.at] === semicolon) continue;
      const nameStart = cursor.at;
      cursor.token();
      const nameEnd = cursor.at;
      cursor.skip();
      if (cursor.done || octets[cursor.at] !== 0x3d) continue;
      cursor.at++;
      cursor.skip();
      const valueStart = this.octets.length;
      if (!this.#value(cursor)) {
        this.octets.length = valueStart;
        continue;
      }
      const valueEnd = this.octets.length;
      cursor.skip();
      if (cursor.at < end && octets[cursor.at] !== semicolon) {
        this.octets.length = valueStart;
        continue;
      }
      const name = this.octets.length;
      this.octets.copy(octets, nameStart, nameEnd);
      const parameter = {
        nameStart: name,
        nameEnd: this.octets.length,
        valueStart,
        valueEnd,
        section: -1,
        extended: false,
      };
      if (readSection(this.octets.octets, parameter)) continued = true;
      this.list.push(parameter);
    }
    if (continued) this.#join();
  }

  /** The first parameter of that name (lower case, RFC 2231 section 0 joined), or undefined. */
  find(name: string): Parameter | undefined {
    return this.list.find((p) => p.nameEnd - p.nameStart === name.length && this.#is(p, name));
  }

  /** The octets of the first NAME, or of an extended NAME* with its charset and language cut off (RFC 2231 §4). */
  decoded(name: string): Buffer | undefined {
    const { octets } = this.octets;
    const plain = this.find(name);
    if (plain !== undefined) return Buffer.from(octets.subarray(plain.valueStart, plain.valueEnd));
    const extended = this.find(`${name}*`);
    if (extended === undefined) return undefined;
    let at = extended.valueStart;
    for (let quotes = 0; quotes < 2 && at < extended.valueEnd; at++) if (octets[at] === 0x27) quotes++;
    const out = Buffer.alloc(extended.valueEnd - at);
    let length = 0;
    while (at < extended.valueEnd) {
      const high = hexDigit(octets[at + 1]!);
      const low = hexDigit(octets[at + 2]!);
      if (octets[at] === 0x25 && at + 2 < extended.valueEnd && high >= 0 && low >= 0) {
        out[length++] = high * 16 + low;
        at += 3;
      } else out[length++] = octets[at++]!;
    }
    return out.subarray(0, length);
  }

  #is({ nameStart }: Parameter, name: string): boolean {
    for (let i = 0; i < name.length; i++) {
      const c = this.octets.octets[nameStart + i]!;
      if ((c >= 0x41 && c <= 0x5a ? c + 32 : c) !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  #value(cursor: Cursor): boolean {
    const { octets, end } = cursor;
    const { octets: out } = this;
    let p = cursor.at;
    if (p < end && octets[p] === quoteOctet) {
      for (p++; ; ) {
        if (p >= end) {
          cursor.at = end;
          return false;
        }
        let c = octets[p++]!;
        if (c === quoteOctet) break;
        // A fold inside a quoted string is one line end; a quoted pair is kept as it is, even one of CR.
        if (c === cr && octets[p] === lf) {
          p++;
          continue;
        }
        if (c === backslash && p < end) c = octets[p++]!;
        out.octet(c);
      }
      cursor.at = p;
      return true;
    }
    const start = p;
    while (p < end) {
      const c = octets[p]!;
      if (c === semicolon || c === open || c === 127 || (c < space && c !== tab && c !== cr && c !== lf)) break;
      p++;
    }
    let stop = p;
    while (stop > start && octets[stop - 1]! <= space) stop--;
    out.copy(octets, start, stop);
    cursor.at = p;
    return stop > start;
  }

  /** Joins NAME*0, NAME*1, ... to one NAME at the place of the first (RFC 2231 §3). */
  #join(): void {
    const { list, octets } = this;
    for (let i = 0; i < list.length; i++) {
      const first = list[i]!;
      if (first.section !== 0) continue;
      const base = first.nameEnd - (first.extended ? 3 : 2);
      const pieces = [first];
      for (let section = 1; ; section++) {
        const at = list.findIndex((p) => p.section === section && this.#sameBase(p, first));
        if (at < 0) break;
        pieces.push(list[at]!);
        list.splice(at, 1);
        if (at < i) i--;
      }
      const extended = pieces.some((p) => p.extended);
      const nameStart = octets.length;
      octets.repeat(first.nameStart, base);
      if (extended) octets.octet(star);
      const nameEnd = octets.length;
      if (extended && !first.extended) octets.text("''");
      for (const piece of pieces) {
        if (extended && !piece.extended) this.#percentEncode(piece.valueStart, piece.valueEnd);
        else octets.repeat(piece.valueStart, piece.valueEnd);
      }
      const valueEnd = octets.length;
      const valueStart = nameEnd;
      list[i] = { nameStart, nameEnd, valueStart, valueEnd, section: -1, extended };
    }
  }

  /** Repeats a plain section as part of an extended value (RFC 2231 §7, attribute-char). */
  #percentEncode(start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const c = this.octets.octets[i]!;
      if (inToken[c] === 1 && c !== star && c !== 0x27 && c !== 0x25) this.octets.octet(c);
      else this.octets.text(`%${c.toString(16).toUpperCase().padStart(2, "0")}`);
    }
  }

  #sameBase(a: Parameter, b: Parameter): boolean {
    const { octets } = this.octets;
    for (let i = 0; ; i++) {
      const c = octets[a.nameStart + i]!;
      const d = octets[b.nameStart + i]!;
      if (c === star || d === star) return c === d;
      if ((c | 32) !== (d | 32)) return false;
    }
  }
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 32;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Reads the `*0`, `*12` or `*0*` of a name. @returns whether there is a section number */
function readSection(octets: Uint8Array, parameter: Parameter): boolean {
  const { nameStart, nameEnd } = parameter;
  let p = nameEnd;
  if (octets[p - 1] === star) {
    parameter.extended = true;
    p--;
  }
  const digitsEnd = p;
  while (p > nameStart && octets[p - 1]! >= zero && octets[p - 1]! <= zero + 9) p--;
  // "*01" is no section: leading zeros are not allowed (RFC 2231 §3, grammar in §7).
  if (p === digitsEnd || octets[p - 1] !== star || p === nameStart || digitsEnd - p > 4) return false;
  if (octets[p] === zero && digitsEnd - p > 1) return false;
  let section = 0;
  for (let i = p; i < digitsEnd; i++) section = section * 10 + octets[i]! - zero;
  parameter.section = section;
  return true;
}

/** Writes `("CHARSET" "utf-8" ...)` or NIL. */
export function writeParameters(parameters: Parameters, out: OctetWriter): void {
  const { list } = parameters;
  if (list.length === 0) {
    out.text("NIL");
    return;
  }
  const { octets } = parameters.octets;
  out.octet(open);
  list.forEach((parameter, i) => {
    if (i > 0) out.octet(space);
    out.string(octets, parameter.nameStart, parameter.nameEnd, false, true);
    out.octet(space);
    out.string(octets, parameter.valueStart, parameter.valueEnd, false);
  });
  out.octet(close);
}
