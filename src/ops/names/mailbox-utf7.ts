/**
 * Whether the "&" in a name are correct modified UTF-7 (RFC 3501 §5.1.3):
 *
 *     shift := "&-"                                  a literal "&"
 *            | "&" 1*base64char "-"                  UTF-16BE in base64 with "," for "/", without padding
 *
 * Names have one spelling only: no ASCII in base64, no two base64 runs side by side, no bits set after the last unit. Otherwise two names could be
 * shown as one.
 */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
const values: ReadonlyMap<string, number> = new Map([...alphabet].map((letter, value) => [letter, value]));

export function isMailboxUtf7(text: string): boolean {
  let afterRun = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "&") {
      afterRun = false;
      continue;
    }
    const end = text.indexOf("-", at);
    if (end < 0) return false;
    if (end === at + 1) {
      afterRun = false;
    } else {
      if (afterRun || !isUtf16Run(text.slice(at + 1, end))) return false;
      afterRun = true;
    }
    at = end;
  }
  return true;
}

function isUtf16Run(base64: string): boolean {
  let bits = 0;
  let held = 0;
  let wantsLow = false;
  for (const letter of base64) {
    const value = values.get(letter);
    if (value === undefined) return false;
    bits = (bits << 6) | value;
    held += 6;
    if (held < 16) continue;
    held -= 16;
    const unit = bits >>> held;
    bits &= (1 << held) - 1;
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (isLow !== wantsLow) return false;
    wantsLow = unit >= 0xd800 && unit <= 0xdbff;
    if (unit < 0x20 || (unit >= 0x20 && unit < 0x7f) || unit === 0x7f) return false;
  }
  return held < 6 && bits === 0 && !wantsLow;
}
