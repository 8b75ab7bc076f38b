/** A Buffer that grows, with the few writes that ENVELOPE and BODYSTRUCTURE need. */
import { quotedStringLimit } from "./limits.ts";

const quote = 0x22;
/** 1 where a string must be a literal: NUL, CR, LF, `"`, `%`, `\` and all octets above 127 (as Cyrus sends them). */
const needsLiteral = new Uint8Array(256).fill(1, 128);
for (const octet of [0, 10, 13, quote, 0x25, 0x5c]) needsLiteral[octet] = 1;

export class OctetWriter {
  octets: Buffer;
  length = 0;

  constructor(capacity: number) {
    this.octets = Buffer.allocUnsafe(capacity);
  }

  /** Makes room for `count` more octets. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.octets.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.octets.length * 2));
    this.octets.copy(grown, 0, 0, this.length);
    this.octets = grown;
  }

  octet(value: number): void {
    if (this.length === this.octets.length) this.reserve(1);
    this.octets[this.length++] = value;
  }

  /** ASCII text only. */
  text(text: string): void {
    const count = text.length;
    this.reserve(count);
    const { octets } = this;
    let at = this.length;
    for (let i = 0; i < count; i++) octets[at++] = text.charCodeAt(i);
    this.length = at;
  }

  decimal(value: number): void {
    if (value < 10) this.octet(48 + value);
    else this.text(String(value));
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { octets } = this;
    let at = this.length;
    if (count < 64) {
      for (let i = start; i < end; i++) octets[at++] = source[i]!;
    } else {
      octets.set(source.subarray(start, end), at);
      at += count;
    }
    this.length = at;
  }

  /** Copies octets written before, which a growing buffer must not lose. */
  repeat(start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    this.octets.copyWithin(this.length, start, end);
    this.length += count;
  }

  /**
   * Writes source[start, end) as an IMAP string (RFC 3501 §9), quoted where it may be, else a literal.
   * With `unfold`, line ends (CRLF, bare LF) vanish and the white space after them stays (RFC 5322 §2.2.3).
   */
  string(source: Uint8Array, start: number, end: number, unfold: boolean, upper = false): void {
    this.reserve(end - start + 2);
    const { octets } = this;
    const first = this.length + 1;
    let at = first;
    octets[first - 1] = quote;
    let literal = 0;
    for (let i = start; i < end; i++) {
      let c = source[i]!;
      if (unfold && (c === 10 || (c === 13 && source[i + 1] === 10 && i + 1 < end))) continue;
      literal |= needsLiteral[c]!;
      if (upper && c >= 0x61 && c <= 0x7a) c -= 32;
      octets[at++] = c;
    }
    const count = at - first;
    if (literal === 0 && count < quotedStringLimit) {
      octets[at++] = quote;
      this.length = at;
      return;
    }
    const head = `{${count}}\r\n`;
    this.length = at;
    this.reserve(head.length);
    this.length = first - 1;
    this.octets.copyWithin(first - 1 + head.length, first, first + count);
    this.text(head);
    this.length += count;
  }
}
