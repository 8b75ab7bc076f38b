/**
 * A mailbox's access control list, in the form in which it is stored and replicated: `identifier TAB rights TAB` for each entry, in the order in which the
 * entries were made. An identifier is a userid, `anyone`, `anonymous` or `group:NAME`; with "-" in front its rights are taken away (RFC 4314 §2).
 */
import { defaultLegacyRights, type LegacyRights, parseRights, printRights, type Rights } from "./rights.ts";

export interface AclEntry {
  /** With its "-", if it has one. */
  readonly identifier: string;
  readonly rights: Rights;
}

/** Entries of a stored ACL. Letters that are no rights (of a later version) are passed over. */
export function parseAcl(acl: string, legacy: LegacyRights = defaultLegacyRights): AclEntry[] {
  const fields = acl.split("\t");
  const entries: AclEntry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    entries.push({ identifier: fields[at]!, rights: rightsOf(fields[at + 1]!, legacy) });
  }
  return entries;
}

function rightsOf(text: string, legacy: LegacyRights): Rights {
  let letters = text;
  for (;;) {
    const rights = parseRights(letters, legacy);
    if (typeof rights === "number") return rights;
    letters = letters.replaceAll(rights, "");
  }
}

/** Entries without rights are left out. */
export function printAcl(entries: readonly AclEntry[], legacy: LegacyRights = defaultLegacyRights): string {
  let acl = "";
  for (const { identifier, rights } of entries) {
    if (rights !== 0) acl += `${identifier}\t${printRights(rights, legacy)}\t`;
  }
  return acl;
}

/** Rights of one entry; 0 when there is none. */
export function entryRights(entries: readonly AclEntry[], identifier: string): Rights {
  return entries.find((entry) => entry.identifier === identifier)?.rights ?? 0;
}

/** With the entry's rights set: at its place, or at the end; 0 removes it. */
export function withEntry(entries: readonly AclEntry[], identifier: string, rights: Rights): AclEntry[] {
  const rest = entries.filter((entry) => entry.identifier !== identifier || entry.rights !== 0);
  const at = rest.findIndex((entry) => entry.identifier === identifier);
  const changed = rights === 0 ? [] : [{ identifier, rights }];
  return at < 0 ? [...rest, ...changed] : [...rest.slice(0, at), ...changed, ...rest.slice(at + 1)];
}

export type AclChange = "replace" | "add" | "remove";

/** SETACL's three ways (RFC 4314 §3.1). */
export function changedRights(old: Rights, change: AclChange, rights: Rights): Rights {
  switch (change) {
    case "replace":
      return rights;
    case "add":
      return old | rights;
    case "remove":
      return old & ~rights;
  }
}

/** Octets of identifiers that no userid may hold either. */
const identifierForm = /^[ !"#$'()+,\-.0-9:;<=>@A-Z[\\\]^_`a-z{|}~]+$/;
export const MAX_IDENTIFIER_CHARACTERS = 255;

/**
 * The form in which an identifier is stored: users in lower case with `username_tolower`, the default domain left out.
 * @returns undefined for one that cannot be
 */
export function canonicalIdentifier(
  text: string,
  settings: { readonly toLower: boolean; readonly defaultDomain: string | undefined },
): string | undefined {
  const sign = text.startsWith("-") ? "-" : "";
  const name = text.slice(sign.length);
  if (name === "" || text.length > MAX_IDENTIFIER_CHARACTERS || !identifierForm.test(name)) return undefined;
  if (name.startsWith("group:")) return name.length > 6 ? text : undefined;
  // "--x" would be read as the negative entry of a user "-x", who cannot be.
  if (name.startsWith("-")) return undefined;
  const folded = settings.toLower ? name.toLowerCase() : name;
  const suffix = `@${settings.defaultDomain ?? ""}`;
  const isDefault = settings.defaultDomain !== undefined && folded.length > suffix.length && folded.endsWith(suffix);
  return sign + (isDefault ? folded.slice(0, -suffix.length) : folded);
}

/** The option `defaultacl`: `identifier rights identifier rights ...`, blanks between. Pairs with bad rights are left out. */
export function aclFromOption(text: string, legacy: LegacyRights = defaultLegacyRights): string {
  const words = text.split(/[ \t]+/).filter((word) => word !== "");
  const entries: AclEntry[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    const rights = parseRights(words[at + 1]!, legacy);
    if (typeof rights === "number") entries.push({ identifier: words[at]!, rights });
  }
  return printAcl(entries, legacy);
}
