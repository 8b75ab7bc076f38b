/** Which names may be given to a new mailbox: RFC 3501 §5.1 and the rules administrators know. */
import type { MboxName } from "../../formats/ids.ts";
import { canonicalDomain, domainOf, inboxOf, isBelow, isDeletedName, ownerOfName, pathOf } from "./internal.ts";
import { isValid as isMailboxUtf7 } from "../../formats/mutf7/index.ts";
import type { NameSettings } from "./settings.ts";

/** Of an internal name, in octets. */
export const MAX_MAILBOX_NAME = 490;

/** The same with what a delayed deletion adds. */
const MAX_STORED_NAME = MAX_MAILBOX_NAME + 64;

/** All octets a name on the wire may hold, but for the separator. "%" would be a wildcard of LIST; "*" is one too, but Cyrus allows it. */
const goodForm = /^[ #$&'()*+,\-.0-9:=?@A-Z[\]^_a-z~]+$/;

/** Whether some mailbox may have the name at all. Cheap; for lookups. */
export function isPossibleName(name: string): boolean {
  const path = pathOf(name as MboxName);
  return name.length <= MAX_STORED_NAME && goodForm.test(path) && !/^\.|\.$|\.\./.test(path);
}

/**
 * Whether a mailbox may be created under this internal name, or renamed to it. Nothing is said about rights. Below the tree of deleted mailboxes
 * only the server itself makes names.
 */
export function isValidNewName(name: MboxName, settings: NameSettings): boolean {
  if (name.length > MAX_MAILBOX_NAME || !isPossibleName(name) || isDeletedName(name, settings.deletedPrefix))
    return false;
  const domain = domainOf(name);
  if (domain !== "" && (settings.virtualDomains === "off" || canonicalDomain(domain) !== domain)) return false;
  const path = pathOf(name);
  if (path === "user" || path.startsWith("~") || path.startsWith("$")) return false;
  for (const level of path.split(".")) {
    // "^" is a dot: these would be relative paths in the by-name layout.
    if (level === "^" || level === "^^") return false;
    if (!isMailboxUtf7(level)) return false;
  }
  if (!path.startsWith("user.")) return path.toUpperCase() !== "INBOX" && !path.toUpperCase().startsWith("INBOX.");
  // The owner must be a user who logs in under that name, and finds the mailbox below the own INBOX.
  const owner = ownerOfName(name, settings.deletedPrefix);
  const inbox = owner === undefined ? undefined : inboxOf(owner, settings);
  return inbox !== undefined && (name === inbox || isBelow(name, inbox));
}

/** Whether no level of the name leads out of a directory when levels become path components ("^" a dot). Holds for every valid new name. */
export function isPathSafe(name: MboxName): boolean {
  if (name.length === 0 || name.length > MAX_STORED_NAME || !/^[ -~]+$/.test(name) || name.includes("/")) return false;
  return [...domainOf(name).split("."), ...pathOf(name).split(".")].every(
    (level, n, all) =>
      (level !== "" || (n === 0 && all.length > 1 && domainOf(name) === "")) && level !== "^" && level !== "^^",
  );
}
