/** What a message must be to be taken in by APPEND or LMTP, and the change made to it on the way. */

/**
 * Why a message is refused. Protocols have the words for it: "Message contains NUL characters", "Message contains bare
 * newlines", "Message contains non-ASCII characters in headers", "Message contains invalid header".
 */
export type MessageFault = "containsNul" | "bareNewlines" | "nonAsciiHeader" | "invalidHeader";

export interface CheckOptions {
  /** `reject8bit`: octets above 127 in the header are a fault. Default no. */
  readonly reject8bit?: boolean;
}

const lf = 10;
const cr = 13;

/**
 * Checks octets as they stream by; the answer does not depend on how they are cut.
 * A header line is `name: ...` with printable ASCII (or 8-bit) octets in the name, a continuation, or an mbox "From "
 * line. A header line without line end is a fault, an absent body is not.
 */
export class MessageChecker {
  readonly #reject8bit: boolean;
  #state: "lineStart" | "name" | "rest" | "cr" | "body" = "lineStart";
  #previous = 0;
  #nul = false;
  #bare = false;
  #invalid = false;
  #eightBit = false;
  #from = 0;
  #headerSize = 0;

  constructor({ reject8bit = false }: CheckOptions = {}) {
    this.#reject8bit = reject8bit;
  }

  push(chunk: Uint8Array): void {
    const end = chunk.length;
    let p = 0;
    while (p < end && this.#state !== "body") this.#headerOctet(chunk[p++]!);
    if (p > 0) this.#previous = chunk[p - 1]!;
    this.#headerSize += p;
    if (p < end) this.#body(chunk, p);
  }

  #headerOctet(c: number): void {
    if (c === 0) this.#nul = true;
    if (c > 127) this.#eightBit = true;
    switch (this.#state) {
      case "lineStart":
        this.#from = 0;
        if (c === cr) this.#state = "cr";
        else if (c === lf) {
          this.#bare = true;
          this.#state = "body";
        } else if (c === 32 || c === 9) this.#state = "rest";
        else {
          this.#state = "name";
          this.#nameOctet(c);
        }
        break;
      case "cr":
        // Any line that starts with CR ends the header, as in Cyrus.
        this.#state = "body";
        break;
      case "name":
        this.#nameOctet(c);
        break;
      case "rest":
        if (c === lf) this.#lineEnd();
        break;
      default:
        break;
    }
    this.#previous = c;
  }

  #nameOctet(c: number): void {
    const at = this.#from++;
    if (c === 0x3a) {
      if (at === 0) this.#invalid = true;
      this.#state = "rest";
    } else if (c === 32 && at === 4 && this.#fromLine) this.#state = "rest";
    else if (c <= 32 || c === 127) {
      this.#invalid = true;
      if (c === lf) this.#lineEnd();
      else this.#state = "rest";
    }
    this.#fromLine = (at === 0 || this.#fromLine) && at < 4 && c === "From".charCodeAt(at);
  }
  #fromLine = false;

  #lineEnd(): void {
    if (this.#previous !== cr) this.#bare = true;
    this.#state = "lineStart";
  }

  #body(chunk: Uint8Array, from: number): void {
    if (!this.#nul && chunk.indexOf(0, from) >= 0) this.#nul = true;
    if (!this.#bare) {
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

  /** @returns the gravest fault, or undefined when the message can be taken in */
  finish(): MessageFault | undefined {
    if (this.#nul) return "containsNul";
    if (this.#bare) return "bareNewlines";
    if (this.#state === "name" || this.#state === "rest") this.#invalid = true;
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
