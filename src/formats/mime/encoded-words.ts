/** Header text to Unicode: encoded words (RFC 2047) and extended parameters (RFC 2231). */
import { decodeText } from "./charset.ts";
import { maxEncodedWords, maxHeldCharacters } from "./limits.ts";
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
  for (const piece of new WordDecoder().push(value, true)) text += piece;
  return text;
}

/** What may be encoded words that is looked at in one step: some 1 ms of work. */
const wordsAStep = 256;

/**
 * The same for callers that let others have a turn after each step, and for values that come in pieces. What words and text have
 * in common is seen over the edges of pieces, too; only whether octets above 127 are UTF-8 is said for each piece.
 */
export class WordDecoder {
  /** What the next piece decides: the start of a word, or white space behind one, or half a character. */
  #held = "";
  #pending: Word | undefined;
  #count = 0;

  /** @returns the text in steps (some of them ""), to be taken to their end before the next piece */
  *push(piece: string, isLast: boolean): Generator<string, void> {
    const value = this.#held + piece;
    const lastEnd = value.lastIndexOf("?=");
    let text = "";
    /** All before this is done. */
    let at = 0;
    let looks = 0;
    let end = value.length;
    for (let start = value.indexOf("=?"); start >= 0; start = value.indexOf("=?", start)) {
      if (this.#count >= maxEncodedWords) break;
      if (++looks % wordsAStep === 0) {
        yield text;
        text = "";
      }
      const word = wordAt(value, start, lastEnd);
      if (word === "unfinished" && !isLast && value.length - start <= maxHeldCharacters) {
        end = start;
        break;
      }
      if (typeof word !== "object") {
        start += 2;
        continue;
      }
      this.#count++;
      text += this.#before(value.slice(at, start), word);
      at = start = word.end;
    }
    if (isLast) {
      yield text + this.#flush() + raw8bit(value.slice(at));
      this.#held = "";
      return;
    }
    if (end === value.length) end = value.endsWith("=") ? Math.max(at, end - 1) : wholeCharacters(value, at);
    const isGap = this.#pending !== undefined && end - at <= maxHeldCharacters && isBlank(value.slice(at, end));
    if (!isGap) {
      text += this.#flush() + raw8bit(value.slice(at, end));
      at = end;
    }
    this.#held = value.slice(at);
    yield text;
  }

  /** The text before a word, which becomes the pending one. */
  #before(between: string, word: Word): string {
    const pending = this.#pending;
    const joined = pending !== undefined && isBlank(between);
    if (pending !== undefined && joined && word.charset === pending.charset) {
      pending.octets.push(...word.octets);
      return "";
    }
    const text = this.#flush() + (joined ? "" : raw8bit(between));
    this.#pending = word;
    return text;
  }

  #flush(): string {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending === undefined ? "" : decodeText(Buffer.concat(pending.octets), pending.charset);
  }
}

interface Word {
  readonly end: number;
  readonly charset: string;
  readonly octets: Buffer[];
}

/**
 * encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
 * @param lastEnd where the last "?=" is, so that words without end cost no search each
 * @returns "unfinished" when what follows the value may make it one
 */
function wordAt(value: string, start: number, lastEnd: number): Word | "unfinished" | undefined {
  const charsetEnd = value.indexOf("?", start + 2);
  if (charsetEnd < 0) return "unfinished";
  const encoding = value[charsetEnd + 1]?.toLowerCase();
  if (encoding === undefined) return "unfinished";
  if (encoding !== "q" && encoding !== "b") return undefined;
  const textStart = charsetEnd + 3;
  if (textStart > value.length) return "unfinished";
  if (value[charsetEnd + 2] !== "?") return undefined;
  const charset = value.slice(start + 2, charsetEnd).split("*", 1)[0] ?? "";
  if (charset === "" || /[\s]/.test(charset)) return undefined;
  if (textStart > lastEnd) return "unfinished";
  // "Q" text may start with "=", so that "?=" is looked for after it.
  const textEnd = value.indexOf("?=", textStart);
  const encoded = value.slice(textStart, textEnd);
  const octets =
    encoding === "b"
      ? decodeTransfer(Buffer.from(encoded, "latin1"), "base64")
      : decodeTransfer(Buffer.from(encoded.replaceAll("_", "=20"), "latin1"), "quoted-printable");
  return { end: textEnd + 2, charset: charset.toLowerCase(), octets: octets ? [octets] : [] };
}

/** The end of the value, or of its last whole character where it ends within one of UTF-8. @param from not before this */
function wholeCharacters(value: string, from: number): number {
  for (let back = 1; back <= 3 && value.length - back >= from; back++) {
    const octet = value.charCodeAt(value.length - back);
    if (octet < 0x80) break;
    if (octet < 0xc0) continue;
    const length = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2;
    return length > back ? value.length - back : value.length;
  }
  return value.length;
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
