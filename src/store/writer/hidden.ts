/**
 * Insertions in slices: rows go above the mailbox's last uid, where readers do not look, and a last small slice shows them all. An intent row names the
 * range, so that a crash, or a failing slice, takes the rows back without a trace but for the uids, which are not used again.
 */
import type { Tx } from "./tx.ts";

export const HIDDEN_INTENT = "hidden";

export interface HiddenRange {
  readonly mbox: number;
  /** First uid of the range. */
  readonly first: number;
  readonly last: number;
}

/** Begins: locks the mailbox for the running verb and writes the intent. Returns the intent's id, for `showHidden`. */
export function beginHidden(tx: Tx, range: HiddenRange): number {
  tx.lock(range.mbox);
  tx.mailbox(range.mbox).hide();
  tx.db.run("INSERT INTO intent(kind, args) VALUES (?,?)", HIDDEN_INTENT, JSON.stringify(range));
  const id = tx.db.get("SELECT last_insert_rowid()")![0] as number;
  tx.onFailure((again) => {
    undoHidden(again, range);
    again.db.run("DELETE FROM intent WHERE id=?", id);
    again.unlock(range.mbox);
  });
  return id;
}

/** Ends: shows the rows up to `lastUid` and drops the intent. */
export function showHidden(tx: Tx, intent: number, mbox: number, lastUid: number): void {
  tx.mailbox(mbox).publish(lastUid);
  // Flag names that came with the rows are in the stored header only now: a header file written meanwhile lacks them.
  tx.headerFileDue(mbox);
  tx.db.run("DELETE FROM intent WHERE id=?", intent);
  tx.unlock(mbox);
}

/** Takes the rows of a range back. Also the recovery of HIDDEN_INTENT. */
export function undoHidden(tx: Tx, args: unknown): void {
  const { mbox, first, last } = args as HiddenRange;
  tx.unlock(mbox);
  // What memory holds of the mailbox counts the hidden rows.
  tx.forgetMailbox(mbox);
  if (!tx.db.get("SELECT 1 FROM mailbox WHERE mbox=?", mbox)) return;
  const writer = tx.mailbox(mbox);
  const { header } = writer;
  for (const { uid, guid } of writer.removeHidden(first, last)) {
    tx.db.run("DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?", header.owner, guid, mbox, uid);
    tx.db.run("DELETE FROM pending WHERE mbox=? AND uid=?", mbox, uid);
    // The file may have been written already.
    const entry = tx.entryByUniqueId(header.uniqueId);
    if (entry) tx.doom(header.uniqueId, entry.partition, uid, tx.now);
  }
  // Files of these uids may lie about until they are removed: the uids are spent.
  header.lastUid = Math.max(header.lastUid, last);
  writer.touch();
}
