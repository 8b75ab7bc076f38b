/**
 * Internal names and what they say:
 *
 *     name   := (domain "!")? path
 *     path   := "user." localpart ("." level)*      a user's mailbox; the one without levels is the INBOX
 *             | level ("." level)*                  a shared mailbox
 *             | "DELETED." path "." 8HEXDIG         deleted, waiting for cyr_expire
 *
 * A "^" in a level stands for a literal dot, so that the localpart of `john.doe@example.org` is one level: `example.org!user.john^doe`.
 */
import type { MboxName, UserId } from "../../formats/ids.ts";
import type { NameSettings } from "./settings.ts";

type DomainSettings = Pick<NameSettings, "virtualDomains" | "defaultDomain">;

/** "" for none. */
export function domainOf(name: MboxName): string {
  return name.slice(0, Math.max(0, name.indexOf("!")));
}

/** Without the domain. */
export function pathOf(name: MboxName): string {
  return name.slice(name.indexOf("!") + 1);
}

export function joinName(domain: string, path: string): MboxName {
  return (domain === "" ? path : `${domain}!${path}`) as MboxName;
}

/** Whether it is a deleted mailbox, or the top of their tree. */
export function isDeletedName(name: MboxName, deletedPrefix = "DELETED"): boolean {
  const start = name.indexOf("!") + 1;
  if (!name.startsWith(deletedPrefix, start)) return false;
  const end = start + deletedPrefix.length;
  return end === name.length || name[end] === ".";
}

/** The name a deleted mailbox had; others are returned as they are. */
export function undeletedName(name: MboxName, deletedPrefix = "DELETED"): MboxName {
  if (!isDeletedName(name, deletedPrefix)) return name;
  const path = pathOf(name).slice(deletedPrefix.length + 1);
  const stamp = path.lastIndexOf(".");
  return joinName(
    domainOf(name),
    stamp > 0 && /^[0-9A-F]{8}$/.test(path.slice(stamp + 1)) ? path.slice(0, stamp) : path,
  );
}

/** Name of a deleted mailbox: the time of the deletion, in epoch seconds, is its last level, as 8 upper-case hexadecimal digits. */
export function deletedNameOf(name: MboxName, atSeconds: number, deletedPrefix = "DELETED"): MboxName {
  const stamp = (atSeconds >>> 0).toString(16).toUpperCase().padStart(8, "0");
  return joinName(domainOf(name), `${deletedPrefix}.${pathOf(name)}.${stamp}`);
}

/** When a deleted mailbox was deleted, in epoch seconds; undefined when the name does not tell. */
export function deletedAt(name: MboxName, deletedPrefix = "DELETED"): number | undefined {
  if (!isDeletedName(name, deletedPrefix)) return undefined;
  const stamp = /\.([0-9A-F]{8})$/.exec(name);
  return stamp ? Number.parseInt(stamp[1]!, 16) : undefined;
}

/** Whose mailbox it is (also when deleted); undefined for shared ones. Names of users without a dot and a domain are found without copying. */
export function ownerOfName(name: MboxName, deletedPrefix = "DELETED"): UserId | undefined {
  const bang = name.indexOf("!");
  let start = bang + 1;
  if (isDeletedName(name, deletedPrefix)) start += deletedPrefix.length + 1;
  if (!name.startsWith("user.", start)) return undefined;
  const end = name.indexOf(".", start + 5);
  const level = name.slice(start + 5, end < 0 ? undefined : end);
  if (level === "") return undefined;
  const localpart = level.includes("^") ? level.replaceAll("^", ".") : level;
  return (bang < 0 ? localpart : `${localpart}@${name.slice(0, bang)}`) as UserId;
}

/** Whether it is some user's INBOX. */
export function isInboxName(name: MboxName): boolean {
  const start = name.indexOf("!") + 1;
  return name.startsWith("user.", start) && name.length > start + 5 && name.indexOf(".", start + 5) < 0;
}

/** The name one level up; undefined at the top of a tree: an INBOX, a shared mailbox without parent. */
export function parentName(name: MboxName): MboxName | undefined {
  if (isInboxName(name)) return undefined;
  const dot = name.lastIndexOf(".");
  return dot > name.indexOf("!") ? (name.slice(0, dot) as MboxName) : undefined;
}

/** All names above it, the highest first. */
export function ancestorNames(name: MboxName): MboxName[] {
  const names: MboxName[] = [];
  for (let at = parentName(name); at !== undefined; at = parentName(at)) names.push(at);
  return names.reverse();
}

/** Whether `name` is below `ancestor`, at any depth. */
export function isBelow(name: MboxName, ancestor: MboxName): boolean {
  return name.length > ancestor.length && name[ancestor.length] === "." && name.startsWith(ancestor);
}

/** Domains come from login names and addresses and become part of names. */
const domainForm = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;
export const MAX_DOMAIN_CHARACTERS = 253;

/** In canonical form, that is lower case; undefined when it is no domain name. */
export function canonicalDomain(domain: string): string | undefined {
  const lower = domain.toLowerCase();
  return lower.length <= MAX_DOMAIN_CHARACTERS && domainForm.test(lower) ? lower : undefined;
}

/** What a login name may hold, less what no mailbox name may hold. A "^" would be a second spelling of the dot. */
const localpartForm = /^[ #$'()+,\-.0-9:=@A-Z[\]_a-z~]+$/;
/** The longest userid that logs in, without its domain. */
export const MAX_LOCALPART_CHARACTERS = 80;

/**
 * The INBOX of a user, from a canonical userid: the only function that maps users to names. Two userids never give one name, nor nested ones:
 * a dot becomes "^", and a "^" is refused.
 * @returns undefined when no user of that name can have mailboxes
 */
export function inboxOf(userId: string, { virtualDomains, defaultDomain }: DomainSettings): MboxName | undefined {
  let localpart = userId;
  let domain: string | undefined = "";
  const at = userId.lastIndexOf("@");
  if (virtualDomains !== "off" && at >= 0) {
    localpart = userId.slice(0, at);
    domain = canonicalDomain(userId.slice(at + 1));
    if (domain === undefined || domain !== userId.slice(at + 1)) return undefined;
    if (domain === defaultDomain) return undefined; // not canonical: it is written without
  }
  if (!isLocalpart(localpart)) return undefined;
  return joinName(domain, `user.${localpart.replaceAll(".", "^")}`);
}

function isLocalpart(localpart: string): boolean {
  if (localpart.length > MAX_LOCALPART_CHARACTERS || !localpartForm.test(localpart)) return false;
  if (localpart === "anyone" || localpart === "anonymous") return false;
  // In an ACL these would be read as a negative entry and as a group.
  if (localpart.startsWith("-") || localpart.startsWith("group:")) return false;
  // These would be relative paths in the by-name layout.
  return !/^\.+$/.test(localpart);
}
