/** Modified UTF-7 of mailbox names (RFC 3501 §5.1.3). Only the one canonical form of a name is accepted. */

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
const AMPERSAND = 38;
const MINUS = 45;

const digitValue = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) digitValue[digits.charCodeAt(i)] = i;

function isPlain(c: number): boolean {
  return c >= 0x20 && c <= 0x7e;
}

/**
 * The text of a name in modified UTF-7, or undefined when it is not in canonical form: octets outside printable ASCII;
 * a run that is not ended, is empty, has bits left over, encodes ASCII (also control characters), holds half of a
 * surrogate pair, or follows another run directly.
 */
export function decode(name: string): string | undefined {
  let text = "";
  for (let at = 0; at < name.length; ) {
    const c = name.charCodeAt(at);
    if (!isPlain(c)) return undefined;
    if (c !== AMPERSAND) {
      text += name[at++];
      continue;
    }
    if (name.charCodeAt(at + 1) === MINUS) {
      text += "&";
      at += 2;
      continue;
    }
    const end = name.indexOf("-", at);
    const run = end < 0 ? undefined : decodeRun(name, at + 1, end);
    if (run === undefined) return undefined;
    text += run;
    at = end + 1;
    // "&...-&...-" must be one run; "&...-&-" is a run and an ampersand.
    if (name.charCodeAt(at) === AMPERSAND && name.charCodeAt(at + 1) !== MINUS) return undefined;
  }
  return text;
}

/** Base64 of UTF-16BE between `from` and `to`. */
function decodeRun(name: string, from: number, to: number): string | undefined {
  let text = "";
  let bits = 0;
  let count = 0;
  let high = 0;
  for (let at = from; at < to; at++) {
    const c = name.charCodeAt(at);
    const value = c < 128 ? digitValue[c]! : -1;
    if (value < 0) return undefined;
    bits = (bits << 6) | value;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const unit = (bits >>> count) & 0xffff;
    bits &= (1 << count) - 1;
    if (unit < 0x80) return undefined;
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (isLow !== (high !== 0)) return undefined;
    high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
    text += String.fromCharCode(unit);
  }
  // What is left over is less than one digit, and zero: 6 or more spare bits would be a digit too many.
  return bits === 0 && count < 6 && high === 0 && text !== "" ? text : undefined;
}

/** Whether `name` is modified UTF-7 in its one canonical form. */
export function isValid(name: string): boolean {
  return decode(name) !== undefined;
}

/**
 * The name in modified UTF-7. Half surrogate pairs become U+FFFD. Control characters are encoded too, and the result is
 * then not `isValid`: no mailbox may be called so.
 */
export function encode(text: string): string {
  const wellFormed = text.toWellFormed();
  let name = "";
  for (let at = 0; at < wellFormed.length; ) {
    const c = wellFormed.charCodeAt(at);
    if (isPlain(c)) {
      name += c === AMPERSAND ? "&-" : wellFormed[at];
      at++;
      continue;
    }
    const start = at;
    while (at < wellFormed.length && !isPlain(wellFormed.charCodeAt(at))) at++;
    name += `&${encodeRun(wellFormed, start, at)}-`;
  }
  return name;
}

function encodeRun(text: string, from: number, to: number): string {
  let run = "";
  let bits = 0;
  let count = 0;
  for (let at = from; at < to; at++) {
    bits = (bits << 16) | text.charCodeAt(at);
    count += 16;
    while (count >= 6) {
      count -= 6;
      run += digits[(bits >>> count) & 63];
    }
    bits &= (1 << count) - 1;
  }
  return count > 0 ? run + digits[(bits << (6 - count)) & 63] : run;
}
