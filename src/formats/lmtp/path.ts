/**
 * Paths of MAIL and RCPT.
 *
 *     path    := "<" [ route ":" ] [ mailbox ] ">"       RFC 5321 §4.1.2
 *     mailbox := ( dot-string | quoted-string ) [ "@" domain ]
 *
 * Like Cyrus, local parts without domain are taken, and local parts may hold what a dot-string must not, as "alice." or "+shared".
 */
import { MAX_PATH_OCTETS } from "./limits.ts";

export interface PathOptions {
  /** `lmtp_strict_rfc2821`: octets above 127 make the path wrong; otherwise each becomes "X". */
  readonly strict: boolean;
}

export interface ParsedPath {
  /** What stands between "<" and ">", as it was written. */
  readonly path: string;
  /** After the ">". */
  readonly end: number;
}

/** Reads the path that starts at text[at]. @returns undefined for what is no path */
export function parsePath(text: string, at: number, { strict }: PathOptions): ParsedPath | undefined {
  if (text.charCodeAt(at) !== 0x3c) return undefined;
  let isQuoted = false;
  let isForeign = false;
  for (let p = at + 1; p < text.length && p - at <= MAX_PATH_OCTETS + 1; p++) {
    const c = text.charCodeAt(p);
    if (c > 126) {
      if (strict || c === 127) return undefined;
      isForeign = true;
    } else if (isQuoted) {
      if (c === 0x5c) {
        if (!isPrintable(text.charCodeAt(++p))) return undefined;
      } else if (c === 0x22) {
        isQuoted = false;
        const next = text.charCodeAt(p + 1);
        // A quoted string is a whole local part.
        if (next !== 0x40 && next !== 0x3e) return undefined;
      } else if (!isPrintable(c)) return undefined;
    } else if (c === 0x3e) {
      const path = text.slice(at + 1, p);
      return isMailbox(path) ? { path: isForeign ? path.replace(/[\x80-\xff]/g, "X") : path, end: p + 1 } : undefined;
    } else if (c === 0x22) {
      const before = text.charCodeAt(p - 1);
      if (before !== 0x3c && before !== 0x3a) return undefined;
      isQuoted = true;
    } else if (c <= 0x20 || c === 0x3c || c === 0x5c) return undefined;
  }
  return undefined;
}

const isPrintable = (c: number): boolean => c >= 0x20 && c < 0x7f;

/** Whether a route that was begun has an end, and a domain that was begun has anything in it. */
function isMailbox(path: string): boolean {
  if (path.startsWith("@") && !path.includes(":")) return false;
  return path === "" || !path.endsWith("@");
}

/** The sender without a route, for Return-Path. */
export function withoutRoute(path: string): string {
  return path.startsWith("@") ? path.slice(path.indexOf(":") + 1) : path;
}

/** Whether the path names a domain. */
export function hasDomain(path: string): boolean {
  return path.lastIndexOf("@") > path.lastIndexOf('"');
}
