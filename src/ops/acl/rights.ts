/**
 * Rights of RFC 4314, and Cyrus's ten local ones, as a set of bits:
 *
 *     bit   0 1 2 3 4 5 6 7 8 9 10 11 12..21
 *     right l r s w i p k x t e a  n  0..9
 *
 * The letters "c" and "d" of RFC 2086 are no rights of their own: they stand for groups of these (RFC 4314 §2.1.1), which `deleteright` shifts a little.
 */

/** A set of rights. */
export type Rights = number;

export const Right = {
  lookup: 1 << 0,
  read: 1 << 1,
  seen: 1 << 2,
  write: 1 << 3,
  insert: 1 << 4,
  post: 1 << 5,
  createMailbox: 1 << 6,
  deleteMailbox: 1 << 7,
  deleteMessage: 1 << 8,
  expunge: 1 << 9,
  admin: 1 << 10,
  annotate: 1 << 11,
} as const;

const letters = "lrswipkxtean0123456789";
/** What a user has on a new INBOX: everything but the local rights. */
export const ALL_STANDARD_RIGHTS: Rights = (1 << 12) - 1;
export const ALL_RIGHTS: Rights = (1 << letters.length) - 1;
/** Order of output, and of LISTRIGHTS. */
export const rightLetters = "lrswipkxtecdan0123456789";

const bitOf: ReadonlyMap<string, Rights> = new Map([...letters].map((letter, bit) => [letter, 1 << bit]));

export interface LegacyRights {
  /** What "c" and "d" stand for. */
  readonly c: Rights;
  readonly d: Rights;
  /** A letter that gives "x" besides itself; undefined for "c" and "d". */
  readonly alsoDelete: string | undefined;
}

/** @param deleteright the option: the letter that gives "x" besides what RFC 4314 says of it */
export function legacyRights(deleteright: string): LegacyRights {
  const { createMailbox, deleteMailbox, deleteMessage, expunge } = Right;
  if (deleteright === "c")
    return { c: createMailbox | deleteMailbox, d: deleteMessage | expunge, alsoDelete: undefined };
  if (deleteright === "d")
    return { c: createMailbox, d: deleteMessage | expunge | deleteMailbox, alsoDelete: undefined };
  const alsoDelete = bitOf.has(deleteright) && deleteright !== "x" ? deleteright : undefined;
  return { c: createMailbox, d: deleteMessage | expunge, alsoDelete };
}

export const defaultLegacyRights = legacyRights("c");

/**
 * Reads letters in any order. "c" and "d" count only where none of the rights they stand for is named itself, so that what was printed is read back as it
 * was.
 * @returns the rights, or the first letter that is none
 */
export function parseRights(text: string, legacy: LegacyRights = defaultLegacyRights): Rights | string {
  let rights = 0;
  let hasC = false;
  let hasD = false;
  for (const letter of text) {
    const bit = bitOf.get(letter);
    if (bit !== undefined) rights |= bit;
    else if (letter === "c") hasC = true;
    else if (letter === "d") hasD = true;
    else return letter;
  }
  if (legacy.alsoDelete !== undefined && text.includes(legacy.alsoDelete)) rights |= Right.deleteMailbox;
  const named = rights;
  if (hasC && (named & legacy.c) === 0) rights |= legacy.c;
  if (hasD && (named & legacy.d) === 0) rights |= legacy.d;
  return rights;
}

/** Letters in storage order, with "c" and "d" where any right of theirs is there. */
export function printRights(rights: Rights, legacy: LegacyRights = defaultLegacyRights): string {
  let text = "";
  for (const letter of rightLetters) {
    const bits = letter === "c" ? legacy.c : letter === "d" ? legacy.d : bitOf.get(letter)!;
    if (rights & bits) text += letter;
  }
  return text;
}
