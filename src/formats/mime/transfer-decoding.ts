/** Content-Transfer-Encodings as streams (RFC 2045 §6), for BINARY (RFC 3516) and search. Lenient: no octet is an error. */
import type { Encoding } from "./record.ts";

/** Takes encoded octets in pieces of any size, gives decoded ones. Both methods return a Buffer of the caller's own. */
export interface TransferDecoder {
  push(octets: Uint8Array): Buffer;
  /** What is left at the end. */
  finish(): Buffer;
}

const empty = Buffer.alloc(0);
const none = 255;
const padding = 64;
const base64Value = new Uint8Array(256).fill(none);
for (let i = 0; i < 64; i++) {
  base64Value["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".charCodeAt(i)] = i;
}
base64Value[0x3d] = padding;

const hexValue = new Uint8Array(256).fill(none);
for (let i = 0; i < 16; i++) {
  hexValue["0123456789ABCDEF".charCodeAt(i)] = i;
  hexValue["0123456789abcdef".charCodeAt(i)] = i;
}

/** @returns undefined for "unknown", which cannot be decoded: BINARY answers NO [UNKNOWN-CTE] */
export function transferDecoder(encoding: Encoding): TransferDecoder | undefined {
  switch (encoding) {
    case "7bit":
    case "8bit":
    case "binary":
      return { push: (octets) => Buffer.from(octets), finish: () => empty };
    case "base64":
      return new Base64Decoder();
    case "quoted-printable":
      return new QuotedPrintableDecoder();
    case "unknown":
      return undefined;
  }
}

/** RFC 2045 §6.8. Octets outside the alphabet are skipped; padding ends a group of four, and another may follow it. */
class Base64Decoder implements TransferDecoder {
  #bits = 0;
  #count = 0;

  push(octets: Uint8Array): Buffer {
    const out = Buffer.allocUnsafe(Math.ceil(((octets.length + 4) * 3) / 4));
    let length = 0;
    let bits = this.#bits;
    let count = this.#count;
    for (let i = 0; i < octets.length; i++) {
      const value = base64Value[octets[i]!]!;
      if (value < padding) {
        bits = (bits << 6) | value;
        if (++count === 4) {
          out[length++] = bits >> 16;
          out[length++] = bits >> 8;
          out[length++] = bits;
          bits = count = 0;
        }
      } else if (value === padding) {
        if (count === 2) out[length++] = bits >> 4;
        else if (count === 3) {
          out[length++] = bits >> 10;
          out[length++] = bits >> 2;
        }
        bits = count = 0;
      }
    }
    this.#bits = bits;
    this.#count = count;
    return out.subarray(0, length);
  }

  /** A last group without padding gives its whole octets. */
  finish(): Buffer {
    const bits = this.#bits;
    const count = this.#count;
    this.#bits = this.#count = 0;
    if (count === 2) return Buffer.from([(bits >> 4) & 255]);
    return count === 3 ? Buffer.from([(bits >> 10) & 255, (bits >> 2) & 255]) : empty;
  }
}

/** RFC 2045 §6.7. `=` with anything but two hex digits or a line end behind it stands for itself. */
class QuotedPrintableDecoder implements TransferDecoder {
  /** Octets whose meaning depends on what follows: "=", "=X", "= ", white space before a line end. */
  #held: number[] = [];

  push(octets: Uint8Array): Buffer {
    const held = this.#held;
    const input = held.length > 0 ? Buffer.concat([Buffer.from(held), octets]) : octets;
    const out = Buffer.allocUnsafe(input.length);
    const { length, used } = decodeQuotedPrintable(input, out, false);
    this.#held = [...input.subarray(used)];
    return out.subarray(0, length);
  }

  finish(): Buffer {
    const input = Buffer.from(this.#held);
    this.#held = [];
    const out = Buffer.allocUnsafe(input.length);
    return out.subarray(0, decodeQuotedPrintable(input, out, true).length);
  }
}

/** White space at the end of a line was added on the way, and is not held back beyond this (RFC 2045 §6.7 (3)). */
const maxHeldOctets = 1_000;

function decodeQuotedPrintable(input: Uint8Array, out: Uint8Array, last: boolean): { length: number; used: number } {
  const end = input.length;
  let length = 0;
  let p = 0;
  while (p < end) {
    const c = input[p]!;
    if (c === 0x3d) {
      const high = p + 1 < end ? hexValue[input[p + 1]!]! : none;
      const low = p + 2 < end ? hexValue[input[p + 2]!]! : none;
      if (high !== none && low !== none) {
        out[length++] = high * 16 + low;
        p += 3;
        continue;
      }
      let q = p + 1;
      while (q < end && (input[q] === 32 || input[q] === 9) && q - p < maxHeldOctets) q++;
      if (input[q] === 13 && q < end) q++;
      if (input[q] === 10 && q < end) {
        p = q + 1;
        continue;
      }
      // Not decided yet when the input may go on right where it matters.
      if (!last && (q === end || (p + 2 >= end && high !== none)) && q - p < maxHeldOctets) break;
      if (last && q === end) {
        // A soft line break at the very end.
        if (high === none) break;
      }
      out[length++] = c;
      p++;
    } else if (c === 32 || c === 9) {
      let q = p + 1;
      while (q < end && (input[q] === 32 || input[q] === 9) && q - p < maxHeldOctets) q++;
      const atLineEnd = q < end && (input[q] === 10 || (input[q] === 13 && q + 1 < end && input[q + 1] === 10));
      const open = q === end || (input[q] === 13 && q + 1 === end);
      if (open && !last && q - p < maxHeldOctets) break;
      if (!atLineEnd && !(last && q === end)) for (let i = p; i < q; i++) out[length++] = input[i]!;
      p = q;
    } else {
      out[length++] = c;
      p++;
    }
  }
  return { length, used: last ? end : p };
}

/** Decodes a whole body; undefined when its encoding is unknown. */
export function decodeTransfer(octets: Uint8Array, encoding: Encoding): Buffer | undefined {
  const decoder = transferDecoder(encoding);
  if (decoder === undefined) return undefined;
  const first = decoder.push(octets);
  const rest = decoder.finish();
  return rest.length === 0 ? first : Buffer.concat([first, rest]);
}
