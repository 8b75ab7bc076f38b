/**
 * RENAME: RFC 3501 §6.3.5. A mailbox goes with everything below it, with ACLs, subscriptions of nobody, quota roots and special uses as they are. Renaming
 * the own INBOX moves its messages; a whole user is renamed by an administrator, with `allowusermoves`.
 */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, isIntermediate, isReserved, isTombstone, keyOf, type ListEntry } from "../../store/index.ts";
import { readEntries } from "../../store/list-entry.ts";
import { readQuotas } from "../../store/quota-row.ts";
import { Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { isBelow, isInboxName, isValidNewName, ownerOfName, parentName } from "../names/index.ts";
import { requireQuota } from "../quota/index.ts";
import { createMailbox } from "./create.ts";
import { beginTreeWork, endTreeWork } from "./intent.ts";
import { movePartition } from "./partition.ts";
import { type Place, placeOf, refuseTaken, requirePlace } from "./place.ts";
import { carryCounters, renamedUserAcl, renameUserRows } from "./rename-user.ts";
import { hasUse } from "./special-use.ts";
import { bury, moveEntry } from "./tree.ts";
import {
  areFree,
  ENTRIES_A_SLICE,
  type LocalEntry,
  type MailboxVerb,
  requireLocal,
  type Sliced,
  startSlices,
  type VerbContext,
} from "./verb.ts";

export interface RenameArguments {
  readonly from: MboxName;
  readonly to: MboxName;
  /** Administrators only, and only with `from` equal to `to`: moves the mailbox's files. */
  readonly partition?: string | undefined;
}

/** Each mailbox that got another name, in order; IMAP tells the ones that the client may see. */
export type Renamed = readonly { readonly from: MboxName; readonly to: MboxName }[];

export const renameMailbox: MailboxVerb<RenameArguments, Renamed> = {
  name: "mailboxes.rename",
  run: (context, args) => startSlices(rename(context, args)),
};

function* rename(context: VerbContext, args: RenameArguments): Sliced<Renamed> {
  const { access, rules } = context;
  const { from, to } = args;
  const entry = requireSource(context, from);
  const isAdmin = access.isAdminOf(from) && access.isAdminOf(to);
  if (args.partition !== undefined && !isAdmin) refuse("permissionDenied");
  if (from === to) {
    if (args.partition === undefined || args.partition === entry.partition) refuse("mailboxExists");
    if (!rules.partitions.has(args.partition)) refuse("badPartition");
    yield* movePartition(context, requireLocal(entry), args.partition);
    return [];
  }
  if (args.partition !== undefined) refuse("notSupported");
  if (isInboxName(from) && access.isOwner(from)) return yield* renameInbox(context, from, to);
  requireUserMove(context, from, to);
  const place = requireTarget(context, entry, to, () => context.tx.children(from));
  requireTreeQuota(context, entry, to);
  yield* makeParents(context, place);
  return yield* renameTree(context, from, to);
}

/** A user's name changes as a whole or not at all. A shared mailbox may become a user's. @throws MailError notSupported */
export function requireUserMove({ access, rules }: VerbContext, from: MboxName, to: MboxName): void {
  const isAdmin = access.isAdminOf(from) && access.isAdminOf(to);
  if (isInboxName(from) && !(isInboxName(to) && isAdmin && rules.allowUserMoves)) refuse("notSupported");
}

/** @throws MailError for a mailbox that the caller may not rename away */
export function requireSource({ tx, access }: VerbContext, from: MboxName): ListEntry {
  const entry = tx.entry(from) ?? refuse("mailboxNonexistent");
  const isAdmin = access.isAdminOf(from);
  const rights = access.rights(from, entry.acl);
  if (access.isHidden(from)) refuse("mailboxNonexistent");
  if (!isAdmin && !(rights & Right.deleteMailbox))
    refuse(rights & Right.lookup ? "permissionDenied" : "mailboxNonexistent");
  if (entry.mbox !== undefined) tx.mailbox(entry.mbox);
  else if (!isIntermediate(entry)) requireLocal(entry);
  return entry;
}

/**
 * @param children what is below the mailbox, which may be in another shard
 * @throws MailError for a name that the mailbox may not get
 */
export function requireTarget(
  context: VerbContext,
  entry: ListEntry,
  to: MboxName,
  children: () => readonly ListEntry[],
): Place {
  const { tx, access, rules } = context;
  if (!isValidNewName(to, rules.names)) refuse("badName");
  // It would be its own ancestor.
  if (isBelow(to, entry.name)) refuse("notSupported");
  const place = placeOf(context, to);
  const existing = tx.entry(to);
  if (existing && isReserved(existing)) refuse("mailboxReserved");
  if (existing) refuseTaken(context, existing);
  requirePlace(context, to, place);
  const isMovedAway = parentName(to) !== parentName(entry.name);
  if (!access.isAdminOf(to) && isMovedAway && hasUse(entry.specialUse, rules.specialUses.protect))
    refuse("specialUseConflict");
  const orphans = tx.children(to);
  if (orphans.length > 0) {
    const taken = new Set(orphans.map((orphan) => orphan.name));
    for (const child of children()) {
      if (taken.has(renamedName(child.name, entry.name, to))) refuse("mailboxExists");
    }
  }
  return place;
}

/** @throws MailError overQuota, when the tree comes under another root that has no room for it */
function requireTreeQuota({ tx }: VerbContext, entry: ListEntry, to: MboxName): void {
  const oldRoot = tx.quotaRoot(entry.name);
  const newRoot = tx.quotaRoot(to);
  const quota = newRoot === undefined || newRoot === oldRoot ? undefined : tx.quota(newRoot);
  if (quota === undefined) return;
  const sum = { octets: 0, messages: 0, annotOctets: 0, folders: 0 };
  for (const one of [entry, ...tx.children(entry.name)]) {
    // What has a root of its own within the tree takes it along.
    if (one.mbox === undefined || tx.quotaRoot(one.name) !== oldRoot || oldRoot === entry.name) continue;
    const { header } = tx.mailbox(one.mbox);
    sum.octets += header.sizeOctets;
    sum.messages += header.exists;
    sum.annotOctets += header.annotOctets;
    sum.folders += 1;
  }
  requireQuota(quota, sum);
}

export function* makeParents(context: VerbContext, { missing }: Place): Sliced<void> {
  const last = missing.at(-1);
  if (last === undefined) return;
  // Rights and names have been checked for the tree; its missing parents are made as CREATE makes them.
  const made = createMailbox.run(context, { name: last, byServer: true });
  if (Symbol.iterator in made) yield* made;
}

/** Also called by recovery, which goes on with what is still under the old name. */
export function* renameTree(context: VerbContext, from: MboxName, to: MboxName): Sliced<Renamed> {
  const { tx, caller } = context;
  const renamed: { from: MboxName; to: MboxName }[] = [];
  const isUser = isInboxName(from);
  if (isUser) carryCounters(tx, from, to);
  copyQuotaRoots(context, from, to);
  const moveOne = (entry: ListEntry): ListEntry => {
    const target = renamedName(entry.name, from, to);
    renamed.push({ from: entry.name, to: target });
    const changed = isUser ? { acl: renamedUserAcl(context, entry.acl, from, to) } : {};
    return moveEntry(context, { entry, to: target, changed });
  };

  const old = tx.entry(from);
  let root = tx.entry(to);
  if (old && !isReserved(old)) root = moveOne(old);
  const { from: first, to: end } = childRange(keyOf(from));
  const atOnce = tx.slice(ENTRIES_A_SLICE);
  let intent = 0;
  for (let after = first; ; ) {
    const entries = readEntries(tx.db, after, end, atOnce);
    if (intent !== 0 && !areFree(tx, entries)) {
      yield;
      continue;
    }
    for (const entry of entries) if (!isTombstone(entry)) moveOne(entry);
    if (entries.length < atOnce) break;
    after = keyOf(entries.at(-1)!.name);
    if (intent === 0 && root?.mbox !== undefined) {
      intent = beginTreeWork(tx, root.mbox, { kind: "rename", from, to, caller });
      holdName(context, requireLocal(root), from);
    }
    yield;
  }
  const held = tx.entry(from);
  if (held && isReserved(held)) bury(context, held, tx.nextFolderModseq(from));
  dropQuotaRoots(context, from, to);
  if (isUser) renameUserRows(tx, from, to, ownerOfName(from)!, ownerOfName(to)!);
  if (intent !== 0 && root?.mbox !== undefined) endTreeWork(tx, root.mbox, intent);
  return renamed;
}

export function renamedName(name: MboxName, from: MboxName, to: MboxName): MboxName {
  return (to + name.slice(from.length)) as MboxName;
}

/** While a tree moves in slices nobody may begin another one under its old name. */
function holdName({ tx }: VerbContext, root: LocalEntry, from: MboxName): void {
  tx.putEntry({
    ...root,
    name: from,
    uniqueId: tx.newUniqueId(),
    mbox: undefined,
    type: "ez",
    acl: "",
    specialUse: "",
    history: [],
  });
}

/** Roots within the tree are there under both names while it moves; each mailbox takes its use along. */
function copyQuotaRoots({ tx }: VerbContext, from: MboxName, to: MboxName): void {
  for (const quota of readQuotas(tx.db, from)) {
    const root = renamedName(quota.root, from, to);
    if (tx.quota(root)) continue;
    tx.putQuota({
      ...quota,
      root,
      storageUsed: 0,
      messageUsed: 0,
      annotUsed: 0,
      folderUsed: 0,
      modseq: tx.nextFolderModseq(to),
    });
  }
}

function dropQuotaRoots({ tx }: VerbContext, from: MboxName, to: MboxName): void {
  for (const { root } of readQuotas(tx.db, from)) if (tx.quota(renamedName(root, from, to))) tx.removeQuota(root);
}

/** RFC 3501 §6.3.5: the messages go to a new mailbox, INBOX stays, and so do its children. */
function* renameInbox(context: VerbContext, inbox: MboxName, to: MboxName): Sliced<Renamed> {
  const { tx, rules } = context;
  if (isInboxName(to)) refuse("notSupported");
  const moveAll = rules.moveAllMessages ?? refuse("notSupported");
  const made = createMailbox.run(context, { name: to });
  if (Symbol.iterator in made) yield* made;
  const source = requireLocal(tx.entry(inbox) ?? refuse("mailboxNonexistent"));
  const target = requireLocal(tx.entry(to) ?? refuse("mailboxNonexistent"));
  // Whoever else wants one of them waits: the work cannot begin again once it has begun.
  for (const { mbox } of [source, target]) tx.lock(mbox);
  tx.onFailure((again) => {
    for (const { mbox } of [source, target]) again.unlock(mbox);
  });
  yield* moveAll(tx, source.mbox, target.mbox);
  for (const { mbox } of [source, target]) tx.unlock(mbox);
  return [{ from: inbox, to }];
}
