/** Which form a string takes on the wire: atom, quoted or literal, as Cyrus chooses. */
import { MAX_QUOTED_OUTPUT_OCTETS } from "./limits.ts";
import { isAstringAtom } from "./octet-class.ts";

/** Whether `text` goes out as a bare astring. "NIL" does not: a reader would take it for no value. */
export function needsNoQuotes(text: string): boolean {
  return (
    isAstringAtom(text) && text.length < MAX_QUOTED_OUTPUT_OCTETS && (text.length !== 3 || text.toUpperCase() !== "NIL")
  );
}

/**
 * Whether `text` can be quoted. Never with CR, LF, NUL or 8-bit; and where a quote, a backslash or "%" is in it, a literal
 * goes out, as Cyrus does.
 */
export function canBeQuoted(text: string): boolean {
  if (text.length > MAX_QUOTED_OUTPUT_OCTETS) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0 || c === 10 || c === 13 || c === 34 || c === 37 || c === 92 || c > 126) return false;
  }
  return true;
}
