/**
 * What is left of a mailbox that is gone: rows, annotations, what others had seen, entries of the guid index. A mailbox goes in one step: its header does,
 * by which everybody finds its rows. The rest may be a million rows, and is removed behind it, a slice at a time between others' requests; an intent row
 * says whose it is until nothing is left, over restarts. Mailbox numbers are not used again, so nobody meets it meanwhile.
 */
import type { UniqueId } from "../../formats/ids.ts";
import { blockId } from "../keys.ts";
import { COLD_SPAN, ColdBlock } from "../records/cold.ts";
import { BlockError, HOT_SPAN } from "../records/hot.ts";
import type { MessageBox } from "./append.ts";
import { GuidBatch } from "./guid-batch.ts";
import { Busy, type Tx } from "./tx.ts";

export const REMAINS_INTENT = "remains";

/** A mailbox that is gone. */
export interface Remains {
  readonly mbox: number;
  /** Number of its owner's row. */
  readonly owner: number;
  readonly uniqueId: UniqueId;
}

/** What a slice reads, and what it removes. */
const BLOCKS_READ = 64;
const BLOCKS_REMOVED = 100;
const ROWS_REMOVED = 500;

/** Takes a mailbox away from everybody; its rows and files follow. The list entry, and quota use, are the caller's. @throws Busy */
export function destroyMailbox(tx: Tx, { mbox, uniqueId, partition }: MessageBox): void {
  const { header } = tx.mailbox(mbox);
  const { owner } = header;
  tx.changed(header);
  tx.forgetMailbox(mbox);
  // Rows of `pending` stay: copies elsewhere may be links to files that they have yet to write.
  tx.db.run("DELETE FROM header_due WHERE mbox=?", mbox);
  tx.db.run("DELETE FROM mailbox WHERE mbox=?", mbox);
  tx.doom(uniqueId, partition, 0, tx.now);
  const remains: Remains = { mbox, owner, uniqueId };
  if (isSomethingLeft(tx, remains))
    tx.db.run("INSERT INTO intent(kind, args) VALUES (?,?)", REMAINS_INTENT, JSON.stringify(remains));
}

function isSomethingLeft({ db }: Tx, { mbox, uniqueId }: Remains): boolean {
  const sql =
    "SELECT 1 FROM cold WHERE id>=? AND id<? UNION ALL SELECT 1 FROM hot WHERE id>=? AND id<? UNION ALL " +
    "SELECT 1 FROM annotation WHERE uniqueid=? UNION ALL SELECT 1 FROM seen WHERE uniqueid=? LIMIT 1";
  return db.get(sql, ...blocksOf(mbox, COLD_SPAN), ...blocksOf(mbox, HOT_SPAN), uniqueId, uniqueId) !== undefined;
}

/** Whether there are remains of any mailbox. */
export function areRemains({ db }: Pick<Tx, "db">): boolean {
  return db.get("SELECT 1 FROM intent WHERE kind=? LIMIT 1", REMAINS_INTENT) !== undefined;
}

/** To be called before a mailbox is made that has an identity already: what is found by identity would be removed from under it. @throws Busy */
export function requireNoRemains({ db }: Tx, uniqueId: UniqueId): void {
  const sql =
    "SELECT json_extract(args,'$.mbox') FROM intent WHERE kind=? AND json_extract(args,'$.uniqueId')=? LIMIT 1";
  const row = db.get(sql, REMAINS_INTENT, uniqueId);
  if (row) throw new Busy(row[0] as number);
}

/** The writer's own verb: removes all remains there are. */
export function* removeRemains(tx: Tx): Generator<void, void, void> {
  for (;;) {
    const row = tx.db.get("SELECT id, args FROM intent WHERE kind=? ORDER BY id LIMIT 1", REMAINS_INTENT);
    if (!row) return;
    yield* removeRows(tx, JSON.parse(row[1] as string) as Remains);
    tx.db.run("DELETE FROM intent WHERE id=?", row[0]!);
    yield;
  }
}

/** Removes everything of a mailbox whose header and entry are gone. May be cut short anywhere, and begun again. */
export function* removeRows(tx: Tx, remains: Remains): Generator<void, void, void> {
  yield* removeMessages(tx, remains);
  while (removeSome(tx, "annotation", "uid, entry, userid", remains.uniqueId)) yield;
  while (removeSome(tx, "seen", "userid", remains.uniqueId)) yield;
}

function* removeMessages(tx: Tx, { mbox, owner }: Remains): Generator<void, void, void> {
  const [first, end] = blocksOf(mbox, COLD_SPAN);
  let isSearched = false;
  for (;;) {
    let isDamaged = false;
    // By the mailbox's own rows: the index has no order by mailbox. In the order of the index: a slice that removes rows from all over it would change as
    // many pages.
    const batch = new GuidBatch();
    let after = first - 1;
    for (let isMore = true; isMore && !batch.isFull; ) {
      const blocks = tx.db.all(
        "SELECT id, rows FROM cold WHERE id>? AND id<? ORDER BY id LIMIT ?",
        after,
        end,
        tx.slice(BLOCKS_READ),
      );
      for (const [id, rows] of blocks) {
        if (!addGuids(batch, rows as Uint8Array)) isDamaged = true;
        after = id as number;
      }
      isMore = blocks.length > 0;
      if (isMore) yield;
    }
    if (after < first) break;
    const sql = "DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?";
    let room = tx.slice(ROWS_REMOVED);
    for (const { guid, uid } of batch.sorted()) {
      tx.db.run(sql, owner, guid, mbox, uid);
      if (--room > 0) continue;
      yield;
      room = tx.slice(ROWS_REMOVED);
    }
    // What a damaged block had in the index is found the long way.
    if (isDamaged && !isSearched) yield* removeFromIndex(tx, owner, mbox);
    isSearched ||= isDamaged;
    // The index no longer speaks of them; cut short before this, they are gone through again.
    while (removeBlocks(tx, "cold", first, after + 1)) yield;
  }
  while (removeBlocks(tx, "hot", ...blocksOf(mbox, HOT_SPAN))) yield;
}

/** False: the block is damaged. */
function addGuids(batch: GuidBatch, rows: Uint8Array): boolean {
  try {
    const block = ColdBlock.decode(rows);
    for (let index = 0; index < block.count; index++) batch.add(block.guid(index), block.uid(index));
    return true;
  } catch (error) {
    if (error instanceof BlockError) return false;
    throw error;
  }
}

/** Goes through all that the owner has in the index. */
function* removeFromIndex({ db }: Tx, owner: number, mbox: number): Generator<void, void, void> {
  const sql =
    "SELECT guid, mbox, uid FROM guid WHERE owner=? AND (guid, mbox, uid)>(?,?,?) ORDER BY guid, mbox, uid LIMIT ?";
  for (let after: [Uint8Array, number, number] = [Buffer.alloc(0), 0, 0]; ; ) {
    const rows = db.all(sql, owner, ...after, ROWS_REMOVED) as [Uint8Array, number, number][];
    for (const [guid, of, uid] of rows)
      if (of === mbox) db.run("DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?", owner, guid, of, uid);
    if (rows.length < ROWS_REMOVED) return;
    after = rows.at(-1)!;
    yield;
  }
}

/** False: there was nothing left. */
function removeBlocks(tx: Tx, table: "hot" | "cold", first: number, end: number): boolean {
  const { db } = tx;
  const some = `SELECT max(id) FROM (SELECT id FROM ${table} WHERE id>=? AND id<? ORDER BY id LIMIT ?)`;
  const last = db.get(some, first, end, tx.slice(BLOCKS_REMOVED))![0] as number | null;
  if (last === null) return false;
  db.run(`DELETE FROM ${table} WHERE id>=? AND id<=?`, first, last);
  return true;
}

/** False: there was nothing left. @param key the columns that, with the identity, are the table's key */
function removeSome(tx: Tx, table: "annotation" | "seen", key: string, uniqueId: UniqueId): boolean {
  const { db } = tx;
  const rows = db.all(`SELECT ${key} FROM ${table} WHERE uniqueid=? LIMIT ?`, uniqueId, tx.slice(ROWS_REMOVED));
  const places = key.replaceAll(/\w+/g, "?");
  for (const row of rows) db.run(`DELETE FROM ${table} WHERE uniqueid=? AND (${key})=(${places})`, uniqueId, ...row);
  return rows.length > 0;
}

function blocksOf(mbox: number, span: number): [first: number, end: number] {
  return [blockId(mbox, 0, span), blockId(mbox + 1, 0, span)];
}
