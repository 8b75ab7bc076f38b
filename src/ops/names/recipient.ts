/**
 * Whom an LMTP recipient means. Knows names only: whether the mailbox exists, takes mail from this poster, or has room is decided by delivery.
 *
 *     recipient := route? localpart ("@" domain)?        RFC 5321 §4.1.2
 *     route     := "@" domain *("," "@" domain) ":"      stripped (RFC 5321 §4.4, appendix C)
 *     localpart := user ("+" detail)? | "+" shared | postuser "+" shared
 */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { canonicalDomain, inboxOf, isDeletedName, joinName } from "./internal.ts";
import type { NameSettings } from "./settings.ts";
import { isPossibleName } from "./validate.ts";

export interface RecipientSettings {
  readonly names: NameSettings;
  /** `postuser`: localpart in front of "+" that means a shared mailbox, besides the empty one. */
  readonly postUser: string;
  /** `lmtp_downcase_rcpt`: whether users are found in any case. */
  readonly downcase: boolean;
}

export type Recipient =
  /** `detail` is the folder wanted, when it can be one: delivery goes there if it exists and the poster has `p`, else to the INBOX. */
  | {
      readonly kind: "user";
      readonly userId: UserId;
      readonly inbox: MboxName;
      /** As written, for Sieve's :detail; undefined when there was none. */
      readonly detail: string | undefined;
      readonly folder: MboxName | undefined;
    }
  | { readonly kind: "shared"; readonly mailbox: MboxName };

/** Longest address taken, in characters (RFC 5321 §4.5.3.1: 64 and 255, and we are not the first to check). */
export const MAX_ADDRESS_CHARACTERS = 1024;

/** @param address what stands between "<" and ">". @returns undefined when no user or mailbox here can have the address */
export function parseRecipient(address: string, settings: RecipientSettings): Recipient | undefined {
  if (address.length > MAX_ADDRESS_CHARACTERS || !/^[ -~]*$/.test(address)) return undefined;
  const parts = splitAddress(address);
  if (parts === undefined || parts.localpart === "") return undefined;
  const { names } = settings;
  const domain = domainOfAddress(parts.domain, names);
  if (domain === undefined) return undefined;
  const plus = parts.localpart.indexOf("+");
  const givenUser = plus < 0 ? parts.localpart : parts.localpart.slice(0, plus);
  const user = settings.downcase ? givenUser.toLowerCase() : givenUser;
  const detail = plus < 0 ? undefined : parts.localpart.slice(plus + 1);
  const isPostUser =
    user === "" || (detail !== undefined && settings.postUser !== "" && givenUser === settings.postUser);
  if (isPostUser) {
    const mailbox = detail === undefined ? undefined : sharedMailbox(detail, domain, names);
    return mailbox && { kind: "shared", mailbox };
  }
  const userId = (domain === "" ? user : `${user}@${domain}`) as UserId;
  const inbox = inboxOf(userId, names);
  if (inbox === undefined) return undefined;
  return { kind: "user", userId, inbox, detail, folder: detail ? folderOf(detail, inbox, names) : undefined };
}

/** Without route and quoting. @returns undefined for a bad quoted string or an empty domain */
function splitAddress(address: string): { localpart: string; domain: string } | undefined {
  let text = address;
  if (text.startsWith("@")) {
    const colon = text.indexOf(":");
    if (colon < 0) return undefined;
    text = text.slice(colon + 1);
  }
  if (!text.startsWith('"')) {
    const at = text.lastIndexOf("@");
    if (at < 0) return { localpart: text, domain: "" };
    return at === text.length - 1 ? undefined : { localpart: text.slice(0, at), domain: text.slice(at + 1) };
  }
  let localpart = "";
  let at = 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === "\\") at++;
    localpart += text[at] ?? "";
  }
  if (at >= text.length) return undefined;
  const rest = text.slice(at + 1);
  if (rest === "") return { localpart, domain: "" };
  return rest.startsWith("@") && rest.length > 1 ? { localpart, domain: rest.slice(1) } : undefined;
}

/** "" for the default domain, and for every domain when there are no virtual ones; undefined for what is no domain. */
function domainOfAddress(domain: string, names: NameSettings): string | undefined {
  if (domain === "" || names.virtualDomains === "off") return "";
  const canonical = canonicalDomain(domain);
  return canonical === names.defaultDomain ? "" : canonical;
}

/** The detail is a name as the user sees it below the INBOX, in either namespace. */
function folderOf(detail: string, inbox: MboxName, names: NameSettings): MboxName | undefined {
  const path = internalPath(detail, names);
  if (path === undefined) return undefined;
  const name = `${inbox}.${path}` as MboxName;
  return isPossibleName(name) ? name : undefined;
}

function sharedMailbox(detail: string, domain: string, names: NameSettings): MboxName | undefined {
  const path = internalPath(detail, names);
  if (path === undefined) return undefined;
  const name = joinName(domain, path);
  // Not a way around the users' mailboxes, nor to the deleted ones.
  if (path === "user" || path.startsWith("user.") || isDeletedName(name, names.deletedPrefix)) return undefined;
  return isPossibleName(name) ? name : undefined;
}

function internalPath(detail: string, { separator }: NameSettings): string | undefined {
  if (detail.includes(separator === "/" ? "^" : "/") || detail.includes("!")) return undefined;
  const levels = detail.split(separator).filter((level) => level !== "");
  if (levels.length === 0) return undefined;
  return levels.map((level) => level.replaceAll(".", "^")).join(".");
}
