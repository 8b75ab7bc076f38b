/** Octets to tokens, in pieces of any size. Knows no commands: what a token means is the argument readers' business. */
import { ImapLimitError } from "./errors.ts";
import { type ImapLimits, MAX_NUMBER } from "./limits.ts";
import { DELIMITER, octetClass } from "./octet-class.ts";

/**
 * `text` has one character for each octet (latin1). An "atom" is any run of octets up to a delimiter, so it may hold
 * `% * \ [ ]`; readers check what they need. "invalid" stands for what cannot be a token (a control or 8-bit octet, a
 * quoted string cut by the line end, a malformed literal head, CR without LF): the tokenizer itself goes on after it.
 */
export type Token =
  | { readonly kind: "atom"; readonly text: string }
  | { readonly kind: "quoted"; readonly text: string }
  /** The octets follow in the stream: take them with `literalOctets`, or drop the literal with `cancelLiteral`. */
  | { readonly kind: "literal"; readonly sizeOctets: number; readonly sync: boolean; readonly binary: boolean }
  | { readonly kind: "open" | "close" | "space" | "eol" | "invalid" };

const open: Token = { kind: "open" };
const close: Token = { kind: "close" };
const space: Token = { kind: "space" };
const eol: Token = { kind: "eol" };
const invalid: Token = { kind: "invalid" };

// States, as numbers because next() dispatches on them for every token.
const BETWEEN = 0;
const IN_ATOM = 1;
const IN_QUOTED = 2;
const AFTER_BACKSLASH = 3;
const AFTER_TILDE = 4;
const AFTER_CR = 5;
/** Literal head: after "{", then after "+", after "}", after its CR. */
const HEAD_DIGITS = 6;
const HEAD_PLUS = 7;
const HEAD_CLOSED = 8;
const HEAD_CR = 9;

const NUL = 0;
const LF = 10;
const CR = 13;
const SP = 32;
const QUOTE = 34;
const OPEN = 40;
const CLOSE = 41;
const PLUS = 43;
const BACKSLASH = 92;
const BRACE = 123;
const BRACE_CLOSE = 125;
const TILDE = 126;

const nothing = Buffer.alloc(0);
/** Octets turned into a string at once: slices of it cost a quarter of a call into native code for each token. */
const WINDOW_OCTETS = 256;

/** Between commands it holds no buffer. One instance serves a connection for its life. */
export class Tokenizer {
  /** Replace at login and logout; read at each token. */
  limits: ImapLimits;
  #chunk: Buffer = nothing;
  #pos = 0;
  /** Text of the present chunk's octets from #textStart to #textEnd; what a token keeps of it is at most a window. */
  #text = "";
  #textStart = 0;
  #textEnd = 0;
  /** Chunks pushed while one was still unread; undefined most of the time. */
  #waiting: Buffer[] | undefined;
  #waitingOctets = 0;
  /** Start of a token that a chunk's end has cut. */
  #held: Buffer | undefined;
  #heldLength = 0;
  #state = BETWEEN;
  #size = 0;
  #digits = 0;
  #sync = true;
  #binary = false;
  #remaining = 0;
  /** Octets consumed in chunks before the present one, since `startCommand`. */
  #before = 0;
  #start = 0;

  constructor(limits: ImapLimits) {
    this.limits = limits;
  }

  /** Takes octets; they must not change until they are consumed. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // Also when the present chunk is used up: those that wait come first.
    if (this.#pos < this.#chunk.length || this.#waiting !== undefined) {
      this.#waiting ??= [];
      this.#waiting.push(buffer);
      this.#waitingOctets += buffer.length;
    } else {
      this.#before += this.#pos;
      this.#replace(buffer);
    }
  }

  /** Octets pushed and not yet consumed: not 0 when STARTTLS begins means injected plain text. */
  get bufferedOctets(): number {
    return this.#chunk.length - this.#pos + this.#waitingOctets + this.#heldLength;
  }

  /** Octets consumed since `startCommand`. */
  get commandOctets(): number {
    return this.#before + this.#pos;
  }

  /** Octets from the command's start to the token last returned. */
  get tokenOffset(): number {
    return this.#start;
  }

  /** Octets of an announced literal that are still to come. */
  get literalRemaining(): number {
    return this.#remaining;
  }

  /** Counting of `commandOctets` begins anew here. */
  startCommand(): void {
    this.#before = -this.#pos;
  }

  /**
   * The next token, or undefined when more octets are needed. Not to be called while a literal's octets are due.
   * @throws ImapLimitError (BYE) for a word or quoted string over its limit, or a literal size that is no 32-bit number
   */
  next(): Token | undefined {
    while (this.#pos < this.#chunk.length || this.#advance()) {
      const token = this.#step();
      if (token !== undefined) return token;
    }
    return undefined;
  }

  /** Octets of the announced literal at hand (not copied), or undefined when none are. Ends at `literalRemaining` 0. */
  literalOctets(): Buffer | undefined {
    if (this.#remaining === 0 || (this.#pos >= this.#chunk.length && !this.#advance())) return undefined;
    const end = Math.min(this.#chunk.length, this.#pos + this.#remaining);
    const part = this.#chunk.subarray(this.#pos, end);
    this.#remaining -= end - this.#pos;
    this.#pos = end;
    if (end === this.#chunk.length) this.#advance();
    return part;
  }

  /** Forgets an announced synchronising literal that was refused: its octets will not come. */
  cancelLiteral(): void {
    this.#remaining = 0;
  }

  /**
   * A whole line without its CRLF (or LF), outside of the command grammar: SASL responses, IDLE's DONE.
   * Undefined when more octets are needed.
   * @throws ImapLimitError (BYE) when it is longer than `maxOctets`
   */
  nextLine(maxOctets: number): string | undefined {
    while (this.#pos < this.#chunk.length || this.#advance()) {
      const at = this.#chunk.indexOf(LF, this.#pos);
      const end = at < 0 ? this.#chunk.length : at;
      if (this.#heldLength + end - this.#pos > maxOctets + 1) throw new ImapLimitError("BYE", "[TOOBIG] Line too long");
      if (at < 0) {
        this.#hold(this.#pos, end);
        this.#pos = end;
        continue;
      }
      let line = this.#take(this.#pos, end);
      this.#pos = at + 1;
      if (line.endsWith("\r")) line = line.slice(0, -1);
      if (line.length > maxOctets) throw new ImapLimitError("BYE", "[TOOBIG] Line too long");
      return line;
    }
    return undefined;
  }

  #advance(): boolean {
    this.#before += this.#pos;
    const chunk = this.#waiting?.shift();
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    this.#replace(chunk ?? nothing);
    this.#waitingOctets -= this.#chunk.length;
    return chunk !== undefined;
  }

  #replace(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#pos = 0;
    this.#text = "";
    this.#textStart = 0;
    this.#textEnd = 0;
  }

  #step(): Token | undefined {
    switch (this.#state) {
      case BETWEEN:
        return this.#begin();
      case IN_ATOM:
        return this.#atom(this.#pos);
      case IN_QUOTED:
      case AFTER_BACKSLASH:
        return this.#quoted();
      case AFTER_TILDE:
        if (this.#chunk[this.#pos] === BRACE) {
          this.#beginHead(true);
          return undefined;
        }
        this.#hold(-1, 0);
        return this.#atom(this.#pos);
      case AFTER_CR:
        this.#state = BETWEEN;
        if (this.#chunk[this.#pos] !== LF) return invalid;
        this.#pos++;
        return eol;
      default:
        return this.#head();
    }
  }

  /** A token starts at #pos. */
  #begin(): Token | undefined {
    const at = this.#pos;
    const c = this.#chunk[at]!;
    this.#start = this.#before + at;
    if (octetClass[c] !== DELIMITER) {
      if (c !== TILDE) return this.#atom(at);
      this.#pos = at + 1;
      this.#state = AFTER_TILDE;
      return undefined;
    }
    if (c === BRACE) {
      this.#beginHead(false);
      return undefined;
    }
    this.#pos = at + 1;
    switch (c) {
      case SP:
        return space;
      case OPEN:
        return open;
      case CLOSE:
        return close;
      case LF:
        return eol; // Cyrus takes a bare LF as line end, and so do old scripts.
      case CR:
        if (this.#chunk[at + 1] === LF) {
          this.#pos = at + 2;
          return eol;
        }
        this.#state = AFTER_CR;
        return undefined;
      case QUOTE:
        this.#state = IN_QUOTED;
        return undefined;
      default:
        return invalid;
    }
  }

  #atom(from: number): Token | undefined {
    const chunk = this.#chunk;
    const { length } = chunk;
    let at = from;
    while (at < length && octetClass[chunk[at]!] !== DELIMITER) at++;
    if (this.#heldLength + at - from > this.limits.maxWordOctets)
      throw new ImapLimitError("BYE", "[TOOBIG] Word too long");
    this.#pos = at;
    if (at === length) {
      this.#hold(from, at);
      this.#state = IN_ATOM;
      return undefined;
    }
    this.#state = BETWEEN;
    return { kind: "atom", text: this.#take(from, at) };
  }

  /** quoted = DQUOTE *QUOTED-CHAR DQUOTE. A backslash makes any octet but CR, LF, NUL plain. */
  #quoted(): Token | undefined {
    const chunk = this.#chunk;
    const { length } = chunk;
    let from = this.#pos;
    let at = from;
    if (this.#state === AFTER_BACKSLASH) {
      this.#state = IN_QUOTED;
      const c = chunk[at]!;
      if (c !== NUL && c !== CR && c !== LF) at++;
    }
    for (; at < length; at++) {
      const c = chunk[at]!;
      if (c === QUOTE) {
        this.#pos = at + 1;
        this.#state = BETWEEN;
        this.#checkQuoted(at - from);
        return { kind: "quoted", text: this.#take(from, at) };
      }
      if (c === BACKSLASH) {
        this.#hold(from, at);
        this.#checkQuoted(0);
        from = at + 1;
        const escaped = chunk[from];
        if (escaped === undefined) {
          this.#pos = length;
          this.#state = AFTER_BACKSLASH;
          return undefined;
        }
        if (escaped !== NUL && escaped !== CR && escaped !== LF) at++;
      } else if (c === NUL || c === CR || c === LF) {
        // The line end stays in the stream, so that what follows is read as the next command and nothing else.
        this.#checkQuoted(at - from);
        this.#pos = c === NUL ? at + 1 : at;
        this.#state = BETWEEN;
        this.#drop();
        return invalid;
      }
    }
    this.#checkQuoted(at - from);
    this.#hold(from, at);
    this.#pos = length;
    return undefined;
  }

  #checkQuoted(more: number): void {
    if (this.#heldLength + more > this.limits.maxQuotedOctets) {
      throw new ImapLimitError("BYE", "[TOOBIG] Quoted value too long");
    }
  }

  #beginHead(binary: boolean): void {
    this.#pos++;
    this.#state = HEAD_DIGITS;
    this.#size = 0;
    this.#digits = 0;
    this.#sync = true;
    this.#binary = binary;
  }

  /** literal = "{" number ["+"] "}" CRLF *CHAR8 (RFC 7888 §8), literal8 = "~{" number ["+"] "}" CRLF *OCTET (RFC 3516). */
  #head(): Token | undefined {
    const chunk = this.#chunk;
    for (; this.#pos < chunk.length; this.#pos++) {
      const c = chunk[this.#pos]!;
      if (this.#state === HEAD_DIGITS && c >= 48 && c <= 57) {
        this.#size = this.#size * 10 + c - 48;
        this.#digits++;
        if (this.#size > MAX_NUMBER) throw new ImapLimitError("BYE", "Fatal error: num too big");
      } else if (this.#state === HEAD_DIGITS && c === PLUS && this.#digits > 0) {
        this.#sync = false;
        this.#state = HEAD_PLUS;
      } else if (
        (this.#state === HEAD_DIGITS && c === BRACE_CLOSE && this.#digits > 0) ||
        (this.#state === HEAD_PLUS && c === BRACE_CLOSE)
      ) {
        this.#state = HEAD_CLOSED;
      } else if (this.#state === HEAD_CLOSED && c === CR) {
        this.#state = HEAD_CR;
      } else if ((this.#state === HEAD_CLOSED || this.#state === HEAD_CR) && c === LF) {
        this.#pos++;
        this.#state = BETWEEN;
        this.#remaining = this.#size;
        return { kind: "literal", sizeOctets: this.#size, sync: this.#sync, binary: this.#binary };
      } else {
        this.#state = BETWEEN;
        return invalid;
      }
    }
    return undefined;
  }

  /** Keeps octets of the present chunk for later; from = -1 keeps the "~" that began an atom. */
  #hold(from: number, to: number): void {
    const more = from < 0 ? 1 : to - from;
    if (more === 0) return;
    const needed = this.#heldLength + more;
    if (this.#held === undefined || this.#held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(64, needed * 2));
      this.#held?.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    if (from < 0) this.#held[this.#heldLength] = TILDE;
    else this.#chunk.copy(this.#held, this.#heldLength, from, to);
    this.#heldLength = needed;
  }

  /** The token's text: what is held and the octets from..to of the present chunk. */
  #take(from: number, to: number): string {
    if (this.#held === undefined) {
      if (to > this.#textEnd || from < this.#textStart) {
        if (to - from > WINDOW_OCTETS) return this.#chunk.toString("latin1", from, to);
        this.#textStart = from;
        this.#textEnd = Math.min(this.#chunk.length, from + WINDOW_OCTETS);
        this.#text = this.#chunk.toString("latin1", from, this.#textEnd);
      }
      return this.#text.slice(from - this.#textStart, to - this.#textStart);
    }
    this.#hold(from, to);
    const text = this.#held.toString("latin1", 0, this.#heldLength);
    this.#drop();
    return text;
  }

  #drop(): void {
    // Secrets pass through here (LOGIN); the buffer is ours alone.
    this.#held?.fill(0, 0, this.#heldLength);
    this.#held = undefined;
    this.#heldLength = 0;
  }
}
