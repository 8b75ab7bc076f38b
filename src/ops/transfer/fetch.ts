/**
 * A tree comes from another shard: its rows are copied in slices, under numbers that no list entry names, and one last step publishes all of it. Message
 * files stay where they are. Until the other shard has let go of the tree nobody can change it here.
 */
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  addSubscription,
  type ForeignShard,
  type ListEntry,
  ownerOf,
  readSubscriptions,
  type Tx,
} from "../../store/index.ts";
import type { Value } from "../../store/database.ts";
import { readHeader } from "../../store/mailbox-header.ts";
import { quotaRootOf, readQuotas } from "../../store/quota-row.ts";
import { refuse } from "../errors.ts";
import { auditLine } from "../mailboxes/audit.ts";
import { placeOf } from "../mailboxes/place.ts";
import { makeParents, type Renamed, renamedName, requireTarget } from "../mailboxes/rename.ts";
import { renamedUserAcl } from "../mailboxes/rename-user.ts";
import { MAX_HISTORY } from "../mailboxes/tree.ts";
import { areFree, type MailboxVerb, type Sliced, startSlices, type VerbContext } from "../mailboxes/verb.ts";
import { isBelow, isInboxName, ownerOfName, parentName } from "../names/index.ts";
import { requireQuota } from "../quota/index.ts";
import { type IdArgs, unwrittenFiles } from "./begin.ts";
import {
  dropRecord,
  type IncomingRecord,
  type MovedMailbox,
  type OutgoingRecord,
  readRecord,
  readRecords,
  writeRecord,
} from "./records.ts";
import {
  copyAnnotations,
  copyColdBlocks,
  copyHeader,
  copyHotBlocks,
  copySeen,
  type Portion,
  removeAllRows,
  ROWS_A_SLICE,
  showHeader,
} from "./rows.ts";
import { takeFrom } from "./take-from.ts";

export interface FetchArgs {
  readonly id: string;
  readonly from: MboxName;
  readonly to: MboxName;
}

export const fetchTree: MailboxVerb<FetchArgs & { readonly source: number }, Renamed> = {
  name: "transfer.fetch",
  run: (context, { id, source }) => startSlices(fetchSlices(context, id, source)),
};

/** The tree, as its shard has it now. */
interface SourceTree {
  readonly record: OutgoingRecord;
  readonly shard: ForeignShard;
}

/** @throws MailError storeUnavailable when the tree is not, or no longer, to come here */
function lookAt({ tx }: VerbContext, id: string, source: number): SourceTree {
  const shard = takeFrom(tx, source);
  const record = readRecord(shard.db, "transfer.out", id);
  if (record?.state !== "open" || record.shard !== tx.shard) return refuse("storeUnavailable");
  return { record, shard };
}

function entriesOf({ record, shard }: SourceTree): ListEntry[] {
  const top = shard.snapshot.entry(record.from);
  return [...(top ? [top] : []), ...shard.snapshot.children(record.from)];
}

function* fetchSlices(context: VerbContext, id: string, source: number): Sliced<Renamed> {
  const { tx } = context;
  // Somebody has asked for it before, and gave up.
  if (readRecord(tx.db, "transfer.in", id)) return refuse("storeUnavailable");
  const first = lookAt(context, id, source);
  const { from, to } = first.record;
  const entries = entriesOf(first);
  requireNoneLeaving(context, entries);
  requireRoom(context, first, entries);
  const owner = tx.owner(ownerOf(to, tx.settings.deletedPrefix)).id;
  const made = new Map<number, MovedMailbox>();
  for (const { mbox, uniqueId } of entries)
    if (mbox !== undefined) made.set(mbox, { mbox: tx.newMbox(), owner, uniqueId });
  const record: IncomingRecord = {
    kind: "transfer.in",
    id,
    at: tx.now,
    from,
    to,
    shard: source,
    state: "copying",
    made: [...made.values()],
    frozen: [],
  };
  writeRecord(tx, record);
  tx.onFailure((again) => takeBack(again, record));
  yield* copyRows(tx, made, () => lookAt(context, id, source).shard);
  // A mailbox above is waited for here, where the whole cannot begin again.
  while (!areFree(tx, nearestAncestor(context, to))) yield;
  return yield* publish(context, lookAt(context, id, source), record, made);
}

/** @param look at the source, once in each slice */
function* copyRows(tx: Tx, made: ReadonlyMap<number, MovedMailbox>, look: () => ForeignShard): Sliced<void> {
  let shard = look();
  let room = tx.slice(ROWS_A_SLICE);
  const all = function* <P>(copy: (from: ForeignShard, after: P | undefined) => Portion<P> | undefined): Sliced<void> {
    for (let portion = copy(shard, undefined); portion; portion = copy(shard, portion.last)) {
      room -= portion.rows;
      if (room > 0) continue;
      yield;
      shard = look();
      room = tx.slice(ROWS_A_SLICE);
    }
  };
  for (const [source, target] of made) {
    copyHeader(tx, readHeader(shard.db, source) ?? refuse("storeUnavailable"), target);
    room -= 1;
    yield* all<number>((from, after) => copyHotBlocks(tx, from, source, target, after));
    yield* all<number>((from, after) => copyColdBlocks(tx, from, source, target, after));
    yield* all<Value[]>((from, after) => copyAnnotations(tx, from, target, after));
    yield* all<string>((from, after) => copySeen(tx, from, target, after));
  }
}

/** Rows of a tree that has just left this shard are still being removed, some of them by identity. @throws MailError storeUnavailable */
function requireNoneLeaving({ tx }: VerbContext, entries: readonly ListEntry[]): void {
  const records = readRecords(tx.db, "transfer.out", Number.MAX_SAFE_INTEGER);
  const leaving = new Set(records.flatMap((record) => record.leaving.map(({ uniqueId }) => uniqueId)));
  if (entries.some(({ uniqueId }) => leaving.has(uniqueId))) refuse("storeUnavailable");
}

function nearestAncestor({ tx }: VerbContext, name: MboxName): ListEntry[] {
  for (let at = parentName(name); at !== undefined; at = parentName(at)) {
    const entry = tx.entry(at);
    if (entry) return [entry];
  }
  return [];
}

/** Everything that is checked when the work begins, and again when it ends. @throws MailError */
function requireRoom(context: VerbContext, { record, shard }: SourceTree, entries: readonly ListEntry[]): void {
  const { tx } = context;
  const [top, ...children] = entries;
  if (!top) return refuse("storeUnavailable");
  const { from, to } = record;
  requireTarget(context, top, to, () => children);
  const root = tx.quotaRoot(to);
  if (root === undefined) return;
  const outer = quotaRootOf(shard.db, from);
  const sum = { octets: 0, messages: 0, annotOctets: 0, folders: 0 };
  for (const { mbox, name } of entries) {
    // What has a root of its own within the tree takes it along.
    if (mbox === undefined || outer === from || quotaRootOf(shard.db, name) !== outer) continue;
    const header = readHeader(shard.db, mbox) ?? refuse("storeUnavailable");
    sum.octets += header.sizeOctets;
    sum.messages += header.exists;
    sum.annotOctets += header.annotOctets;
    sum.folders += 1;
  }
  requireQuota(tx.quota(root), sum);
}

/** One step: from its commit on the tree is here. */
function* publish(
  context: VerbContext,
  tree: SourceTree,
  record: IncomingRecord,
  made: ReadonlyMap<number, MovedMailbox>,
): Sliced<Renamed> {
  const { tx } = context;
  const { from, to } = record;
  const { db } = tree.shard;
  const entries = entriesOf(tree);
  requireRoom(context, tree, entries);
  if (unwrittenFiles(db, tree.record) > 0) return refuse("storeUnavailable");
  yield* makeParents(context, placeOf(context, to));
  carryCounters(context, db, from, to);
  for (const quota of readQuotas(db, from)) {
    const root = renamedName(quota.root, from, to);
    const unused = { storageUsed: 0, messageUsed: 0, annotUsed: 0, folderUsed: 0 };
    if (!tx.quota(root)) tx.putQuota({ ...quota, ...unused, root, modseq: tx.nextFolderModseq(to) });
  }
  const renamed = entries.map((entry) => {
    const box = entry.mbox === undefined ? undefined : made.get(entry.mbox);
    return publishOne(context, tree, entry, box);
  });
  if (isInboxName(from)) takeSubscriptions(tx, db, from, to);
  writeRecord(tx, { ...record, state: "published", frozen: record.made.map(({ mbox }) => mbox) });
  return renamed;
}

/** What was given out under the old name is not given out again under the new one. */
function carryCounters({ tx }: VerbContext, db: ForeignShard["db"], from: MboxName, to: MboxName): void {
  const { deletedPrefix } = tx.settings;
  const target = tx.owner(ownerOf(to, deletedPrefix));
  const row = isInboxName(from)
    ? db.get("SELECT modseq, uidvalidity FROM owner WHERE name=?", ownerOf(from, deletedPrefix))
    : undefined;
  if (row) {
    target.modseq = Math.max(target.modseq, row[0] as number);
    target.uidValidity = Math.max(target.uidValidity, row[1] as number);
  }
  tx.nextFolderModseq(to);
}

function publishOne(
  context: VerbContext,
  { record, shard }: SourceTree,
  entry: ListEntry,
  box: MovedMailbox | undefined,
): Renamed[number] {
  const { tx } = context;
  const { from, to } = record;
  const target = renamedName(entry.name, from, to);
  const { name, mtime, uidValidity, createdModseq, folderModseq, type } = entry;
  const header = entry.mbox === undefined ? undefined : readHeader(shard.db, entry.mbox);
  if (header) {
    // A mailbox made later under this name must have a higher one.
    const owner = tx.owner(ownerOf(target, tx.settings.deletedPrefix));
    owner.uidValidity = Math.max(owner.uidValidity, header.uidValidity);
    owner.modseq = Math.max(owner.modseq, header.highestModseq);
  }
  if (box) showHeader(tx, box);
  tx.putEntry({
    ...entry,
    name: target,
    mbox: box?.mbox,
    acl: isInboxName(from) ? renamedUserAcl(context, entry.acl, from, to) : entry.acl,
    mtime: tx.now,
    folderModseq: tx.nextFolderModseq(target),
    history: [{ name, mtime, uidValidity, createdModseq, folderModseq, type }, ...entry.history].slice(0, MAX_HISTORY),
  });
  const root = header && tx.quotaRoot(target);
  if (root) tx.addQuotaUse(root, header.sizeOctets, header.exists, header.annotOctets, 1);
  if (box) {
    carryDoomed(tx, shard, box);
    context.audit(auditLine("rename", { oldmailbox: name, newmailbox: target, uniqueid: entry.uniqueId }));
  }
  return { from: name, to: target };
}

/** Directories that are to go unless the mailbox lives in them by then: only the shard that has the mailbox can tell. */
function carryDoomed(tx: Tx, { db }: ForeignShard, { uniqueId }: MovedMailbox): void {
  const sql = "SELECT partition, not_before FROM doomed WHERE uniqueid=? AND uid=0";
  for (const [partition, notBefore] of db.all(sql, uniqueId))
    tx.doom(uniqueId, partition as string, 0, notBefore as number);
}

function takeSubscriptions(tx: Tx, db: ForeignShard["db"], from: MboxName, to: MboxName): void {
  const newUser = ownerOfName(to) as UserId;
  for (const name of readSubscriptions(db, ownerOfName(from) as UserId)) {
    const isOwn = name === from || isBelow(name, from);
    addSubscription(tx.db, newUser, isOwn ? renamedName(name, from, to) : name);
  }
}

/** The tree will not come. Its rows go in slices, with `clear`. */
export function takeBack(tx: Tx, record: IncomingRecord): void {
  for (const { mbox } of record.made) tx.db.run("DELETE FROM mailbox WHERE mbox=?", mbox);
  writeRecord(tx, { ...record, state: "undoing", frozen: [] });
}

/** Removes what is left of a tree that has not come. */
export const clear: MailboxVerb<IdArgs, void> = {
  name: "transfer.clear",
  run: (context, { id }) => startSlices(clearSlices(context, id)),
};

function* clearSlices({ tx }: VerbContext, id: string): Sliced<void> {
  const record = readRecord(tx.db, "transfer.in", id);
  if (record?.state !== "undoing") return;
  yield* removeAllRows(tx, record.made);
  dropRecord(tx, "transfer.in", id);
}

/** How far it has come. Who asks after the source's shard has said "no more" can rely on the answer. */
export const settle: MailboxVerb<IdArgs, "none" | "copying" | "published"> = {
  name: "transfer.settle",
  run({ tx }, { id }) {
    const state = readRecord(tx.db, "transfer.in", id)?.state ?? "none";
    return state === "undoing" ? "none" : state;
  },
};

/** The source's shard has let go of the tree: it may be changed here. */
export const thaw: MailboxVerb<IdArgs, void> = {
  name: "transfer.thaw",
  run({ tx }, { id }) {
    const record = readRecord(tx.db, "transfer.in", id);
    if (record?.state !== "published") return;
    const outgoing = readRecord(takeFrom(tx, record.shard).db, "transfer.out", id);
    if (outgoing !== undefined && outgoing.state !== "leaving") return refuse("storeUnavailable");
    dropRecord(tx, "transfer.in", id);
  },
};
