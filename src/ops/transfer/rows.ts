/** Rows of one mailbox on their way from one shard to another. Blocks are copied as they are: uids, modseqs and everything else stay. */
import type { UniqueId } from "../../formats/ids.ts";
import {
  COLD_SPAN,
  ColdBlock,
  type ForeignShard,
  HOT_SPAN,
  type MailboxHeader,
  removeRows,
  type Tx,
} from "../../store/index.ts";
import type { Value } from "../../store/database.ts";
import { blockId } from "../../store/keys.ts";
import { insertHeader } from "../../store/mailbox-header.ts";
import type { MovedMailbox } from "./records.ts";

/** Rows that a slice copies or removes. */
export const ROWS_A_SLICE = 1_000;
const HOT_BLOCKS_A_SLICE = 10;
const COLD_BLOCKS_A_SLICE = 30;

/** What has been copied: the place of the last of it, and how many message rows' worth it was. */
export interface Portion<P> {
  readonly last: P;
  readonly rows: number;
}

/** Identity of a mailbox whose rows are still being copied: nobody asks for it. */
const hiddenIdentity = (uniqueId: UniqueId): string => `copying ${uniqueId}`;

/** The header comes first, under an identity that nobody knows. */
export function copyHeader(tx: Tx, header: MailboxHeader, { mbox, owner, uniqueId }: MovedMailbox): void {
  insertHeader(tx.db, { ...header, mbox, owner, uniqueId: hiddenIdentity(uniqueId) as UniqueId });
}

export function showHeader(tx: Tx, { mbox, uniqueId }: MovedMailbox): void {
  tx.db.run("UPDATE mailbox SET uniqueid=? WHERE mbox=?", uniqueId, mbox);
}

/** Copies hot blocks with ids above `after`. undefined: there were no more. */
export function copyHotBlocks(
  tx: Tx,
  from: ForeignShard,
  source: number,
  target: MovedMailbox,
  after = blockId(source, 0, HOT_SPAN) - 1,
): Portion<number> | undefined {
  const sql =
    "SELECT id, maxmodseq, unseen, live_low, live_high, rows FROM hot WHERE id>? AND id<? ORDER BY id LIMIT ?";
  const blocks = from.db.all(sql, after, blockId(source + 1, 0, HOT_SPAN), tx.slice(HOT_BLOCKS_A_SLICE));
  const shift = blockId(target.mbox, 0, HOT_SPAN) - blockId(source, 0, HOT_SPAN);
  for (const [id, ...columns] of blocks) {
    const insert = "INSERT OR REPLACE INTO hot(id, maxmodseq, unseen, live_low, live_high, rows) VALUES (?,?,?,?,?,?)";
    tx.db.run(insert, (id as number) + shift, ...columns);
  }
  return portion(blocks, (block) => block[0] as number, HOT_SPAN);
}

/** The same for cold blocks, with the index by guid. */
export function copyColdBlocks(
  tx: Tx,
  from: ForeignShard,
  source: number,
  target: MovedMailbox,
  after = blockId(source, 0, COLD_SPAN) - 1,
): Portion<number> | undefined {
  const end = blockId(source + 1, 0, COLD_SPAN);
  const sql = "SELECT id, rows FROM cold WHERE id>? AND id<? ORDER BY id LIMIT ?";
  const blocks = from.db.all(sql, after, end, tx.slice(COLD_BLOCKS_A_SLICE));
  const shift = blockId(target.mbox, 0, COLD_SPAN) - blockId(source, 0, COLD_SPAN);
  for (const [id, rows] of blocks) {
    tx.db.run("INSERT OR REPLACE INTO cold(id, rows) VALUES (?,?)", (id as number) + shift, rows!);
    const insert = "INSERT OR IGNORE INTO guid(owner, guid, mbox, uid) VALUES (?,?,?,?)";
    for (const [uid, guid] of guidsOf(rows!)) tx.db.run(insert, target.owner, guid, target.mbox, uid);
  }
  return portion(blocks, (block) => block[0] as number, COLD_SPAN);
}

function portion<P>(copied: Value[][], placeOf: (row: Value[]) => P, rowsEach: number): Portion<P> | undefined {
  const last = copied.at(-1);
  return last && { last: placeOf(last), rows: copied.length * rowsEach };
}

function* guidsOf(rows: Value): Generator<[uid: number, guid: Uint8Array]> {
  const block = ColdBlock.decode(rows as Uint8Array);
  for (let index = 0; index < block.count; index++) yield [block.uid(index), block.guid(index)];
}

/** Copies annotations after the one of that key. */
export function copyAnnotations(
  tx: Tx,
  from: ForeignShard,
  { uniqueId }: MovedMailbox,
  after: Value[] = [-1, "", ""],
): Portion<Value[]> | undefined {
  const sql =
    "SELECT uid, entry, userid, value, modseq FROM annotation WHERE uniqueid=? AND (uid, entry, userid)>(?,?,?) " +
    "ORDER BY uid, entry, userid LIMIT ?";
  const rows = from.db.all(sql, uniqueId, ...after, tx.slice(ROWS_A_SLICE));
  const insert = "INSERT OR REPLACE INTO annotation(uniqueid, uid, entry, userid, value, modseq) VALUES (?,?,?,?,?,?)";
  for (const row of rows) tx.db.run(insert, uniqueId, ...row);
  return portion(rows, (row) => row.slice(0, 3), 1);
}

/** Copies what others have seen of a mailbox, after the row of that user. */
export function copySeen(
  tx: Tx,
  from: ForeignShard,
  { uniqueId }: MovedMailbox,
  after = "",
): Portion<string> | undefined {
  const sql =
    "SELECT userid, uniqueid, last_read, recent_uid, last_change, uids FROM seen WHERE uniqueid=? AND userid>? " +
    "ORDER BY userid LIMIT ?";
  const rows = from.db.all(sql, uniqueId, after, tx.slice(ROWS_A_SLICE));
  const insert =
    "INSERT OR REPLACE INTO seen(userid, uniqueid, last_read, recent_uid, last_change, uids) VALUES (?,?,?,?,?,?)";
  for (const row of rows) tx.db.run(insert, ...row);
  return portion(rows, (row) => row[0] as string, 1);
}

/** Removes the rows of mailboxes whose headers and entries are gone. */
export function* removeAllRows(tx: Tx, mailboxes: readonly MovedMailbox[]): Generator<void, void, void> {
  for (const mailbox of mailboxes) yield* removeRows(tx, mailbox);
}
