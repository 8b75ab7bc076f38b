/** A cursor over the tokens of one command, with a reader for each basic form of RFC 3501 §9. */
import { ImapSyntaxError } from "./errors.ts";
import { MAX_NUMBER, MAX_NUMBER64 } from "./limits.ts";
import { isTag } from "./octet-class.ts";
import { SequenceSet } from "./sequence-set.ts";
import type { Token } from "./tokenizer.ts";

/** Tokens as gathered: a literal has its text (latin1, one character for each octet), or was streamed elsewhere. */
export type Argument =
  | Exclude<Token, { kind: "literal" }>
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "streamed"; readonly sizeOctets: number };

const eol: Argument = { kind: "eol" };

/**
 * All readers throw ImapSyntaxError, with Cyrus's text, and leave the cursor behind what they have read. Strings are
 * latin1: one character for each octet. Spaces are significant: exactly one between arguments.
 */
export class Arguments {
  /** Tag to answer with; undefined when it is not a valid one: answer `* BAD Invalid tag`. */
  tag: string | undefined;
  /** Command word in upper case; "" when there is none. */
  verb = "";
  /** Command word as error texts show it, `Fetch`. */
  name = "";
  readonly #tokens: Argument[] = [];
  readonly #offsets: number[] = [];
  #at = 0;
  #headRead = false;

  /** Tokens so far. */
  get length(): number {
    return this.#tokens.length;
  }

  /** For the command reader. */
  add(token: Argument, offset: number): void {
    this.#tokens.push(token);
    this.#offsets.push(offset);
  }

  /**
   * Reads tag and command word, once, without throwing: `tag` stays undefined or `verb` empty where they are missing.
   * `tag SP command`; a tag has no "+" (RFC 3501 §9), which Cyrus does not mind: our
   * answer to a tag `+` would be a continuation request.
   */
  readHead(): void {
    if (this.#headRead) return;
    this.#headRead = true;
    const tag = this.#tokens[0];
    if (tag?.kind !== "atom" || !isTag(tag.text) || this.#tokens[1]?.kind !== "space") return;
    this.tag = tag.text;
    this.#at = 2;
    const verb = this.#tokens[2];
    if (verb?.kind !== "atom") return;
    this.#at = 3;
    this.verb = verb.text.toUpperCase();
    this.name = this.verb.slice(0, 1) + this.verb.slice(1).toLowerCase();
  }

  /** The token at the cursor; an eol past the end. */
  peek(): Argument {
    return this.#tokens[this.#at] ?? eol;
  }

  /** The token after the one at the cursor. */
  peekNext(): Argument {
    return this.#tokens[this.#at + 1] ?? eol;
  }

  /** Steps over the token at the cursor and returns it. */
  take(): Argument {
    return this.#tokens[this.#at++] ?? eol;
  }

  /** Cursor position, to be given back to `rewind`. */
  get mark(): number {
    return this.#at;
  }

  rewind(mark: number): void {
    this.#at = mark;
  }

  /** Offset in octets of the token at the cursor from the command's start. */
  get offset(): number {
    return this.#offsets[this.#at] ?? this.#offsets.at(-1) ?? 0;
  }

  fail(message: string): never {
    throw new ImapSyntaxError(message, this.offset);
  }

  missing(): never {
    return this.fail(`Missing required argument to ${this.name}`);
  }

  /** The command must be over. */
  end(): void {
    if (this.peek().kind !== "eol") this.fail(`Unexpected extra arguments to ${this.name}`);
    this.#at++;
  }

  atEnd(): boolean {
    return this.peek().kind === "eol";
  }

  /** SP before a required argument. */
  space(): void {
    if (this.peek().kind !== "space") this.missing();
    this.#at++;
  }

  /** SP before an optional argument: false, without moving, at the command's end or anything else. */
  optionalSpace(): boolean {
    if (this.peek().kind !== "space") return false;
    this.#at++;
    return true;
  }

  /** Steps over "(" when it is there. */
  open(): boolean {
    if (this.peek().kind !== "open") return false;
    this.#at++;
    return true;
  }

  /** Steps over ")" when it is there. */
  close(): boolean {
    if (this.peek().kind !== "close") return false;
    this.#at++;
    return true;
  }

  /** An unquoted word, as it was typed. */
  atom(message?: string): string {
    const token = this.peek();
    if (token.kind !== "atom") return message === undefined ? this.missing() : this.fail(message);
    this.#at++;
    return token.text;
  }

  /** astring = 1*ASTRING-CHAR / string; as liberal with specials in atoms as Cyrus. */
  astring(message?: string): string {
    const token = this.peek();
    if (token.kind !== "atom" && token.kind !== "quoted" && token.kind !== "literal") {
      return message === undefined ? this.missing() : this.fail(message);
    }
    if (token.kind === "literal" && token.text.includes("\0")) {
      return message === undefined ? this.missing() : this.fail(message);
    }
    this.#at++;
    return token.text;
  }

  /** mailbox = "INBOX" / astring: as the client names it, modified UTF-7 kept. */
  mailbox(): string {
    return this.astring();
  }

  /** string = quoted / literal. */
  string(message?: string): string {
    if (this.peek().kind === "atom") return message === undefined ? this.missing() : this.fail(message);
    return this.astring(message);
  }

  /** nstring = string / nil. */
  nstring(message?: string): string | null {
    const token = this.peek();
    if (token.kind === "atom" && token.text.toUpperCase() === "NIL") {
      this.#at++;
      return null;
    }
    return this.string(message);
  }

  /** number = 1*DIGIT, 0 to 2^32-1 (RFC 3501 §9). */
  number(message?: string): number {
    return this.#number(MAX_NUMBER, message);
  }

  /** number64, as far as it is exact: 0 to 2^53-1. Modseqs, sizes and quota limits. */
  number64(message?: string): number {
    return this.#number(MAX_NUMBER64, message);
  }

  /** sequence-set, never expanded. */
  sequenceSet(message = `Invalid sequence in ${this.name}`): SequenceSet {
    const token = this.peek();
    if (token.kind !== "atom") {
      if (token.kind === "eol") return this.missing();
      return this.fail(message);
    }
    const set = SequenceSet.parse(token.text);
    if (set === undefined) return this.fail(message);
    this.#at++;
    return set;
  }

  /**
   * "(" [item *(SP item)] ")", with `item` reading one. `message` answers a missing parenthesis and a list over `max`.
   */
  list(item: () => void, max: number, message: string): void {
    if (!this.open()) this.fail(message);
    if (this.close()) return;
    for (let count = 1; ; count++) {
      if (count > max) this.fail(message);
      item();
      if (this.close()) return;
      if (!this.optionalSpace()) this.fail(message);
    }
  }

  /** The place of a literal that was streamed elsewhere; its size in octets. */
  streamed(): number {
    const token = this.peek();
    if (token.kind !== "streamed") return this.missing();
    this.#at++;
    return token.sizeOctets;
  }

  #number(max: number, message: string | undefined): number {
    const token = this.peek();
    const value = token.kind === "atom" ? parseNumber(token.text, max) : undefined;
    if (value === undefined) return message === undefined ? this.missing() : this.fail(message);
    this.#at++;
    return value;
  }
}

/** 1*DIGIT up to `max`, or undefined. */
export function parseNumber(text: string, max: number): number | undefined {
  if (text.length === 0) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    if (value > max) return undefined;
  }
  return value;
}
