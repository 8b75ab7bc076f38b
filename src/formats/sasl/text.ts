import { maxFieldOctets } from "./limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 without NUL and within bounds. @returns undefined for anything else */
export function decodeField(octets: Uint8Array): string | undefined {
  if (octets.length > maxFieldOctets || octets.includes(0)) return undefined;
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}

/**
 * SASLprep (RFC 4013) as far as it changes what people type: other spaces become a space, characters "mapped to nothing"
 * go, NFKC. @returns undefined where a prohibited character remains
 */
export function saslPrep(text: string): string | undefined {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const mapped = text
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, " ")
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200c\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/g, "")
    .normalize("NFKC");
  return /[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029\ufff9-\ufffd\ue000-\uf8ff]/u.test(mapped) ? undefined : mapped;
}
