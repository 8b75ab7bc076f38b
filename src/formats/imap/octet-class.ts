/** Classes of octets (RFC 3501 §9), as one table each, because every octet of input passes here. */

/** Ends an atom and is a token, or the start of one: SP ( ) { " and everything that is not printable ASCII. */
export const DELIMITER = 1;
/** `% * \`: may stand in our words, as Cyrus accepts them there, but not in a strict atom. */
export const WORD_ONLY = 2;
/** May stand in a strict atom. */
export const ATOM = 0;

/** Class of each octet: ATOM, WORD_ONLY or DELIMITER. */
export const octetClass: Uint8Array = new Uint8Array(256).map((_, octet) => {
  if (octet <= 0x20 || octet >= 0x7f || octet === 0x28 || octet === 0x29 || octet === 0x7b || octet === 0x22) {
    return DELIMITER;
  }
  return octet === 0x25 || octet === 0x2a || octet === 0x5c ? WORD_ONLY : ATOM;
});

/** `tag = 1*<any ASTRING-CHAR except "+">` */
export function isTag(text: string): boolean {
  return isAstringAtom(text) && !text.includes("+");
}

/** `atom = 1*ATOM-CHAR` */
export function isAtom(text: string): boolean {
  return isAstringAtom(text) && !text.includes("]");
}

/** `1*ASTRING-CHAR`: what a string may be without quotes. False for the empty string. */
export function isAstringAtom(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 255 || octetClass[c] !== ATOM) return false;
  }
  return text.length > 0;
}
