/** What every verb about messages begins with: the mailbox, and the rights on it. */
import type { UniqueId } from "../../formats/ids.ts";
import { Flag, type ListEntry, type MailboxHeader, type MessageBox } from "../../store/index.ts";
import { type Access, Right, type Rights } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import type { VerbContext } from "../verb.ts";

/**
 * The mailbox with that identity, with all of `rights`.
 * @throws MailError mailboxNonexistent, also to those who may not look it up; permissionDenied
 */
export function messageBox(
  context: VerbContext,
  uniqueId: UniqueId,
  rights: Rights,
): { box: MessageBox; rights: Rights } {
  const entry = context.tx.entryByUniqueId(uniqueId);
  if (!entry || entry.mbox === undefined) return refuse("mailboxNonexistent");
  const box = entry as MessageBox;
  return { box, rights: requireRights(context.access, box, rights) };
}

/** For later slices of a verb: the entry as it is now. @throws MailError mailboxNonexistent */
export function presentEntry({ tx }: VerbContext, { uniqueId }: MessageBox): MessageBox {
  const entry = tx.entryByUniqueId(uniqueId);
  return entry?.mbox === undefined ? refuse("mailboxNonexistent") : (entry as MessageBox);
}

/** @throws MailError; without "l" a mailbox is as good as not there (RFC 4314 §6) */
export function requireRights(access: Access, entry: ListEntry, wanted: Rights): Rights {
  const rights = access.rights(entry.name, entry.acl);
  if ((rights & wanted) === wanted) return rights;
  return refuse(rights & Right.lookup ? "permissionDenied" : "mailboxNonexistent");
}

/** The system flags that these rights let change (RFC 4314 §4). */
export function flagMask(rights: Rights): number {
  return (
    (rights & Right.seen ? Flag.seen : 0) |
    (rights & Right.deleteMessage ? Flag.deleted : 0) |
    (rights & Right.write ? Flag.answered | Flag.flagged | Flag.draft : 0)
  );
}

/** Whether the caller's \Seen is the flag of the message: for the owner, and for all where the mailbox shares its seen state (option S). */
export function hasOwnSeenFlag(access: Access, entry: ListEntry, header: MailboxHeader): boolean {
  return access.isOwner(entry.name) || header.options.includes("S");
}
