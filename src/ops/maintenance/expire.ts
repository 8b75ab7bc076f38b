/** What cyr_expire does in the writer. Each verb works on one mailbox, in slices. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { Flag, isReserved, isTombstone, type MessageBox } from "../../store/index.ts";
import { isDeletedName } from "../names/index.ts";
import { destroyEntry } from "../mailboxes/tree.ts";
import { contextOf } from "../mailboxes/verb.ts";
import { mailboxRules } from "../mailboxes/rules.ts";
import { refuse } from "../errors.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { removeAnnotationsOf } from "./annotation-use.ts";
import { boxOf, nextSlice, requireAdmin, ROWS_A_SLICE } from "./verb.ts";

interface Before {
  readonly box: UniqueId;
  /** Epoch seconds. */
  readonly before: number;
}

/** Removes for good what was expunged before a time: row, guid index, and, paced, the file. @returns how many */
export const removeExpunged: Verb<Before, number> = {
  name: "maintenance.remove-expunged",
  run(context, { box, before }) {
    requireAdmin(context);
    return removeSlices(context, boxOf(context, box), before);
  },
};

function* removeSlices(context: VerbContext, box: MessageBox, before: number): Generator<void, number, void> {
  const { tx } = context;
  let count = 0;
  for (let next: number | undefined = 1; next !== undefined; ) {
    const removed: { uid: number; guid: Uint8Array }[] = [];
    const writer = tx.mailbox(box.mbox);
    next = writer.removeTombstones(next, ROWS_A_SLICE, before, removed).next;
    for (const { uid, guid } of removed) {
      const sql = "DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?";
      tx.db.run(sql, writer.header.owner, guid, box.mbox, uid);
      removeAnnotationsOf(tx, box, uid);
      tx.doom(box.uniqueId, box.partition, uid, tx.now);
    }
    count += removed.length;
    if (next !== undefined) yield* nextSlice(context, box);
  }
  return count;
}

/** Expunges messages that arrived before a time. @returns how many */
export const expireMessages: Verb<Before, number> = {
  name: "maintenance.expire-messages",
  run(context, { box, before }) {
    requireAdmin(context);
    return expireSlices(context, boxOf(context, box), before);
  },
};

function* expireSlices(context: VerbContext, box: MessageBox, before: number): Generator<void, number, void> {
  const { tx } = context;
  const gone: number[] = [];
  for (let next: number | undefined = 1; next !== undefined; ) {
    const writer = tx.mailbox(box.mbox);
    const live: number[] = [];
    const ranges = [{ first: 1, last: writer.header.lastUid }];
    const progress = writer.walkHot(ranges, next, ROWS_A_SLICE, (block, index) => {
      if (!(block.flags(index) & Flag.expunged)) live.push(block.uid(index));
    });
    const old = live.filter((uid) => (writer.coldRow(uid)?.internalDate ?? before) < before);
    const slice = old.map((uid) => ({ first: uid, last: uid }));
    writer.expunge(slice, 1, Number.MAX_SAFE_INTEGER, 0, gone);
    next = progress.next;
    if (next !== undefined) yield* nextSlice(context, box);
  }
  return gone.length;
}

/** Frees places of the flag table that no message uses, tombstones included. @returns the names that went */
export const dropUnusedFlags: Verb<{ readonly box: UniqueId }, string[]> = {
  name: "maintenance.drop-unused-flags",
  run(context, { box }) {
    requireAdmin(context);
    return flagSlices(context, boxOf(context, box));
  },
};

function* flagSlices(context: VerbContext, box: MessageBox): Generator<void, string[], void> {
  const { tx } = context;
  if (!tx.mailbox(box.mbox).header.flagNames.some((name) => name !== null)) return [];
  // Nobody may set a flag behind our back.
  tx.lock(box.mbox);
  tx.onFailure((again) => again.unlock(box.mbox));
  const used = [0, 0, 0, 0];
  for (let next: number | undefined = 1; next !== undefined; ) {
    const writer = tx.mailbox(box.mbox);
    const ranges = [{ first: 1, last: writer.header.lastUid }];
    next = writer.walkHot(ranges, next, 10 * ROWS_A_SLICE, (block, index) => {
      const at = block.at(index) + 24;
      for (let word = 0; word < 4; word++) used[word]! |= block.view.getUint32(at + 4 * word, true);
    }).next;
    if (next !== undefined) yield;
  }
  const writer = tx.mailbox(box.mbox);
  const isUsed = (place: number): boolean => (used[place >> 5]! & (1 << (place & 31))) !== 0;
  const dropped = writer.header.flagNames.filter((name, place) => name !== null && !isUsed(place)) as string[];
  if (dropped.length > 0) {
    const table = writer.header.flagNames.map((name, place) => (isUsed(place) ? name : null));
    while (table.length > 0 && table.at(-1) === null) table.pop();
    writer.header.flagNames = table;
    writer.touch();
    tx.headerFileDue(box.mbox);
  }
  tx.unlock(box.mbox);
  return dropped;
}

/** Removes a mailbox whose deletion was delayed, for good. False: it is not there any more. */
export const removeDeleted: Verb<{ readonly name: MboxName }, boolean> = {
  name: "maintenance.remove-deleted",
  run(context, { name }) {
    requireAdmin(context);
    const { tx, rules } = context;
    if (!isDeletedName(name, rules.names.deletedPrefix)) refuse("badName");
    const entry = tx.entry(name);
    if (!entry) return false;
    destroyEntry(contextOf(tx, context.caller, mailboxRules(rules.config)), entry);
    return true;
  },
};

/** Removes tombstones of the mailbox list that are older than a time. @returns their names */
export const removeStaleTombstones: Verb<{ readonly names: readonly MboxName[]; readonly before: number }, MboxName[]> =
  {
    name: "maintenance.remove-stale-tombstones",
    run(context, { names, before }) {
      requireAdmin(context);
      const { tx } = context;
      const stale = names.filter((name) => {
        const entry = tx.isHere(name) ? tx.anyEntry(name) : undefined;
        return entry !== undefined && isTombstone(entry) && entry.mtime < before;
      });
      for (const name of stale) tx.removeEntry(name);
      return stale;
    },
  };

/** Removes reserved names: what a creation or move that died left. @returns them */
export const removeReserved: Verb<Record<string, never>, MboxName[]> = {
  name: "maintenance.remove-reserved",
  run(context) {
    requireAdmin(context);
    const { tx } = context;
    const sql = "SELECT uniqueid FROM list WHERE type LIKE '%z%' AND mbox IS NULL";
    const removed: MboxName[] = [];
    for (const [uniqueId] of tx.db.all(sql)) {
      const entry = tx.entryByUniqueId(uniqueId as UniqueId);
      if (!entry || !isReserved(entry)) continue;
      tx.removeEntry(entry.name);
      removed.push(entry.name);
    }
    return removed;
  },
};
