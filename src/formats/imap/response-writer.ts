/** Responses onto octets: digits and pieces by hand into a pooled chunk (a string for each line costs twice as much). */
import type { ChunkPool } from "./chunk-pool.ts";
import { DATE_TIME_OCTETS, putDateTime } from "./date.ts";
import { SMALL_REPLY_OCTETS } from "./limits.ts";
import { canBeQuoted, needsNoQuotes } from "./strings.ts";

/** Shorter pieces are copied by a loop, which beats the call into native code. */
const LOOP_OCTETS = 40;
/** Text is put down in steps of this many characters at least. */
const TEXT_STEP = 60;
const QUESTION = 63;
const none = Buffer.alloc(0);

/**
 * Strings have one character for each octet (latin1); what a client must not be able to place in a response line (CR, LF,
 * NUL) cannot leave by any method but `octets` and a literal's contents.
 *
 * `sink` gets each full chunk, and at `flush` what is left: a slice of a pool's chunk (release it when written) or a small
 * buffer of its own. Between `flush` and the next write a writer holds no memory, so every session may have one.
 */
export class ResponseWriter {
  readonly #sink: (chunk: Buffer) => void;
  readonly #pool: ChunkPool;
  #chunk: Buffer = none;
  #at = 0;
  #sunk = 0;

  constructor(sink: (chunk: Buffer) => void, pool: ChunkPool) {
    this.#sink = sink;
    this.#pool = pool;
  }

  /** Octets written since the beginning, flushed or not. */
  get octetsWritten(): number {
    return this.#sunk + this.#at;
  }

  /** Octets that wait for `flush`. */
  get unflushedOctets(): number {
    return this.#at;
  }

  /** Hands over what has been written. Call it at the end of a reply, and before waiting for anything. */
  flush(): void {
    if (this.#chunk === none) return;
    if (this.#at === 0) this.#pool.release(this.#chunk);
    else if (this.#at <= SMALL_REPLY_OCTETS) {
      const copy = Buffer.allocUnsafe(this.#at);
      this.#chunk.copy(copy, 0, 0, this.#at);
      this.#pool.release(this.#chunk);
      this.#leave(copy);
      return;
    } else {
      this.#leave(this.#chunk.subarray(0, this.#at));
      return;
    }
    this.#chunk = none;
  }

  #leave(octets: Buffer): void {
    this.#sunk += this.#at;
    this.#chunk = none;
    this.#at = 0;
    this.#sink(octets);
  }

  /** Makes room for `octets`, which is below a chunk's size. */
  #room(octets: number): void {
    if (this.#at + octets <= this.#chunk.length) return;
    if (this.#at > 0) this.#leave(this.#chunk.subarray(0, this.#at));
    if (this.#chunk === none) this.#chunk = this.#pool.take();
  }

  /** Decimal digits of a whole number from 0 to 2^53-1. */
  decimal(value: number): this {
    this.#room(20);
    if (value < 2_147_483_648) this.#at = putDecimal(this.#chunk, this.#at, value);
    else this.#plain(String(value));
    return this;
  }

  /** Octets that are already in wire form: cached pieces, ENVELOPE, message contents. Copied. */
  octets(piece: Uint8Array): this {
    const { length } = piece;
    if (length < LOOP_OCTETS) {
      this.#room(length);
      const chunk = this.#chunk;
      let at = this.#at;
      for (let i = 0; i < length; i++) chunk[at++] = piece[i]!;
      this.#at = at;
      return this;
    }
    let from = 0;
    while (from < length) {
      if (this.#at === this.#chunk.length) this.#room(1);
      const part = Math.min(length - from, this.#chunk.length - this.#at);
      this.#chunk.set(part === length ? piece : piece.subarray(from, from + part), this.#at);
      this.#at += part;
      from += part;
    }
    return this;
  }

  /** Some octets of a Buffer that are in wire form: `octets` for a part, without a view of it. */
  part(source: Buffer, start: number, end: number): this {
    const length = end - start;
    if (length > this.#chunk.length - this.#at) {
      if (length > this.#pool.chunkOctets) return this.octets(source.subarray(start, end));
      this.#room(length);
    }
    const chunk = this.#chunk;
    let at = this.#at;
    if (length < LOOP_OCTETS) for (let i = start; i < end; i++) chunk[at++] = source[i]!;
    else source.copy(chunk, at, start, end);
    this.#at += length;
    return this;
  }

  /** Octets in wire form, given away without a copy: what is pending leaves first. They must not change any more. */
  give(octets: Buffer): this {
    if (octets.length <= SMALL_REPLY_OCTETS) return this.octets(octets);
    if (this.#at > 0) this.flush();
    this.#sunk += octets.length;
    this.#sink(octets);
    return this;
  }

  /**
   * Space of at most a chunk to be filled by the caller (a file read), then `advance`d over.
   * At least `octets` long; valid until the next call of any other method.
   */
  reserve(octets: number): Buffer {
    if (octets > this.#pool.chunkOctets) throw new RangeError("more than a chunk");
    this.#room(octets);
    return this.#chunk.subarray(this.#at);
  }

  /** The chunk being filled, up to `unflushedOctets`: after a `reserve` one may write behind that, then `advance`. */
  get chunk(): Buffer {
    return this.#chunk;
  }

  advance(octets: number): this {
    this.#at += octets;
    return this;
  }

  /** Takes back the last `octets` octets, which are still in the chunk: those written since a `reserve` that held them all. */
  retreat(octets: number): this {
    if (octets > this.#at) throw new RangeError("octets that have left");
    this.#at -= octets;
    return this;
  }

  /** Text for people or keywords of ours. Control characters, also CR and LF, come out as "?". */
  text(text: string): this {
    if (text.length > TEXT_STEP) {
      let from = 0;
      while (from < text.length) {
        this.#room(TEXT_STEP);
        const to = Math.min(text.length, from + this.#chunk.length - this.#at);
        this.#safe(text, from, to);
        from = to;
      }
    } else {
      this.#room(text.length);
      this.#safe(text, 0, text.length);
    }
    return this;
  }

  #safe(text: string, from: number, to: number): void {
    const chunk = this.#chunk;
    let at = this.#at;
    for (let i = from; i < to; i++) {
      const c = text.charCodeAt(i);
      chunk[at++] = c < 32 || c === 127 || c > 255 ? QUESTION : c;
    }
    this.#at = at;
  }

  /** Short text that is known to be safe. */
  #plain(text: string): void {
    const chunk = this.#chunk;
    let at = this.#at;
    for (let i = 0; i < text.length; i++) chunk[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /** SP */
  space(): this {
    this.#room(1);
    this.#chunk[this.#at++] = 32;
    return this;
  }

  /** CRLF */
  crlf(): this {
    this.#room(2);
    this.#chunk[this.#at++] = 13;
    this.#chunk[this.#at++] = 10;
    return this;
  }

  /** One whole line of text, such as `* OK [UIDVALIDITY 1] Ok`. */
  line(text: string): this {
    return this.text(text).crlf();
  }

  /** astring: bare where it can be, else quoted, else a literal. */
  astring(text: string): this {
    return needsNoQuotes(text) ? this.text(text) : this.string(text);
  }

  /** string: quoted where it can be, else a literal. */
  string(text: string): this {
    if (!canBeQuoted(text)) return this.literal(text);
    this.#room(text.length + 2);
    this.#chunk[this.#at++] = 34;
    this.#plain(text);
    this.#chunk[this.#at++] = 34;
    return this;
  }

  /** `" 8-Feb-2022 05:52:25 +0000"`, quoted. @param zoneMinutes minutes east of UTC at that moment */
  dateTime(epochSeconds: number, zoneMinutes: number): this {
    this.#room(DATE_TIME_OCTETS + 2);
    this.#chunk[this.#at] = 34;
    this.#at = putDateTime(this.#chunk, this.#at + 1, epochSeconds, zoneMinutes);
    this.#chunk[this.#at++] = 34;
    return this;
  }

  /** nstring */
  nstring(text: string | null): this {
    return text === null ? this.text("NIL") : this.string(text);
  }

  /** `{n}` CRLF and the octets. */
  literal(text: string): this {
    this.literalHead(text.length);
    return this.octets(Buffer.from(text, "latin1"));
  }

  /** `{n}` CRLF: the octets follow by `octets`, `give`, or `reserve` and `advance`. */
  literalHead(octets: number): this {
    this.#room(32);
    this.#chunk[this.#at++] = 123;
    this.decimal(octets);
    this.#chunk[this.#at++] = 125;
    return this.crlf();
  }
}

/** Writes v in decimal at p, returns the position after it. 0 <= v < 2^31. */
export function putDecimal(out: Buffer, p: number, v: number): number {
  let digits = 10;
  if (v < 10) digits = 1;
  else if (v < 100) digits = 2;
  else if (v < 1e3) digits = 3;
  else if (v < 1e4) digits = 4;
  else if (v < 1e5) digits = 5;
  else if (v < 1e6) digits = 6;
  else if (v < 1e7) digits = 7;
  else if (v < 1e8) digits = 8;
  else if (v < 1e9) digits = 9;
  let q = p + digits - 1;
  let rest = v | 0;
  do {
    const tenth = (rest / 10) | 0;
    out[q--] = 48 + rest - tenth * 10;
    rest = tenth;
  } while (rest > 0);
  return p + digits;
}
