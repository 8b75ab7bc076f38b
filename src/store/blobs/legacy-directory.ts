/**
 * Directories by name, as Cyrus had them before 3.6 and has them with `mailbox_legacy_dirs`: `[domain/[H/]DOMAIN/][H/]user/fred/A`, H being the hash letters
 * of `hashimapspool`. Literal dots of names are `^` in internal names, and stay so.
 */
import type { MboxName } from "../../formats/ids.ts";

export interface LegacyHashing {
  /** `hashimapspool`. */
  readonly spool: boolean;
  /** `fulldirhash`. */
  readonly full: boolean;
}

export const noHashing: LegacyHashing = { spool: false, full: false };

/** Octets that one component of a path may have on the filesystems there are. */
const MAX_COMPONENT = 255;
/** Leaves room for root and file in what the kernel takes as a path (PATH_MAX, 4096). */
const MAX_DIRECTORY = 2_048;
/** First components that mean something else at the top of a partition. */
const RESERVED = new Set(["uuid", "domain", "stage.", "sync."]);

/**
 * The directory of a mailbox below its partition. undefined: a name that cannot be one, or that would lie among other things; such a mailbox has a
 * directory by its identity.
 */
export function legacyDirectory(name: MboxName, { spool, full }: LegacyHashing): string | undefined {
  const bang = name.indexOf("!");
  const domain = name.slice(0, Math.max(0, bang));
  const local = name.slice(bang + 1);
  const levels = local.split(".");
  const components = [...levels];
  if (spool) components.unshift(hashLetter(local.slice(local.indexOf(".") + 1), full));
  if (bang >= 0) components.unshift("domain", ...(spool ? [hashLetter(domain, full)] : []), domain);
  else if (RESERVED.has(components[0]!)) return undefined;
  const directory = components.join("/");
  return components.every(isComponent) && Buffer.byteLength(directory) <= MAX_DIRECTORY ? directory : undefined;
}

/** Design of the whole: what becomes a part of a path is one component, and no other directory. */
function isComponent(text: string): boolean {
  if (text === "" || text === "." || text === ".." || Buffer.byteLength(text) > MAX_COMPONENT) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f || code === 0x2f) return false;
  }
  return true;
}

const FULL_LETTERS = 23;

/** Cyrus's hash of names in paths: the first letter, or, with `fulldirhash`, one of A to W over the octets before the first dot, literal dots (`^`) included. */
export function hashLetter(name: string, full: boolean): string {
  if (!full) {
    const first = name.slice(0, 1).toLowerCase();
    return first >= "a" && first <= "z" ? first : "q";
  }
  let hash = 0;
  for (const octet of Buffer.from(name, "utf8")) {
    if (octet === 0x2e || octet === 0x5e) break;
    hash = ((hash << 3) ^ (hash >>> 5) ^ octet) >>> 0;
  }
  return String.fromCharCode(0x41 + (hash % FULL_LETTERS));
}
