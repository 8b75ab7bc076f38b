/**
 * LIST patterns (RFC 3501 §6.3.8): "*" matches anything, "%" anything but the hierarchy separator.
 * A name is matched in one pass, with the set of possible positions kept as bits; no pattern makes it slower than that.
 */
import { MAX_LISTED_NAME_OCTETS } from "./limits.ts";

const STAR = 42;
const PERCENT = 37;
const INBOX = [73, 78, 66, 79, 88];

/** Made once for a LIST, used for each mailbox. Patterns and names are latin1 text. */
export class ListPattern {
  /** The text before the first wildcard: names that do not begin with it cannot match (INBOX in any case aside). */
  readonly prefix: string;
  readonly #separator: number;
  /** Bits of states, 31 to a word; state i: the first i literal characters are matched. */
  readonly #words: number;
  /** For each character, the states it takes one further. */
  readonly #steps = new Map<number, Int32Array>();
  /** The same for the first five characters of a name below INBOX, whose case does not count. */
  readonly #inboxSteps: Int32Array[] = [];
  /** `#steps` of octets, when there is one word. */
  readonly #table: Int32Array;
  /** States that stay on any character, and on any but the separator. */
  readonly #star: Int32Array;
  readonly #percent: Int32Array;
  readonly #literals: number;
  readonly #none: Int32Array;
  readonly #never: boolean;

  /** @param separator hierarchy separator, one character */
  constructor(pattern: string, separator: string) {
    this.#separator = separator.charCodeAt(0);
    const wild = pattern.search(/[*%]/);
    this.prefix = wild < 0 ? pattern : pattern.slice(0, wild);
    let literals = 0;
    for (let i = 0; i < pattern.length; i++) if (!isWild(pattern.charCodeAt(i))) literals++;
    this.#literals = literals;
    // No name is that long; so a hostile pattern costs nothing.
    this.#never = literals > MAX_LISTED_NAME_OCTETS;
    this.#words = this.#never ? 1 : Math.floor(literals / 31) + 1;
    this.#star = new Int32Array(this.#words);
    this.#percent = new Int32Array(this.#words);
    this.#none = new Int32Array(this.#words);
    this.#table = new Int32Array(this.#words === 1 ? 256 : 0);
    if (this.#never) return;
    let state = 0;
    for (let i = 0; i < pattern.length; i++) {
      const c = pattern.charCodeAt(i);
      if (c === STAR) setBit(this.#star, state);
      else if (c === PERCENT) setBit(this.#percent, state);
      else setBit(this.#stepsOf(c), state++);
    }
    if (this.#words === 1) for (const [c, steps] of this.#steps) if (c < 256) this.#table[c] = steps[0]!;
    for (const c of INBOX) {
      const steps = new Int32Array(this.#words);
      for (const either of [c, c + 32]) this.#steps.get(either)?.forEach((bits, word) => (steps[word]! |= bits));
      this.#inboxSteps.push(steps);
    }
  }

  #stepsOf(c: number): Int32Array {
    let steps = this.#steps.get(c);
    if (steps === undefined) {
      steps = new Int32Array(this.#words);
      this.#steps.set(c, steps);
    }
    return steps;
  }

  /** @param inbox whether the name is INBOX or below it, in the personal namespace: then that word's case does not count */
  matches(name: string, inbox = false): boolean {
    return this.#run(name, inbox, undefined);
  }

  /**
   * Lengths of the parents of `name` ("a", "a/b" of "a/b/c") that match, shortest first: with "%" a LIST shows these
   * although they may be no mailboxes (RFC 3501 §6.3.8).
   */
  matchingParents(name: string, inbox = false): number[] {
    const lengths: number[] = [];
    this.#run(name, inbox, lengths);
    return lengths;
  }

  #run(name: string, inbox: boolean, parents: number[] | undefined): boolean {
    if (this.#never) return false;
    if (this.#words === 1) return this.#runOne(name, inbox, parents);
    const words = this.#words;
    let now = new Int32Array(words);
    let then = new Int32Array(words);
    now[0] = 1;
    for (let i = 0; i < name.length; i++) {
      const c = name.charCodeAt(i);
      const separator = c === this.#separator;
      if (separator && parents !== undefined && i > 0 && this.#accepts(now)) parents.push(i);
      const steps = (inbox && i < 5 ? this.#inboxSteps[i] : this.#steps.get(c)) ?? this.#none;
      let carry = 0;
      let any = 0;
      for (let word = 0; word < words; word++) {
        const bits = now[word]!;
        const stay = separator ? this.#star[word]! : this.#star[word]! | this.#percent[word]!;
        const moved = bits & steps[word]!;
        // 31 states a word, so that the bit that leaves at the top fits into the sign bit's place.
        const next = ((moved << 1) & 0x7fffffff) | carry | (bits & stay);
        carry = (moved >>> 30) & 1;
        then[word] = next;
        any |= next;
      }
      if (any === 0) return false;
      [now, then] = [then, now];
    }
    return this.#accepts(now);
  }

  /** The same for a pattern whose states fit into one word, as nearly all do. */
  #runOne(name: string, inbox: boolean, parents: number[] | undefined): boolean {
    const star = this.#star[0]!;
    const notSeparator = star | this.#percent[0]!;
    const accept = 1 << this.#literals;
    let states = 1;
    for (let i = 0; i < name.length; i++) {
      const c = name.charCodeAt(i);
      const separator = c === this.#separator;
      if (separator && parents !== undefined && i > 0 && (states & accept) !== 0) parents.push(i);
      const step = inbox && i < 5 ? this.#inboxSteps[i]![0]! : c < 256 ? this.#table[c]! : 0;
      states = ((states & step) << 1) | (states & (separator ? star : notSeparator));
      if (states === 0) return false;
    }
    return (states & accept) !== 0;
  }

  #accepts(states: Int32Array): boolean {
    return (states[Math.floor(this.#literals / 31)]! & (1 << (this.#literals % 31))) !== 0;
  }
}

function isWild(c: number): boolean {
  return c === STAR || c === PERCENT;
}

function setBit(states: Int32Array, state: number): void {
  states[Math.floor(state / 31)]! |= 1 << (state % 31);
}
