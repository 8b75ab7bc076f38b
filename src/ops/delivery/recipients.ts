/** From an address to the mailbox that takes its mail; what RCPT is answered with. */
import type { Config } from "../../config/config.ts";
import type { MboxName, UniqueId, UserId } from "../../formats/ids.ts";
import { isIntermediate, type ListEntry, type Snapshot } from "../../store/index.ts";
import { type Access, Right } from "../acl/index.ts";
import type { MailErrorCode } from "../errors.ts";
import { inboxOf, parseRecipient, type Recipient, type RecipientSettings } from "../names/index.ts";
import { quotaExceeded } from "../quota/index.ts";
import type { Rules } from "../rules.ts";
import { looseMatch } from "./loose-match.ts";

export interface DeliveryRules {
  readonly recipients: RecipientSettings;
  /** `lmtp_catchall_mailbox`: whose INBOX takes mail for users who do not exist. */
  readonly catchAll: UserId | undefined;
  /** `lmtp_exclude_specialuse`, lower case: no detail delivers there. */
  readonly excludedUses: ReadonlySet<string>;
  /** `lmtp_strict_quota`: no message may go over the limit. */
  readonly strictQuota: boolean;
  /** `lmtp_fuzzy_mailbox_match`. */
  readonly loose: boolean;
  /** `autocreate_post`. */
  readonly autocreates: boolean;
  /** `duplicatesuppression`. */
  readonly suppressesDuplicates: boolean;
}

export function deliveryRules(config: Config, rules: Rules): DeliveryRules {
  return {
    recipients: { names: rules.names, postUser: config.postuser, downcase: config.lmtp_downcase_rcpt },
    catchAll: config.lmtp_catchall_mailbox as UserId | undefined,
    excludedUses: new Set(config.lmtp_exclude_specialuse.toLowerCase().split(/\s+/).filter(Boolean)),
    strictQuota: config.lmtp_strict_quota,
    loose: config.lmtp_fuzzy_mailbox_match,
    autocreates: config.autocreate_post && config.autocreate_quota >= 0,
    suppressesDuplicates: config.duplicatesuppression,
  };
}

/** A recipient that was accepted. */
export interface AcceptedRecipient {
  /** Undefined for a shared mailbox. */
  readonly userId: UserId | undefined;
  /** The user's INBOX, or the shared mailbox. */
  readonly mailbox: MboxName;
  readonly box: UniqueId;
  readonly mbox: number;
  readonly partition: string;
  /** Mailbox option D: the same message may come again. False also where duplicates are not suppressed. */
  readonly takesDuplicates: boolean;
  /** As written after "+"; for Sieve. */
  readonly detail: string | undefined;
  /** Wanted by the detail; delivery goes there if it can. */
  readonly folder: MboxName | undefined;
  readonly ignoreQuota: boolean;
  /** When what is said here of the mailbox was read. */
  readonly asOf: ReadingTime;
}

/** A moment in the life of the mailbox list, as a process knows it. */
export interface ReadingTime {
  /** Changes of the list heard of so far. */
  readonly listChanges: number;
  /** Epoch milliseconds. */
  readonly milliseconds: number;
}

export type Resolution =
  | { readonly kind: "accepted"; readonly recipient: AcceptedRecipient }
  /** No INBOX, but one may be made for this user; then resolve again. */
  | { readonly kind: "autocreate"; readonly userId: UserId }
  | { readonly kind: "refused"; readonly code: MailErrorCode };

export interface RecipientRequest {
  /** What stands between "<" and ">". */
  readonly address: string;
  /** SIZE= of MAIL. */
  readonly sizeOctets: number | undefined;
  readonly ignoreQuota: boolean;
  readonly asOf: ReadingTime;
}

const unknownUser: Resolution = { kind: "refused", code: "mailboxNonexistent" };

/** Answers RCPT. Of a user only the INBOX is looked at here: what becomes of the detail is decided when the message is there. */
export function resolveRecipient(
  snapshot: Snapshot,
  access: Access,
  rules: DeliveryRules,
  request: RecipientRequest,
  mayAutocreate = rules.autocreates,
): Resolution {
  const recipient = parseRecipient(request.address, rules.recipients);
  if (recipient?.kind === "shared") return resolveShared(snapshot, access, rules, request, recipient.mailbox);
  const inbox = recipient && mailboxEntry(snapshot, recipient.inbox);
  if (recipient !== undefined && inbox !== undefined) {
    const { userId, detail, folder } = recipient;
    return withQuota(snapshot, rules, request, inbox, { userId, detail, folder });
  }
  if (recipient !== undefined && mayAutocreate) return { kind: "autocreate", userId: recipient.userId };
  return catchAll(snapshot, rules, request, recipient);
}

function catchAll(
  snapshot: Snapshot,
  rules: DeliveryRules,
  request: RecipientRequest,
  recipient: Extract<Recipient, { kind: "user" }> | undefined,
): Resolution {
  const userId = rules.catchAll;
  const name = userId === undefined ? undefined : inboxOf(userId, rules.recipients.names);
  const inbox = name && mailboxEntry(snapshot, name);
  if (inbox === undefined || recipient === undefined) return unknownUser;
  return withQuota(snapshot, rules, request, inbox, { userId, detail: recipient.detail, folder: undefined });
}

function resolveShared(
  snapshot: Snapshot,
  access: Access,
  rules: DeliveryRules,
  request: RecipientRequest,
  name: MboxName,
): Resolution {
  let entry = mailboxEntry(snapshot, name);
  if (entry === undefined && rules.loose) {
    const match = looseMatch(snapshot, topOf(name), name);
    entry = match && mailboxEntry(snapshot, match);
  }
  if (entry === undefined) return unknownUser;
  const rights = access.rights(entry.name, entry.acl);
  if ((rights & Right.post) === 0)
    return (rights & Right.lookup) === 0 ? unknownUser : { kind: "refused", code: "permissionDenied" };
  return withQuota(snapshot, rules, request, entry, { userId: undefined, detail: undefined, folder: undefined });
}

/** The first level of a shared name, with its domain. */
function topOf(name: MboxName): MboxName {
  const dot = name.indexOf(".", name.indexOf("!") + 1);
  return (dot < 0 ? name : name.slice(0, dot)) as MboxName;
}

/** A mailbox that is here and can have messages. */
export function mailboxEntry(snapshot: Snapshot, name: MboxName): (ListEntry & { readonly mbox: number }) | undefined {
  const entry = snapshot.entry(name);
  return entry?.mbox === undefined || isIntermediate(entry) ? undefined : (entry as ListEntry & { mbox: number });
}

function withQuota(
  snapshot: Snapshot,
  rules: DeliveryRules,
  { sizeOctets = 0, ignoreQuota, asOf }: RecipientRequest,
  { name, uniqueId, mbox, partition }: ListEntry & { readonly mbox: number },
  more: Pick<AcceptedRecipient, "userId" | "detail" | "folder">,
): Resolution {
  const root = ignoreQuota ? undefined : snapshot.quotaRoot(name);
  const quota = root && snapshot.quota(root);
  if (quota) {
    const needed = { octets: Math.max(1, sizeOctets), messages: 1 };
    if (quotaExceeded(quota, needed, rules.strictQuota ? "strict" : "lenient")) {
      return { kind: "refused", code: "overQuota" };
    }
  }
  const takesDuplicates = rules.suppressesDuplicates && snapshot.header(mbox)?.options.includes("D") === true;
  const { userId, detail, folder } = more;
  return {
    kind: "accepted",
    recipient: {
      userId,
      mailbox: name,
      box: uniqueId,
      mbox,
      partition,
      takesDuplicates,
      detail,
      folder,
      ignoreQuota,
      asOf,
    },
  };
}
