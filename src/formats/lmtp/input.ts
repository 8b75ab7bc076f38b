/** What the client has sent and nobody has taken yet: lines while commands are read, whatever there is while a message comes. */
import { MAX_LINE_OCTETS } from "./limits.ts";

const LF = 10;
const CR = 13;
const nothing = Buffer.alloc(0);

export type Line =
  | {
      readonly kind: "line";
      /** Latin-1, without its line end. */
      readonly text: string;
      /** Whether it ended in LF alone. */
      readonly isBare: boolean;
    }
  /** Longer than MAX_LINE_OCTETS; it has been thrown away up to its end. */
  | { readonly kind: "tooLong" };

export class LmtpInput {
  #octets: Buffer = nothing;
  #at = 0;
  /** Up to here there is no line end. */
  #searched = 0;
  #skipping = false;

  /** Octets not taken yet. */
  get bufferedOctets(): number {
    return this.#octets.length - this.#at;
  }

  /** Octets that arrived; the buffer belongs to the input from now on. */
  push(octets: Buffer): void {
    if (this.bufferedOctets === 0) {
      this.#octets = octets;
      this.#at = this.#searched = 0;
    } else {
      const rest = this.#octets.subarray(this.#at);
      this.#searched -= this.#at;
      this.#octets = Buffer.concat([rest, octets]);
      this.#at = 0;
    }
  }

  /** The next line, or undefined when its end has not arrived. */
  nextLine(): Line | undefined {
    const octets = this.#octets;
    const end = octets.indexOf(LF, this.#searched);
    if (end < 0) {
      this.#searched = octets.length;
      if (this.bufferedOctets > MAX_LINE_OCTETS) {
        this.#skipping = true;
        this.clear();
      }
      return undefined;
    }
    const start = this.#at;
    this.#at = this.#searched = end + 1;
    if (this.#skipping || end + 1 - start > MAX_LINE_OCTETS) {
      this.#skipping = false;
      return { kind: "tooLong" };
    }
    const isBare = end === start || octets[end - 1] !== CR;
    return { kind: "line", text: octets.toString("latin1", start, isBare ? end : end - 1), isBare };
  }

  /** Everything that has not been taken; undefined when there is nothing. What is not used is given back with `push` semantics by `giveBack`. */
  take(): Buffer | undefined {
    if (this.bufferedOctets === 0) return undefined;
    const rest = this.#octets.subarray(this.#at);
    this.clear();
    return rest;
  }

  /** Puts back the end of what `take` returned. Nothing may have been pushed in between. */
  giveBack(octets: Buffer): void {
    this.#octets = octets;
    this.#at = this.#searched = 0;
  }

  /** Throws away what has not been taken. */
  clear(): void {
    this.#octets = nothing;
    this.#at = this.#searched = 0;
  }
}
