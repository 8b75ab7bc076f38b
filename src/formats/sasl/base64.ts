/**
 * How SASL messages travel in lines (RFC 4422 §3, RFC 9051 §6.2.2, RFC 4954 §4): base64 without blanks, `=` for an empty
 * initial response, `*` to give up.
 */
import { maxMessageOctets } from "./limits.ts";

export type SaslLine =
  | { readonly kind: "response"; readonly octets: Buffer }
  /** The client gave up: `*`. */
  | { readonly kind: "abort" }
  | { readonly kind: "bad"; readonly reason: string };

/** @param text a line without its CRLF, one character an octet */
export function decodeSaslLine(text: string): SaslLine {
  if (text === "*") return { kind: "abort" };
  const octets = decodeBase64(text);
  return octets === undefined ? { kind: "bad", reason: "invalid base64" } : { kind: "response", octets };
}

/** The argument after the mechanism's name (SASL-IR, RFC 4959): `=` is the empty response. */
export function decodeInitialResponse(text: string): SaslLine {
  return text === "=" ? { kind: "response", octets: Buffer.alloc(0) } : decodeSaslLine(text);
}

/** Strict: canonical padding, nothing but the alphabet. @returns undefined for anything else, and for too much */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || text.length > Math.ceil(maxMessageOctets / 3) * 4) return undefined;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}
