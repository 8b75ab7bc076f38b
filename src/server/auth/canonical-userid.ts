import type { UserId } from "../../formats/ids.ts";

/** The options that decide whose mailboxes a login name means. */
export interface CanonicalOptions {
  readonly imapmagicplus: boolean;
  readonly virtdomains: "off" | "userid" | "on";
  readonly defaultdomain: string;
  /** Realms taken as part of the userid when virtdomains is off. */
  readonly loginrealms: string;
  readonly username_tolower: boolean;
  readonly unixhierarchysep: boolean;
}

export type Canonical =
  | {
      readonly kind: "user";
      readonly userid: UserId;
      /** `+xxx` with imapmagicplus, the plus sign included; else "". Selects a view, not an owner. */
      readonly magicPlus: string;
    }
  /** The name `anonymous`: for a service that allows it. */
  | { readonly kind: "anonymous" }
  /** Characters or a form that no userid has: "Invalid user". */
  | { readonly kind: "invalid" }
  /** A realm that is not in `loginrealms`: looks like a wrong password. */
  | { readonly kind: "foreignRealm" };

/** auth_mech unix takes no more. */
const maxCharacters = 80;
/** Names that stand for groups of people in ACLs and can log in nowhere. */
const notUsers: ReadonlySet<string> = new Set(["anyone", "anybody"]);
const invalid: Canonical = { kind: "invalid" };

/**
 * Maps a login name (authcid or authzid) to the userid that owns mailboxes. Two accepted names either give the same userid,
 * because they differ only in what is folded here on purpose (letter case, `%` for `@`, the default domain, a magic plus),
 * or userids whose mailboxes are different and not inside each other.
 *
 * Refused beyond what Cyrus refuses, because they would break that or be taken for something else in an ACL: `^` (stands for
 * "." in mailbox names), `!` (ends the domain there), "." while "." separates mailbox names, `-` in front (negative rights),
 * `group:`, blanks at either end, empty parts.
 * @param options.serverDomain with virtdomains "on": the domain of the server address the client came to
 */
export function canonicalUserid(
  login: string,
  options: CanonicalOptions & { readonly serverDomain?: string | undefined },
): Canonical {
  if (!/^[\x20-\x7e]+$/.test(login) || login.length > 2 * maxCharacters) return invalid;
  const { name, magicPlus } = splitMagicPlus(login, options.imapmagicplus);
  const parts = splitDomain(name, options);
  if (parts === undefined) return invalid;
  const local = options.username_tolower ? parts.local.toLowerCase() : parts.local;
  const domain = parts.domain?.toLowerCase();
  if (!isLocalPart(local, options) || (domain !== undefined && !isDomain(domain))) return invalid;
  // Without virtual domains the realm is part of the mailbox name, and "." must not cut that up.
  if (options.virtdomains === "off" && !options.unixhierarchysep && domain?.includes(".")) return invalid;
  if (domain === undefined && notUsers.has(local.toLowerCase())) return invalid;
  if (domain === undefined && local.toLowerCase() === "anonymous") return { kind: "anonymous" };
  if (options.virtdomains === "off" && domain !== undefined && !hasWord(options.loginrealms, domain)) {
    return { kind: "foreignRealm" };
  }
  const userid = domain === undefined ? local : `${local}@${domain}`;
  if (userid.length > maxCharacters) return invalid;
  return { kind: "user", userid: userid as UserId, magicPlus };
}

/** The first plus sign of the part before "@" begins the selector. */
function splitMagicPlus(login: string, enabled: boolean): { name: string; magicPlus: string } {
  const plus = enabled ? login.indexOf("+") : -1;
  const at = login.search(/[@%]/);
  if (plus < 0 || (at >= 0 && at < plus)) return { name: login, magicPlus: "" };
  const end = at < 0 ? login.length : at;
  return { name: login.slice(0, plus) + login.slice(end), magicPlus: login.slice(plus, end) };
}

/** @returns undefined when there is more than one "@" */
function splitDomain(
  name: string,
  options: CanonicalOptions & { readonly serverDomain?: string | undefined },
): { local: string; domain: string | undefined } | undefined {
  const virtual = options.virtdomains !== "off";
  const [local = "", domain, ...rest] = name.split(virtual ? /[@%]/ : "@");
  if (rest.length > 0) return undefined;
  if (!virtual) return { local, domain };
  const given = domain ?? (options.virtdomains === "on" ? options.serverDomain : undefined);
  const isDefault = given?.toLowerCase() === options.defaultdomain.toLowerCase();
  return { local, domain: isDefault ? undefined : given };
}

function isLocalPart(local: string, { unixhierarchysep }: CanonicalOptions): boolean {
  if (local === "" || /[%&*/?@^!]/.test(local)) return false;
  if (/^[- ]|^group:| $/i.test(local)) return false;
  if (/^\.+$/.test(local)) return false;
  return unixhierarchysep || !local.includes(".");
}

function isDomain(domain: string): boolean {
  return domain.length <= 253 && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(domain);
}

/** A blank-separated list of names, compared without regard to letter case. */
function hasWord(list: string, word: string): boolean {
  return list.split(/\s+/).some((entry) => entry.toLowerCase() === word);
}
