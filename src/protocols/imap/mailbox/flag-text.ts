/** Flags as response text: one piece of octets for each combination that occurs in a mailbox. */
import { DELETED, DRAFT, flagsPiece, flagsUidPiece, RECENT } from "../../../formats/imap/index.ts";
import { namesOfUserBits } from "../../../ops/index.ts";
import { Flag } from "../../../store/index.ts";

/** Combinations kept; beyond this all are forgotten and made anew. */
const MAX_PIECES = 4_096;

/** Bit of \Recent beside the system flags of a hot row. */
export const RECENT_BIT = 32;

/** What stands for a combination of flags: `FLAGS (...)`, and the piece for whole lines of FETCH (UID FLAGS). */
export interface FlagPiece {
  readonly flags: Buffer;
  readonly flagsUid: Buffer;
}

/** For one flag table; made anew when the table changes. */
export class FlagText {
  readonly names: readonly (string | null)[];
  readonly #few = new Map<number, FlagPiece>();
  readonly #many = new Map<string, FlagPiece>();

  constructor(names: readonly (string | null)[]) {
    this.names = names;
  }

  /** @param system bits of store Flag (answered to seen), and RECENT_BIT; the words are the row's user flags */
  piece(system: number, word0: number, word1: number, word2: number, word3: number): FlagPiece {
    if ((word1 | word2 | word3) === 0) {
      const key = system + word0 * 64;
      let piece = this.#few.get(key);
      if (piece === undefined) {
        piece = this.#make(system, [word0, 0, 0, 0]);
        if (this.#few.size >= MAX_PIECES) this.#few.clear();
        this.#few.set(key, piece);
      }
      return piece;
    }
    const key = `${system},${word0},${word1},${word2},${word3}`;
    let piece = this.#many.get(key);
    if (piece === undefined) {
      piece = this.#make(system, [word0, word1, word2, word3]);
      if (this.#many.size >= MAX_PIECES) this.#many.clear();
      this.#many.set(key, piece);
    }
    return piece;
  }

  /** User flags by name, in the table's order. */
  keywords(words: readonly number[]): string[] {
    return namesOfUserBits(this.names, words);
  }

  #make(system: number, words: readonly number[]): FlagPiece {
    let bits = system & (Flag.answered | Flag.flagged | Flag.seen);
    if (system & Flag.deleted) bits |= DELETED;
    if (system & Flag.draft) bits |= DRAFT;
    if (system & RECENT_BIT) bits |= RECENT;
    const keywords = this.keywords(words);
    return { flags: flagsPiece(bits, keywords), flagsUid: flagsUidPiece(bits, keywords) };
  }
}
