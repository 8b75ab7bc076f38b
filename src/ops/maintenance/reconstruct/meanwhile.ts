/** What others may be doing to a mailbox while it is checked: looked at again before anything is called wrong. */
import { Flag, HOT_SPAN, HotBlock, type MessageBox } from "../../../store/index.ts";
import type { Database } from "../../../store/database.ts";
import { blockId } from "../../../store/keys.ts";
import { readEntryByUniqueId } from "../../../store/list-entry.ts";
import { mayHaveOthersFiles } from "../verb.ts";

/** Whether the octets are in the database still or the mailbox is moving, or the row is not what was read. */
export function isElsewhere(db: Database, { mbox, uniqueId, name, partition }: MessageBox, uid: number): boolean {
  if (db.get("SELECT 1 FROM pending WHERE mbox=? AND uid IN (0, ?)", mbox, uid)) return true;
  const entry = readEntryByUniqueId(db, uniqueId);
  return entry?.name !== name || entry.partition !== partition || isExpunged(db, mbox, uid);
}

/** Whether a row for a file without one came meanwhile, or the file is about to be removed. */
export function isKnown(db: Database, box: MessageBox, uid: number): boolean {
  if (mayHaveOthersFiles(db, box)) return true;
  const { mbox, uniqueId } = box;
  const row = db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
  if (row && HotBlock.decode(row[0] as Uint8Array).find(uid) >= 0) return true;
  if (hasPendingRow(db, mbox, uid)) return true;
  return db.get("SELECT 1 FROM doomed WHERE uniqueid=? AND (uid=? OR uid=0)", uniqueId, uid) !== undefined;
}

/** Whether the octets of the message are in the database, and its file may not be there yet. */
export function hasPendingRow(db: Database, mbox: number, uid: number): boolean {
  return db.get("SELECT 1 FROM pending WHERE mbox=? AND uid=?", mbox, uid) !== undefined;
}

function isExpunged(db: Database, mbox: number, uid: number): boolean {
  const row = db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
  if (!row) return true;
  const block = HotBlock.decode(row[0] as Uint8Array);
  const index = block.find(uid);
  return index < 0 || (block.flags(index) & Flag.expunged) !== 0;
}
