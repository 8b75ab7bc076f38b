/** Search text in canonical form, as Cyrus compares it: case folded, accents left out, white space merged (`search_skipdiacrit`, `search_whitespace`). */

export interface CanonicalOptions {
  /** Accents do not count: `cafe` finds `Café`. */
  readonly skipDiacritics: boolean;
  readonly whitespace: "merge" | "skip" | "keep";
}

const marks = /\p{M}+/gu;
const spaces = /\s+/g;
const plainAscii = /^[\x20-\x7e]*$/;

export class Canonical {
  readonly #options: CanonicalOptions;

  constructor(options: CanonicalOptions) {
    this.#options = options;
  }

  /** White space does not count at all, so that a word may be in pieces. */
  get skipsSpaces(): boolean {
    return this.#options.whitespace === "skip";
  }

  /** Idempotent. */
  text(text: string): string {
    const { skipDiacritics, whitespace } = this.#options;
    if (plainAscii.test(text)) {
      const lower = text.toLowerCase();
      if (whitespace === "keep" || !lower.includes(" ")) return lower;
      return whitespace === "skip"
        ? lower.replaceAll(" ", "")
        : lower.includes("  ")
          ? lower.replace(spaces, " ")
          : lower;
    }
    let folded = text.normalize("NFKD");
    if (skipDiacritics) folded = folded.replace(marks, "");
    // Over upper case, so that ß and SS, and the three sigmas, become one; over lower case before that, since ẞ is its own upper case.
    folded = folded.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ").normalize("NFKD");
    if (whitespace === "keep") return folded;
    return folded.replace(spaces, whitespace === "merge" ? " " : "");
  }
}
