/** Header text to Unicode: encoded words (RFC 2047) and extended parameters (RFC 2231). */
import { decodeText } from "./charset.ts";
import { maxEncodedWords } from "./limits.ts";
import { decodeTransfer } from "./transfer-decoding.ts";

/**
 * Decodes a header value.
 * White space between two encoded words vanishes; neighbours with one charset and encoding are decoded together, since
 * mailers cut characters in two. Octets above 127 outside of words count as UTF-8 when they are that, else as latin1.
 * @param value latin1, one character an octet, unfolded
 */
export function decodeWords(value: string): string {
  if (!value.includes("=?")) return raw8bit(value);
  let text = "";
  let at = 0;
  let pending: Word | undefined;
  let count = 0;
  while (count < maxEncodedWords) {
    const word = nextWord(value, at);
    if (word === undefined) break;
    count++;
    const between = value.slice(at, word.start);
    const joined = pending !== undefined && isBlank(between);
    if (pending !== undefined && !(joined && word.charset === pending.charset)) {
      text += decodeText(Buffer.concat(pending.octets), pending.charset);
      pending = undefined;
    }
    if (!joined) text += raw8bit(between);
    if (pending === undefined) pending = word;
    else pending.octets.push(...word.octets);
    at = word.end;
  }
  if (pending !== undefined) text += decodeText(Buffer.concat(pending.octets), pending.charset);
  return text + raw8bit(value.slice(at));
}

interface Word {
  readonly start: number;
  readonly end: number;
  readonly charset: string;
  readonly octets: Buffer[];
}

/** encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" */
function nextWord(value: string, from: number): Word | undefined {
  for (let start = value.indexOf("=?", from); start >= 0; start = value.indexOf("=?", start + 2)) {
    const charsetEnd = value.indexOf("?", start + 2);
    if (charsetEnd < 0) return undefined;
    const encoding = value[charsetEnd + 1]?.toLowerCase();
    if ((encoding !== "q" && encoding !== "b") || value[charsetEnd + 2] !== "?") continue;
    const textStart = charsetEnd + 3;
    // "Q" text may start with "=", so that "?=" is looked for after it.
    const textEnd = value.indexOf("?=", textStart);
    if (textEnd < 0) return undefined;
    const charset = value.slice(start + 2, charsetEnd).split("*", 1)[0] ?? "";
    if (charset === "" || /[\s]/.test(charset)) continue;
    const encoded = value.slice(textStart, textEnd);
    const octets =
      encoding === "b"
        ? decodeTransfer(Buffer.from(encoded, "latin1"), "base64")
        : decodeTransfer(Buffer.from(encoded.replaceAll("_", "=20"), "latin1"), "quoted-printable");
    return { start, end: textEnd + 2, charset: charset.toLowerCase(), octets: octets ? [octets] : [] };
  }
  return undefined;
}

function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 32 && c !== 9 && c !== 13 && c !== 10) return false;
  }
  return true;
}

function raw8bit(text: string): string {
  // All of US-ASCII is meant, control characters too.
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  const octets = Buffer.from(text, "latin1");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch (error) {
    // TypeError says that it is no UTF-8.
    if (error instanceof TypeError) return text;
    throw error;
  }
}

/**
 * The text of an extended parameter value, charset'language'percent-encoded (RFC 2231 §4).
 * A value without the two quotes is decoded as UTF-8.
 * @param value latin1, as BODYSTRUCTURE holds it under NAME*
 */
export function decodeExtendedValue(value: string): string {
  const first = value.indexOf("'");
  const second = first < 0 ? -1 : value.indexOf("'", first + 1);
  const charset = second < 0 ? "utf-8" : value.slice(0, first);
  const encoded = second < 0 ? value : value.slice(second + 1);
  const octets = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i++) {
    const hex = encoded[i] === "%" ? encoded.slice(i + 1, i + 3) : "";
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      octets[length++] = Number.parseInt(hex, 16);
      i += 2;
    } else octets[length++] = encoded.charCodeAt(i) & 255;
  }
  return decodeText(octets.subarray(0, length), charset);
}
