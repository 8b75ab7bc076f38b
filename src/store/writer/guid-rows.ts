/**
 * The rows of a mailbox in the guid index, found by the mailbox's own rows: the index has no order by mailbox, and going through all that the owner has
 * would take longer the more that is. A damaged mailbox can be renamed as well, the long way. (Those of one that is gone: remains.ts.)
 */
import type { Database } from "../database.ts";
import { blockId } from "../keys.ts";
import { COLD_SPAN, ColdBlock } from "../records/cold.ts";
import { BlockError } from "../records/hot.ts";

const BLOCKS_AT_A_TIME = 64;

/** @param from owner's number */
export function moveGuids(db: Database, mbox: number, from: number, to: number): void {
  const sql = "UPDATE guid SET owner=? WHERE owner=? AND guid=? AND mbox=? AND uid=?";
  const isDone = eachGuid(db, mbox, (guid, uid) => db.run(sql, to, from, guid, mbox, uid));
  if (!isDone) db.run("UPDATE guid SET owner=? WHERE owner=? AND mbox=?", to, from, mbox);
}

/** False: a block is damaged, and what it had was not visited. */
function eachGuid(db: Database, mbox: number, visit: (guid: Uint8Array, uid: number) => void): boolean {
  const sql = "SELECT id, rows FROM cold WHERE id>=? AND id<? ORDER BY id LIMIT ?";
  const end = blockId(mbox + 1, 0, COLD_SPAN);
  try {
    for (let from = blockId(mbox, 0, COLD_SPAN); ; ) {
      const blocks = db.all(sql, from, end, BLOCKS_AT_A_TIME);
      for (const [id, rows] of blocks) {
        const block = ColdBlock.decode(rows as Uint8Array);
        for (let index = 0; index < block.count; index++) {
          const { uid, guid } = block.row(index);
          visit(guid, uid);
        }
        from = (id as number) + 1;
      }
      if (blocks.length < BLOCKS_AT_A_TIME) return true;
    }
  } catch (error) {
    if (error instanceof BlockError) return false;
    throw error;
  }
}
