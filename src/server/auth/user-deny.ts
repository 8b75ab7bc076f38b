/**
 * user_deny.db, flat form: a line per user, `USERID TAB 2 TAB SERVICES TAB MESSAGE`, where the tabs inside the value are
 * stored as the octets FF 89 (the flat format escapes an octet c as FF, c with the top bit set).
 */

export interface DenyEntry {
  readonly services: string;
  readonly message: string;
}

const defaultMessage = "User denied access to service";

/** Lines of other versions and damaged ones are reported, and deny nothing. */
export function parseUserDeny(octets: Buffer, complain: (problem: string) => void = () => {}): Map<string, DenyEntry> {
  const entries = new Map<string, DenyEntry>();
  for (const [i, line] of splitLines(octets).entries()) {
    if (line.length === 0) continue;
    const tab = line.indexOf(9);
    const [version, services = "*", message] = tab < 0 ? [] : unescape(line.subarray(tab + 1)).split("\t");
    if (version !== "2") complain(`line ${i + 1} is not of version 2, ignored`);
    else entries.set(unescape(line.subarray(0, tab)), { services, message: message || defaultMessage });
  }
  return entries;
}

/** @returns octets of one line, its LF included */
export function formatUserDeny(userid: string, { services, message }: DenyEntry): Buffer {
  const value = Buffer.from(["2", services, message].join("\t"));
  return Buffer.concat([escape(Buffer.from(userid)), Buffer.from("\t"), escape(value), Buffer.from("\n")]);
}

function splitLines(octets: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf(10, at);
    lines.push(octets.subarray(at, end < 0 ? octets.length : end));
    at = end < 0 ? octets.length : end + 1;
  }
  return lines;
}

function escape(octets: Buffer): Buffer {
  const out: number[] = [];
  for (const octet of octets) {
    if (octet === 0 || octet === 9 || octet === 10 || octet === 13 || octet === 0xff) out.push(0xff, octet | 0x80);
    else out.push(octet);
  }
  return Buffer.from(out);
}

function unescape(octets: Buffer): string {
  const out: number[] = [];
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    // FF FF stands for FF itself; any other pair for its second octet without the top bit.
    if (octet === 0xff && i + 1 < octets.length) {
      const next = octets[++i]!;
      out.push(next === 0xff ? 0xff : next & 0x7f);
    } else out.push(octet);
  }
  return Buffer.from(out).toString("utf8");
}

/** Comma-separated wildmats, `!` negates; the last one that matches decides. `*` any run, `?` one character. */
export function matchesWildmatList(list: string, text: string): boolean {
  const patterns = list.split(",").map((pattern) => pattern.trim());
  for (const pattern of patterns.reverse()) {
    const negated = pattern.startsWith("!");
    if (matchesWildmat(negated ? pattern.slice(1) : pattern, text)) return !negated;
  }
  return false;
}

/** Linear in text times stars: on a mismatch only the last star is tried again. */
export function matchesWildmat(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let mark = 0;
  for (let t = 0; t < text.length; ) {
    if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
