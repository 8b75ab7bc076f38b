/** What a message must be to be taken in by APPEND or LMTP, and the change made to it on the way. */

/**
 * Why a message is refused. Protocols have the words for it: "Message contains NUL characters", "Message contains bare
 * newlines", "Message contains non-ASCII characters in headers", "Message contains invalid header".
 */
export type MessageFault = "containsNul" | "bareNewlines" | "nonAsciiHeader" | "invalidHeader";

export interface CheckOptions {
  /** `reject8bit`: octets above 127 in the header are a fault. Default no. */
  readonly reject8bit?: boolean;
  /** The octets come from something that has made every line end CRLF: bodies are not looked through for others. Default no. */
  readonly lineEndsAreSound?: boolean;
}

const lf = 10;
const cr = 13;
const colon = 0x3a;
/** "From", with which a line of mbox files begins. */
const fromName: readonly number[] = [0x46, 0x72, 0x6f, 0x6d];

const states = { lineStart: 0, name: 1, rest: 2, cr: 3, body: 4 } as const;
type State = (typeof states)[keyof typeof states];

/**
 * Checks octets as they stream by; the answer does not depend on how they are cut.
 * A header line is `name: ...` with printable ASCII (or 8-bit) octets in the name, a continuation, or an mbox "From "
 * line. A header line without line end is a fault, an absent body is not.
 */
export class MessageChecker {
  readonly #reject8bit: boolean;
  readonly #trustsLineEnds: boolean;
  #state: State = states.lineStart;
  #previous = 0;
  #nul = false;
  #bare = false;
  #invalid = false;
  #eightBit = false;
  /** Octets of the present line's name so far, and whether they begin "From". */
  #nameLength = 0;
  #isFrom = false;
  #headerSize = 0;

  constructor({ reject8bit = false, lineEndsAreSound = false }: CheckOptions = {}) {
    this.#reject8bit = reject8bit;
    this.#trustsLineEnds = lineEndsAreSound;
  }

  push(chunk: Uint8Array): void {
    const p = this.#state === states.body ? 0 : this.#header(chunk);
    if (p > 0) this.#previous = chunk[p - 1]!;
    this.#headerSize += p;
    if (p < chunk.length) this.#body(chunk, p);
  }

  /** @returns where the body begins, or the chunk's length */
  #header(chunk: Uint8Array): number {
    const end = chunk.length;
    let state = this.#state;
    /** All octets seen, put together: says whether any was above 127. */
    let bits = 0;
    let p = 0;
    while (p < end && state !== states.body) {
      const c = chunk[p]!;
      if (state === states.rest) {
        // To the end of the line; nothing else matters there.
        let d = c;
        while (d !== lf) {
          bits |= d;
          if (d === 0) this.#nul = true;
          if (++p === end) break;
          d = chunk[p]!;
        }
        if (p === end) break;
        state = this.#lineEnd(chunk, p);
      } else {
        bits |= c;
        if (c === 0) this.#nul = true;
        if (state === states.name) state = this.#name(chunk, p);
        else if (state === states.cr)
          // Any line that starts with CR ends the header, as in Cyrus.
          state = states.body;
        else if (c === cr) state = states.cr;
        else if (c === lf) {
          this.#bare = true;
          state = states.body;
        } else if (c === 32 || c === 9) state = states.rest;
        else {
          this.#nameLength = 0;
          this.#isFrom = true;
          state = this.#name(chunk, p);
        }
      }
      p++;
    }
    this.#state = state;
    if (bits > 127) this.#eightBit = true;
    return p;
  }

  #name(chunk: Uint8Array, p: number): State {
    const c = chunk[p]!;
    const at = this.#nameLength++;
    const wasFrom = this.#isFrom;
    this.#isFrom = wasFrom && at < 4 && c === fromName[at];
    if (c === colon) {
      if (at === 0) this.#invalid = true;
      return states.rest;
    }
    if (c > 32 && c !== 127) return states.name;
    if (c === 32 && at === 4 && wasFrom) return states.rest;
    this.#invalid = true;
    return c === lf ? this.#lineEnd(chunk, p) : states.rest;
  }

  /** @param p of the line feed */
  #lineEnd(chunk: Uint8Array, p: number): State {
    if ((p > 0 ? chunk[p - 1] : this.#previous) !== cr) this.#bare = true;
    return states.lineStart;
  }

  #body(chunk: Uint8Array, from: number): void {
    if (!this.#nul && chunk.indexOf(0, from) >= 0) this.#nul = true;
    if (!this.#bare && !this.#trustsLineEnds) {
      for (let p = chunk.indexOf(lf, from); p >= 0; p = chunk.indexOf(lf, p + 1)) {
        if ((p > 0 ? chunk[p - 1] : this.#previous) !== cr) {
          this.#bare = true;
          break;
        }
      }
    }
    this.#previous = chunk[chunk.length - 1]!;
  }

  /** Octets up to the end of the header, with the empty line. */
  get headerSize(): number {
    return this.#headerSize;
  }

  /** Whether the header, as far as it has come, has octets above 127. */
  get hasEightBitHeader(): boolean {
    return this.#eightBit;
  }

  /** @returns the gravest fault, or undefined when the message can be taken in */
  finish(): MessageFault | undefined {
    if (this.#nul) return "containsNul";
    if (this.#bare) return "bareNewlines";
    if (this.#state === states.name || this.#state === states.rest) this.#invalid = true;
    if (this.#reject8bit && this.#eightBit) return "nonAsciiHeader";
    return this.#invalid ? "invalidHeader" : undefined;
  }
}

/** The same for a whole message. */
export function checkMessage(octets: Uint8Array, options?: CheckOptions): MessageFault | undefined {
  const checker = new MessageChecker(options);
  checker.push(octets);
  return checker.finish();
}

/**
 * `munge8bit`: writes an "X" over each octet above 127 in the header, in place. Bodies and headers of parts stay.
 * @returns how many octets were changed
 */
export function munge8bit(octets: Uint8Array): number {
  let changed = 0;
  let lineStart = true;
  for (let p = 0; p < octets.length; p++) {
    const c = octets[p]!;
    if (lineStart && (c === cr || c === lf)) break;
    lineStart = c === lf;
    if (c > 127) {
      octets[p] = 0x58;
      changed++;
    }
  }
  return changed;
}
