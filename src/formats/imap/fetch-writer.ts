/** FETCH answers: fixed text around the numbers is made once and copied as octets. */
import { systemFlags } from "./flags.ts";
import type { ResponseWriter } from "./response-writer.ts";

const star = Buffer.from("* ");
const fetchOpen = Buffer.from(" FETCH (");
const closeLine = Buffer.from(")\r\n");

/** Bits of the system flags as `flagsPiece` takes them, in `systemFlags`' order; RECENT is the session's own. */
export const ANSWERED = 1;
export const FLAGGED = 2;
export const DRAFT = 4;
export const DELETED = 8;
export const SEEN = 16;
export const RECENT = 32;

/**
 * `FLAGS (\Recent \Answered \Flagged \Draft \Deleted \Seen $Label1)`: Cyrus's order, system flags first, then keywords.
 * Make it once for each combination and keep the octets.
 * @param system bits ANSWERED to RECENT
 */
export function flagsPiece(system: number, keywords: readonly string[]): Buffer {
  const names = (system & RECENT) === 0 ? [] : ["\\Recent"];
  systemFlags.forEach((flag, bit) => {
    if ((system & (1 << bit)) !== 0) names.push(flag);
  });
  return Buffer.from(`FLAGS (${[...names, ...keywords].join(" ")})`, "latin1");
}

/**
 * What stands between the seqno and the uid of a line of FETCH (UID FLAGS), ` FETCH (FLAGS (\Seen) UID `: kept by flag
 * words, it makes the most frequent bulk reply two numbers and three copies.
 */
export function flagsUidPiece(system: number, keywords: readonly string[]): Buffer {
  return Buffer.concat([fetchOpen, flagsPiece(system, keywords), Buffer.from(" UID ")]);
}

/** `* 5 FETCH (FLAGS (\Seen) UID 7)` from a `flagsUidPiece`. */
export function flagsUidLine(out: ResponseWriter, seqno: number, piece: Buffer, uid: number): void {
  out.octets(star).decimal(seqno).octets(piece).decimal(uid).octets(closeLine);
}

/** `* 5 FETCH (`. Items follow, separated by SP; then `fetchEnd`. */
export function fetchBegin(out: ResponseWriter, seqno: number): void {
  out.octets(star).decimal(seqno).octets(fetchOpen);
}

/** `)` CRLF */
export function fetchEnd(out: ResponseWriter): void {
  out.octets(closeLine);
}

/**
 * One line of FETCH, item by item; it places the spaces. Reuse one for a whole reply.
 * ```
 * line.begin(5); line.piece(flags); line.number(uidWord, 7); line.end();
 * ```
 */
export class FetchLine {
  readonly #out: ResponseWriter;
  #first = true;

  constructor(out: ResponseWriter) {
    this.#out = out;
  }

  begin(seqno: number): void {
    fetchBegin(this.#out, seqno);
    this.#first = true;
  }

  #item(): ResponseWriter {
    if (this.#first) this.#first = false;
    else this.#out.space();
    return this.#out;
  }

  /** A whole item in wire form: a `flagsPiece`, `ENVELOPE (...)`. */
  piece(octets: Uint8Array): void {
    this.#item().octets(octets);
  }

  /** A name with its space and octets in wire form, a part of `source`: `ENVELOPE `, and the cached structure. */
  value(name: Uint8Array, source: Buffer, start: number, end: number): void {
    this.#item().octets(name).part(source, start, end);
  }

  /** `UID 7`, `RFC822.SIZE 1701`. */
  number(name: string, value: number): void {
    this.#item().text(name).space().decimal(value);
  }

  /** `MODSEQ (22)`. */
  numberInParens(name: string, value: number): void {
    this.#item().text(name).text(" (").decimal(value).text(")");
  }

  /** `EMAILID (M...)`. */
  textInParens(name: string, value: string): void {
    this.#item().text(name).text(" (").text(value).text(")");
  }

  /** `CID NIL`, `DIGEST.SHA1 bef2...`: a bare word. */
  word(name: string, value: string): void {
    this.#item().text(name).space().text(value);
  }

  /** `INTERNALDATE " 8-Feb-2022 05:52:25 +0000"`. @param zoneMinutes minutes east of UTC at that moment */
  date(name: string, epochSeconds: number, zoneMinutes: number): void {
    this.#item().text(name).space().dateTime(epochSeconds, zoneMinutes);
  }

  /** `BODY[HEADER] {212}` CRLF; the literal's octets are the caller's to write next. @param label is a FetchSection's, with a space behind it */
  literalHead(label: Uint8Array, sizeOctets: number): void {
    this.#item().octets(label).literalHead(sizeOctets);
  }

  /** What was written since, an item that cannot be had after all, is taken back. @param octets the number of them */
  takeBack(octets: number, wasFirst: boolean): void {
    this.#out.retreat(octets);
    this.#first = wasFirst;
  }

  /** Whether no item has been written. */
  get isEmpty(): boolean {
    return this.#first;
  }

  end(): void {
    fetchEnd(this.#out);
  }
}
