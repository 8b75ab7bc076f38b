/** Moving entries of the mailbox list, one at a time, with everything that hangs on a name: tombstone, history, owner, quota. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { destroyMailbox, directoryFollows, leaveLegacyDirectory, type ListEntry } from "../../store/index.ts";
import { inboxOf, ownerOfName } from "../names/index.ts";
import { auditLine } from "./audit.ts";
import { type LocalEntry, requireLocal, type VerbContext } from "./verb.ts";

/** Former names that an entry remembers. */
export const MAX_HISTORY = 50;

/** All mailboxes of a user, the INBOX first. */
export function ownedEntries({ tx, rules }: VerbContext, owner: UserId): ListEntry[] {
  const inbox = inboxOf(owner, rules.names);
  if (inbox === undefined) return [];
  const entry = tx.entry(inbox);
  return entry ? [entry, ...tx.children(inbox)] : tx.children(inbox);
}

/** Leaves a tombstone under the name of an entry that goes away. Its modseq is that of the going. */
export function bury({ tx }: VerbContext, entry: ListEntry, folderModseq: number): void {
  tx.putEntry({
    ...entry,
    mbox: undefined,
    type: `${entry.type[0] ?? "e"}d`,
    partition: "",
    server: "",
    acl: "",
    specialUse: "",
    folderModseq,
    mtime: tx.now,
    history: [],
  });
}

export interface Move {
  readonly entry: ListEntry;
  readonly to: MboxName;
  /** Changed fields of the entry; the ACL of a renamed user, say. */
  readonly changed?: Partial<Pick<ListEntry, "acl" | "specialUse">>;
}

/** Renames one entry. Its quota use goes from the root above the old name to the one above the new name. */
export function moveEntry(context: VerbContext, { entry, to, changed = {} }: Move): ListEntry {
  const { tx, rules } = context;
  const oldRoot = tx.quotaRoot(entry.name);
  const folderModseq = tx.nextFolderModseq(entry.name);
  bury(context, entry, folderModseq);
  const isSameOwner = ownerOfName(entry.name, rules.names.deletedPrefix) === ownerOfName(to, rules.names.deletedPrefix);
  const { name, mtime, uidValidity, createdModseq, type } = entry;
  const former = { name, mtime, uidValidity, createdModseq, folderModseq: entry.folderModseq, type };
  const moved: ListEntry = {
    ...entry,
    ...changed,
    name: to,
    mtime: tx.now,
    folderModseq: isSameOwner ? folderModseq : tx.nextFolderModseq(to),
    history: [former, ...entry.history].slice(0, MAX_HISTORY),
  };
  tx.putEntry(moved);
  if (entry.mbox === undefined) return moved;
  directoryFollows(tx, entry, moved);
  tx.changeOwner(entry.mbox, to);
  moveUse(context, requireLocal(moved), oldRoot, tx.quotaRoot(to));
  context.audit(
    auditLine("rename", {
      oldmailbox: entry.name,
      newmailbox: to,
      uniqueid: entry.uniqueId,
    }),
  );
  return moved;
}

/** Takes a mailbox's use from one quota root and adds it to another. */
export function moveUse(
  { tx }: VerbContext,
  entry: LocalEntry,
  from: MboxName | undefined,
  to: MboxName | undefined,
): void {
  if (from === to) return;
  const { sizeOctets, exists, annotOctets } = tx.mailbox(entry.mbox).header;
  if (from !== undefined) tx.addQuotaUse(from, -sizeOctets, -exists, -annotOctets, -1);
  if (to !== undefined) tx.addQuotaUse(to, sizeOctets, exists, annotOctets, 1);
}

/** Removes a mailbox for good, leaving a tombstone under its name. One step, whatever is in it: what is left of it goes later. */
export function destroyEntry(context: VerbContext, entry: ListEntry): void {
  const { tx } = context;
  const root = tx.quotaRoot(entry.name);
  const folderModseq = tx.nextFolderModseq(entry.name);
  if (entry.mbox !== undefined) {
    const local = requireLocal(entry);
    moveUse(context, local, root, undefined);
    leaveLegacyDirectory(tx, local);
    destroyMailbox(tx, local);
  }
  bury(context, entry, folderModseq);
  context.audit(auditLine("delete", { mailbox: entry.name, uniqueid: entry.uniqueId }));
}
