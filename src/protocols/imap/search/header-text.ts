/** Looks for text in the values of header fields: unfolded, decoded, in canonical form; long ones piece by piece, with turns for others. */
import { isAscii } from "node:buffer";
import { decodeWords, WordDecoder } from "../../../formats/mime/index.ts";
import type { Canonical } from "./canonical.ts";
import type { Needle, Turn } from "./needle.ts";

/** Octets of fields, and characters of one value, looked at between looks at the clock: some 1 ms of work, a few where all is encoded. */
const STEP_OCTETS = 8_192;
/** A longer field is unfolded and decoded in pieces. */
export const MAX_PIECE_OCTETS = 65_536;

/** Whether a value of these fields has the needle. For fields of a cache record, which are few. */
export function fieldsHave(fields: Buffer, needle: Needle, canonical: Canonical): boolean {
  if (cannotHave(fields, needle, canonical)) return false;
  const text = fields.toString("latin1");
  let colon = text.indexOf(":");
  for (let at = 0; at < text.length; ) {
    const end = fieldEnd(text, at);
    if (colon >= 0 && colon < at) colon = text.indexOf(":", at);
    if (colon >= 0 && colon < end) {
      const value = trimmed(unfolded(text.slice(colon + 1, end)), true, true);
      if (canonical.text(decodeWords(value)).includes(needle.text)) return true;
    }
    at = end + 1;
  }
  return false;
}

/** Plain text without encoded words: what is not in it as it stands is not in any value. */
function cannotHave(fields: Buffer, needle: Needle, canonical: Canonical): boolean {
  if (!needle.isWord || canonical.skipsSpaces || !isAscii(fields)) return false;
  const lower = fields.toString("latin1").toLowerCase();
  return !lower.includes(needle.text) && !lower.includes("=?");
}

/** A field whose value comes in pieces. */
interface LongField {
  readonly words: WordDecoder;
  /** Canonical text that a match may begin in which ends in the next piece. */
  kept: string;
}

/** The same for fields that may be many, and long, and come in pieces. A match over the edge of two is found. */
export class HeaderSearch {
  readonly #needle: Needle;
  readonly #canonical: Canonical;
  readonly #turn: Turn;
  /** What goes on in the next piece: "nameless" is no field. */
  #field: LongField | "nameless" | undefined;

  constructor(needle: Needle, canonical: Canonical, turn: Turn) {
    this.#needle = needle;
    this.#canonical = canonical;
    this.#turn = turn;
  }

  /** @param goesOn the last of these fields goes on in the next piece: see `fieldsEnd` */
  async has(fields: Buffer, goesOn = false): Promise<boolean> {
    for (let at = 0; at < fields.length; ) {
      const end = fieldsEnd(fields, at, at + STEP_OCTETS, at + MAX_PIECE_OCTETS);
      const some = fields.subarray(at, end);
      const isCut = end < fields.length ? isWithinField(fields, end) : goesOn;
      at = end;
      const waiting = this.#turn();
      if (waiting !== undefined) await waiting;
      const isWhole = !isCut && this.#field === undefined;
      if (isWhole && some.length <= 2 * STEP_OCTETS) {
        if (fieldsHave(some, this.#needle, this.#canonical)) return true;
      } else if (!isWhole || !cannotHave(some, this.#needle, this.#canonical)) {
        if (await this.#longHas(some.toString("latin1"), isCut)) return true;
      }
    }
    return false;
  }

  async #longHas(text: string, isCut: boolean): Promise<boolean> {
    let colon = text.indexOf(":");
    for (let at = 0; at < text.length; ) {
      const end = fieldEnd(text, at);
      const goesOn = isCut && end >= text.length - 1;
      const isFirst = this.#field === undefined;
      let field = this.#field;
      if (field === undefined) {
        if (colon >= 0 && colon < at) colon = text.indexOf(":", at);
        const hasName = colon >= 0 && colon < end;
        field = hasName ? { words: new WordDecoder(), kept: "" } : "nameless";
        if (hasName) at = colon + 1;
      }
      this.#field = goesOn ? field : undefined;
      if (field !== "nameless") {
        const value = trimmed(unfolded(text.slice(at, end)), isFirst, !goesOn);
        if (await this.#valueHas(value, field, !goesOn)) return true;
      }
      at = end + 1;
    }
    return false;
  }

  async #valueHas(value: string, field: LongField, isLast: boolean): Promise<boolean> {
    const { text } = this.#needle;
    for (const decoded of field.words.push(value, isLast)) {
      for (let at = 0; at < decoded.length; at += STEP_OCTETS) {
        const here = this.#canonical.text(field.kept + decoded.slice(at, at + STEP_OCTETS));
        if (here.includes(text)) return true;
        field.kept = here.slice(-text.length - 1);
        const waiting = this.#turn();
        if (waiting !== undefined) await waiting;
      }
      const waiting = this.#turn();
      if (waiting !== undefined) await waiting;
    }
    return text === "";
  }
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;

/**
 * The end of the first field that ends at or behind `least`. Where none does before `most`, a field is cut there, or one octet
 * before that, so as not to take a line end apart. `most` must be such that the octet behind it is there, or the last field ends.
 */
export function fieldsEnd(fields: Buffer, from: number, least: number, most: number): number {
  let end = fields.indexOf(LF, Math.max(from, least - 1));
  while (end >= 0 && end < most && (fields[end + 1] === SPACE || fields[end + 1] === TAB))
    end = fields.indexOf(LF, end + 1);
  const found = end < 0 ? fields.length : end + 1;
  if (found <= most) return found;
  return fields[most - 1] === CR && most - 1 > from ? most - 1 : most;
}

/** Whether what begins here goes on with the field before it. */
export function isWithinField(fields: Buffer, at: number): boolean {
  return at > 0 && (fields[at - 1] !== LF || fields[at] === SPACE || fields[at] === TAB);
}

/** Where the line end of the field is that begins here, or the end of the text. */
function fieldEnd(text: string, from: number): number {
  let end = text.indexOf("\n", from);
  while (end >= 0 && (text[end + 1] === " " || text[end + 1] === "\t")) end = text.indexOf("\n", end + 1);
  return end < 0 ? text.length : end;
}

function unfolded(value: string): string {
  return value.replaceAll(/\r?\n|\r$/g, "");
}

/** Without white space of RFC 5322; an octet of 160 may end a character of UTF-8. */
function trimmed(value: string, start: boolean, end: boolean): string {
  let from = 0;
  let to = value.length;
  if (start) while (from < to && isBlank(value.charCodeAt(from))) from++;
  if (end) while (to > from && isBlank(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CR);
}
