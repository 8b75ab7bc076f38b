/** Octets in any charset to Unicode. Never throws: what cannot be decoded becomes U+FFFD. */

/** Names that mail uses and the Encoding Standard lacks. */
const aliases = new Map<string, string>([
  ["utf8", "utf-8"],
  ["utf-7", "utf-7"],
  ["cp932", "shift_jis"],
  ["ms932", "shift_jis"],
  ["windows-31j", "shift_jis"],
  ["cp936", "gbk"],
  ["cp949", "euc-kr"],
  ["cp950", "big5"],
  ["cp1250", "windows-1250"],
  ["iso-8859-8-e", "iso-8859-8"],
  ["ansi_x3.4-1968", "us-ascii"],
  ["ansi-x3.4-1968", "us-ascii"],
  ["iso646-us", "us-ascii"],
  ["unknown-8bit", "windows-1252"],
  ["x-unknown", "windows-1252"],
  ["x-user-defined", "windows-1252"],
]);

/** A decoder for a charset name as mail spells it; undefined when the name means nothing. */
export function charsetDecoder(charset: string): TextDecoder | undefined {
  const name = charset.trim().toLowerCase();
  try {
    return new TextDecoder(aliases.get(name) ?? name);
  } catch (error) {
    // RangeError is how TextDecoder says that it does not know the name.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Text in a charset; a missing or unknown charset is read as UTF-8, which has US-ASCII in it and U+FFFD for the rest.
 * UTF-7 (RFC 2152) is decoded here, since TextDecoder refuses it.
 */
export function decodeText(octets: Uint8Array, charset: string): string {
  const name = charset.trim().toLowerCase();
  if (name === "utf-7" || name === "unicode-1-1-utf-7") return decodeUtf7(octets);
  return (charsetDecoder(name === "" ? "utf-8" : name) ?? new TextDecoder()).decode(octets);
}

function decodeUtf7(octets: Uint8Array): string {
  let text = "";
  const length = octets.length;
  for (let i = 0; i < length; i++) {
    const c = octets[i]!;
    if (c !== 0x2b) {
      text += c < 128 ? String.fromCharCode(c) : "\ufffd";
      continue;
    }
    if (octets[i + 1] === 0x2d) {
      text += "+";
      i++;
      continue;
    }
    let end = i + 1;
    while (end < length && /[A-Za-z0-9+/]/.test(String.fromCharCode(octets[end]!))) end++;
    const units = Buffer.from(Buffer.from(octets.subarray(i + 1, end)).toString("latin1"), "base64");
    for (let u = 0; u + 1 < units.length; u += 2) text += String.fromCharCode(units.readUInt16BE(u));
    i = octets[end] === 0x2d ? end : end - 1;
  }
  return text.toWellFormed();
}
