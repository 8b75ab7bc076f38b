/** DELETE and LOCALDELETE: RFC 3501 §6.3.4, with Cyrus's delayed deletion and deletion of whole users. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  isIntermediate,
  childRange,
  isTombstone,
  keyOf,
  type ListEntry,
  removeSeenOfUser,
  removeSubscription,
  removeSubscriptionsOfUser,
} from "../../store/index.ts";
import { readEntries } from "../../store/list-entry.ts";
import { readQuotas } from "../../store/quota-row.ts";
import { Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import {
  deletedNameOf,
  domainOf,
  isDeletedName,
  isInboxName,
  joinName,
  ownerOfName,
  parentName,
  pathOf,
} from "../names/index.ts";
import { beginTreeWork, endTreeWork } from "./intent.ts";
import { hasUse } from "./special-use.ts";
import { destroyEntry, moveEntry } from "./tree.ts";
import {
  areFree,
  ENTRIES_A_SLICE,
  type MailboxVerb,
  requireLocal,
  type Sliced,
  startSlices,
  type VerbContext,
} from "./verb.ts";

export interface DeleteArguments {
  readonly name: MboxName;
  /** LOCALDELETE: for good at once, and an administrator needs no right on the mailbox. */
  readonly local?: boolean | undefined;
}

/** Deleted mailboxes kept of one name. */
export const MAX_DELETED_COPIES = 20;

export const deleteMailbox: MailboxVerb<DeleteArguments, void> = {
  name: "mailboxes.delete",
  run: (context, args) => startSlices(remove(context, args)),
};

function* remove(context: VerbContext, { name, local = false }: DeleteArguments): Sliced<void> {
  const { tx, access, rules } = context;
  const entry = tx.entry(name) ?? refuse("mailboxNonexistent");
  const isAdmin = access.isAdminOf(name);
  const rights = access.rights(name, entry.acl);
  if (access.isHidden(name)) refuse("mailboxNonexistent");
  const isUser = isInboxName(name);
  if (isUser && access.isOwner(name) && !isAdmin) refuse("notSupported");
  if (!(rights & Right.deleteMailbox) && !(local && isAdmin)) {
    refuse(rights & Right.lookup ? "permissionDenied" : "mailboxNonexistent");
  }
  // Nobody but an administrator removes a user: RFC 3501 §6.3.4 forbids INBOX.
  if (isUser && !isAdmin) refuse("notSupported");
  if (!isAdmin && hasUse(entry.specialUse, rules.specialUses.protect)) refuse("specialUseConflict");
  if (entry.mbox !== undefined) tx.mailbox(requireLocal(entry).mbox);
  if (isUser) {
    yield* deleteUser(context, name, local);
    return;
  }
  if (hasChildren(context, name)) refuse("hasChildren");
  removeOne(context, entry, local);
  if (rules.deleteUnsubscribe && context.caller.userId !== undefined)
    removeSubscription(tx.db, context.caller.userId, name);
  pruneIntermediates(context, name);
}

function hasChildren({ tx }: VerbContext, name: MboxName): boolean {
  const { from, to } = childRange(keyOf(name));
  for (let after = from; ; ) {
    const entries = readEntries(tx.db, after, to, 50);
    if (entries.length === 0) return false;
    if (entries.some((entry) => !isTombstone(entry))) return true;
    after = keyOf(entries.at(-1)!.name);
  }
}

/** A mailbox of its own: renamed below the tree of deleted ones, or gone at once. */
function removeOne(context: VerbContext, entry: ListEntry, forGood: boolean): void {
  const { tx, rules } = context;
  const { deletedPrefix } = rules.names;
  const isDelayed = rules.deleteMode === "delayed" && !forGood && !isDeletedName(entry.name, deletedPrefix);
  if (isDelayed && entry.mbox !== undefined) {
    dropOldCopies(context, entry.name);
    moveEntry(context, { entry, to: freeDeletedName(context, entry.name) });
  } else destroyEntry(context, entry);
  if (tx.quota(entry.name)) tx.removeQuota(entry.name);
}

/** Mailboxes deleted twice in a second get stamps a second apart. */
function freeDeletedName({ tx, rules }: VerbContext, name: MboxName): MboxName {
  for (let at = tx.now; ; at++) {
    const deleted = deletedNameOf(name, at, rules.names.deletedPrefix);
    if (!tx.anyEntry(deleted)) return deleted;
  }
}

/** Makes room for one more deleted mailbox of that name: the oldest go for good. */
function dropOldCopies(context: VerbContext, name: MboxName): void {
  const { tx, rules } = context;
  const top = joinName(domainOf(name), `${rules.names.deletedPrefix}.${pathOf(name)}`);
  // In name order, which is the order of the stamps.
  const copies = tx.children(top).filter((entry) => /^\.[0-9A-F]{8}$/.test(entry.name.slice(top.length)));
  for (const copy of copies.slice(0, Math.max(0, copies.length - MAX_DELETED_COPIES + 1))) destroyEntry(context, copy);
}

/** Parents that nobody created go with their last child. */
function pruneIntermediates(context: VerbContext, name: MboxName): void {
  for (let at = parentName(name); at !== undefined; at = parentName(at)) {
    const entry = context.tx.entry(at);
    if (!entry || !isIntermediate(entry) || hasChildren(context, at)) return;
    context.tx.removeEntry(at);
  }
}

/** All mailboxes of a user, the INBOX last, then what belongs to the user: subscriptions, seen state, quota. Also called by recovery. */
export function* deleteUser(context: VerbContext, inbox: MboxName, forGood: boolean): Sliced<void> {
  const { tx, caller } = context;
  const owner = ownerOfName(inbox) as UserId;
  const root = tx.entry(inbox);
  const { from, to } = childRange(keyOf(inbox));
  const atOnce = tx.slice(ENTRIES_A_SLICE);
  let intent = 0;
  let after = from;
  for (;;) {
    const entries = readEntries(tx.db, after, to, atOnce);
    if (intent !== 0 && !areFree(tx, entries)) {
      yield;
      continue;
    }
    for (const entry of entries) if (!isTombstone(entry)) removeOne(context, entry, forGood);
    if (entries.length < atOnce) break;
    after = keyOf(entries.at(-1)!.name);
    if (intent === 0 && root?.mbox !== undefined) {
      intent = beginTreeWork(tx, root.mbox, { kind: "deleteUser", inbox, forGood, caller });
    }
    yield;
  }
  if (root) removeOne(context, root, forGood);
  removeSubscriptionsOfUser(tx.db, owner);
  // What other shards have of the user goes by itself: forget-user.ts.
  removeSeenOfUser(tx.db, owner);
  for (const quota of readQuotas(tx.db, inbox)) tx.removeQuota(quota.root);
  if (intent !== 0 && root?.mbox !== undefined) endTreeWork(tx, root.mbox, intent);
}
