/** Where a new or renamed mailbox would go: its nearest ancestor that exists, who may put something there, what it inherits. */
import type { MboxName } from "../../formats/ids.ts";
import type { ListEntry } from "../../store/index.ts";
import { ALL_STANDARD_RIGHTS, printAcl, Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { isInboxName, ownerOfName, parentName } from "../names/index.ts";
import { hasUse } from "./special-use.ts";
import type { VerbContext } from "./verb.ts";

export interface Place {
  /** Nearest ancestor that exists; undefined at the top of a tree. */
  readonly ancestor: ListEntry | undefined;
  /** Names between it and the new name, the highest first: parents that have to be made. */
  readonly missing: readonly MboxName[];
}

/** The ancestors of `name`. Other verbs in slices that hold one of them make this one wait (Busy). */
export function placeOf(context: VerbContext, name: MboxName): Place {
  const missing: MboxName[] = [];
  for (let at = parentName(name); at !== undefined; at = parentName(at)) {
    const ancestor = context.tx.entry(at);
    if (ancestor) {
      if (ancestor.mbox !== undefined) context.tx.mailbox(ancestor.mbox);
      return { ancestor, missing };
    }
    // `user.fred.INBOX` is what "INBOX/foo" is below under altnamespace; nobody asked for a mailbox of that name.
    if (!(at.endsWith(".INBOX") && isInboxName(parentName(at) ?? at))) missing.unshift(at);
  }
  return { ancestor: undefined, missing };
}

/**
 * Whether the caller may make a mailbox `name` there: an INBOX or the top of a shared tree is for administrators (and one's own INBOX for oneself, when there is none), anything below an existing mailbox for
 * those with "k" on it, and below a user's INBOX only when that exists.
 * @throws MailError permissionDenied, mailboxMoved, mailboxReserved
 */
export function requirePlace(context: VerbContext, name: MboxName, { ancestor }: Place): void {
  const { access } = context;
  const isAdmin = access.isAdminOf(name);
  if (ancestor === undefined) {
    const isTop = isInboxName(name) || ownerOfName(name, context.rules.names.deletedPrefix) === undefined;
    const isOwnInbox = isInboxName(name) && access.isOwner(name);
    if (!isTop || !(isAdmin || isOwnInbox)) refuse("permissionDenied");
    return;
  }
  if (!isAdmin && !(access.rights(ancestor.name, ancestor.acl) & Right.createMailbox)) refuse("permissionDenied");
  const flags = ancestor.type.slice(1);
  if (flags.includes("r")) refuse("mailboxMoved", ancestor.server);
  if (flags.includes("z") || flags.includes("m")) refuse("mailboxReserved");
  if (hasUse(ancestor.specialUse, context.rules.specialUses.noChildren)) refuse("permissionDenied");
}

/** A name is taken. Those who may not look the mailbox up are not told so. */
export function refuseTaken({ access }: VerbContext, existing: ListEntry): never {
  return refuse(access.rights(existing.name, existing.acl) & Right.lookup ? "mailboxExists" : "permissionDenied");
}

/** The ACL of a mailbox made there: its parent's; at the top the owner's, or `defaultacl`. */
export function inheritedAcl(context: VerbContext, name: MboxName, ancestor: ListEntry | undefined): string {
  if (ancestor !== undefined) return ancestor.acl;
  const owner = ownerOfName(name, context.rules.names.deletedPrefix);
  if (owner === undefined) return context.rules.defaultAcl;
  return printAcl([{ identifier: owner, rights: ALL_STANDARD_RIGHTS }], context.rules.acl.legacy);
}
