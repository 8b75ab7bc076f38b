/**
 * Address lists (RFC 5322 §3.4, RFC 822 §6) of any quality, read in one pass, as Cyrus 3.6 reads them.
 *
 * What is not an address still gives one, so that clients see what was written: `foo bar` has the mailbox "foo bar".
 * An unterminated quoted string ends the list; an unterminated comment reaches to its end.
 */
import { maxAddresses, maxCommentDepth } from "./limits.ts";

const octet = { cr: 13, lf: 10, space: 32, tab: 9 } as const;
const quoteOctet = 0x22;
const backslash = 0x5c;
const open = 0x28;
const close = 0x29;
const comma = 0x2c;
const colon = 0x3a;
const semicolon = 0x3b;
const less = 0x3c;
const greater = 0x3e;
const at = 0x40;
const dot = 0x2e;
/** Stands for the end of the field. */
const end = -1;

/** Octets that a domain may hold: letters, digits, `-`, `[`, `]`, `:`, `@`. */
const inDomain = new Uint8Array(256);
for (let c = 0; c < 128; c++) if (/[A-Za-z0-9\-[\]:@]/.test(String.fromCharCode(c))) inDomain[c] = 1;

/** Takes the pieces of an address list, in order. Octets are valid during the call only. */
export interface AddressSink {
  /** One mailbox. A length of 0 in `name` and `route` means absent; in `domain` it means unspecified. */
  address(reader: AddressReader): void;
  groupStart(reader: AddressReader): void;
  groupEnd(): void;
}

/** A reader can be used again and again; it holds the pieces of the address that it has just read in one scratch buffer. */
export class AddressReader {
  scratch = Buffer.allocUnsafe(512);
  /** Ranges in `scratch`. */
  nameStart = 0;
  nameEnd = 0;
  routeStart = 0;
  routeEnd = 0;
  mailboxStart = 0;
  mailboxEnd = 0;
  domainStart = 0;
  domainEnd = 0;

  #source: Uint8Array = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #fill = 0;
  #commentStart = 0;
  #commentEnd = 0;
  #broken = false;

  /** Reads source[start, endOffset), the raw value of a field with its line folds. */
  read(source: Uint8Array, start: number, endOffset: number, sink: AddressSink): void {
    this.#source = source;
    this.#at = start;
    this.#end = endOffset;
    this.#broken = false;
    // What is copied is never longer than what is read, so that the scratch buffer cannot overflow.
    if (this.scratch.length < endOffset - start + 1) this.scratch = Buffer.allocUnsafe(endOffset - start + 1);
    let inGroup = false;
    let count = 0;
    while (this.#at < this.#end && !this.#broken && count < maxAddresses) {
      this.#fill = 0;
      this.nameStart = this.nameEnd = this.routeStart = this.routeEnd = 0;
      this.domainStart = this.domainEnd = 0;
      const stop = this.#phrase(inGroup, true);
      if (this.#broken) break;
      const textEnd = this.#fill;
      this.mailboxStart = 0;
      this.mailboxEnd = textEnd;
      let ends = stop === semicolon;
      if (stop === colon) {
        sink.groupStart(this);
        inGroup = true;
        count++;
        continue;
      }
      if (stop === less) {
        this.nameEnd = textEnd;
        this.#routeAddress();
        sink.address(this);
        count++;
      } else if (stop === at) {
        const domainStop = this.#domain(false);
        ends = domainStop === semicolon;
        this.nameStart = this.#commentStart;
        this.nameEnd = this.#commentEnd;
        sink.address(this);
        count++;
      } else if (textEnd > 0) {
        sink.address(this);
        count++;
      }
      if (ends) {
        sink.groupEnd();
        inGroup = false;
      }
    }
    if (inGroup) sink.groupEnd();
  }

  /** @returns the special octet that ended the phrase, which is consumed, or `end` */
  #phrase(inGroup: boolean, outside: boolean): number {
    const source = this.#source;
    const { scratch } = this;
    const first = this.#fill;
    let fill = first;
    let started = false;
    let gap = false;
    let stop = end;
    let p = this.#at;
    while (p < this.#end) {
      const c = source[p++]!;
      if (c === octet.space || c === octet.tab || c === octet.cr || c === octet.lf) {
        gap = true;
        continue;
      }
      if (c === open) {
        p = this.#skipComment(p);
        gap = true;
        continue;
      }
      if (outside) {
        if (c === comma || c === at || c === less || (c === colon && !inGroup) || (c === semicolon && inGroup)) {
          stop = c;
          break;
        }
      } else if (c === at || c === greater) {
        stop = c;
        break;
      }
      if (gap && started) scratch[fill++] = octet.space;
      gap = false;
      started = true;
      if (c !== quoteOctet) {
        scratch[fill++] = c;
        continue;
      }
      for (;;) {
        if (p >= this.#end) {
          this.#broken = true;
          this.#fill = first;
          this.#at = p;
          return end;
        }
        let q = source[p++]!;
        if (q === quoteOctet) break;
        const paired = q === backslash && p < this.#end;
        if (paired) q = source[p++]!;
        const control = (q < octet.space && q !== octet.tab) || q === 127;
        if (!control || (paired && q !== octet.cr && q !== octet.lf)) scratch[fill++] = q;
      }
    }
    // White space at the end goes; of that inside quotes one space, and only without more behind the quotes.
    if (!gap && fill > first && scratch[fill - 1] === octet.space) fill--;
    this.#fill = fill;
    this.#at = p;
    return stop;
  }

  /** After `<`: an optional route, the mailbox, the domain; everything up to `>` is consumed. */
  #routeAddress(): void {
    const source = this.#source;
    this.#skipSpace();
    if (source[this.#at] === at && this.#at < this.#end && !this.#route()) {
      this.mailboxStart = this.mailboxEnd = this.#fill;
      return;
    }
    this.mailboxStart = this.#fill;
    let stop = this.#phrase(false, false);
    this.mailboxEnd = this.#fill;
    if (stop === at) stop = this.#domain(true);
    if (stop !== greater && !this.#broken) this.#skipBracket();
  }

  #skipBracket(): void {
    while (this.#at < this.#end && this.#source[this.#at++] !== greater);
  }

  /** Reads "@one,@two" up to the colon. @returns false when there is none, and no mailbox either */
  #route(): boolean {
    const source = this.#source;
    const { scratch } = this;
    const first = this.#fill;
    let fill = first;
    let dots = false;
    let stop = end;
    let p = this.#at;
    while (p < this.#end && stop === end) {
      const c = source[p++]!;
      if (c === dot) dots = true;
      else if (c === open) p = this.#skipComment(p);
      else if (c !== colon && (inDomain[c] === 1 || c === comma)) {
        if (dots) scratch[fill++] = dot;
        dots = false;
        scratch[fill++] = c;
      } else if (c !== octet.space && c !== octet.tab && c !== octet.cr && c !== octet.lf) stop = c;
    }
    this.#fill = fill;
    this.#at = p;
    // A lone "@" names no host.
    if (fill > first + 1) {
      this.routeStart = first;
      this.routeEnd = fill;
    }
    if (stop === colon) return true;
    if (stop !== greater) this.#skipBracket();
    return false;
  }

  /** After `@`. @returns the octet that ended the domain, which is consumed, or `end` */
  #domain(inRoute: boolean): number {
    const source = this.#source;
    const { scratch } = this;
    this.#commentStart = this.#commentEnd = 0;
    // A comment is kept behind the domain, and moves nothing: the domain is collected first in place.
    let fill = this.#fill;
    this.domainStart = fill;
    let dots = false;
    let commentFrom = -1;
    let stop = end;
    let p = this.#at;
    while (p < this.#end) {
      const c = source[p++]!;
      if (inDomain[c] === 1) {
        if (dots && fill > this.domainStart) scratch[fill++] = dot;
        dots = false;
        // A comment names the mailbox only when it stands behind a domain.
        commentFrom = -1;
        scratch[fill++] = c;
      } else if (c === dot) {
        dots = true;
        commentFrom = -1;
      } else if (c === open) {
        if (fill > this.domainStart) commentFrom = p;
        p = this.#skipComment(p);
      } else if (c !== octet.space && c !== octet.tab && c !== octet.cr && c !== octet.lf) {
        stop = c;
        break;
      }
    }
    this.domainEnd = fill;
    this.#fill = fill;
    this.#at = p;
    if (commentFrom >= 0 && !inRoute) this.#copyComment(commentFrom);
    return stop;
  }

  #skipSpace(): void {
    const source = this.#source;
    let p = this.#at;
    while (p < this.#end) {
      const c = source[p]!;
      if (c === open) p = this.#skipComment(p + 1);
      else if (c === octet.space || c === octet.tab || c === octet.cr || c === octet.lf) p++;
      else break;
    }
    this.#at = p;
  }

  /** @returns the position after the comment whose `(` is before p */
  #skipComment(p: number): number {
    let depth = 1;
    while (p < this.#end) {
      const c = this.#source[p++]!;
      if (c === backslash) p++;
      else if (c === open) depth = Math.min(depth + 1, maxCommentDepth);
      else if (c === close && --depth === 0) return p;
    }
    return this.#end;
  }

  /** Copies the comment that starts at p behind what the scratch buffer holds: quoted pairs undone, line folds kept. */
  #copyComment(p: number): void {
    const source = this.#source;
    let depth = 1;
    this.#commentStart = this.#fill;
    while (p < this.#end) {
      let c = source[p++]!;
      if (c === backslash) {
        if (p >= this.#end) break;
        c = source[p++]!;
      } else if (c === open) depth = Math.min(depth + 1, maxCommentDepth);
      else if (c === close && --depth === 0) break;
      this.scratch[this.#fill++] = c;
    }
    this.#commentEnd = this.#fill;
  }
}
