/** What the verbs of this folder share. They are for administrators; programs are. */
import type { UniqueId } from "../../formats/ids.ts";
import { hasLegacyDirectory, type MessageBox, type Tx } from "../../store/index.ts";
import type { Database } from "../../store/database.ts";
import { refuse } from "../errors.ts";
import type { VerbContext } from "../verb.ts";

/** Rows that one slice looks at or changes. */
export const ROWS_A_SLICE = 1_000;

/** @throws MailError permissionDenied */
export function requireAdmin({ caller }: VerbContext): void {
  if (!caller.isAdmin) refuse("permissionDenied");
}

/** @throws MailError mailboxNonexistent */
export function boxOf({ tx }: VerbContext, uniqueId: UniqueId): MessageBox {
  const entry = tx.entryByUniqueId(uniqueId);
  return entry?.mbox === undefined ? refuse("mailboxNonexistent") : (entry as MessageBox);
}

/** Whether the file is on its way out: nothing that should come back. */
export function isDoomed(tx: Tx, box: MessageBox, uid: number): boolean {
  const sql = "SELECT 1 FROM doomed WHERE uniqueid=? AND partition=? AND (uid=? OR uid=0)";
  return tx.db.get(sql, box.uniqueId, box.partition, uid) !== undefined;
}

/** Whether the file may not be in its place yet: also while all of the mailbox moves. */
export const isPending = (tx: Tx, box: MessageBox, uid: number): boolean =>
  tx.db.get("SELECT 1 FROM pending WHERE mbox=? AND uid IN (0, ?)", box.mbox, uid) !== undefined;

/** Whether files of other mailboxes may be in the mailbox's directory, which has a name that they had. */
export function mayHaveOthersFiles(db: Database, box: Pick<MessageBox, "type">): boolean {
  return hasLegacyDirectory(box) && db.get("SELECT 1 FROM pending WHERE uid=0 LIMIT 1") !== undefined;
}

/** Waits between two slices, also while another verb holds the mailbox. @throws MailError when it has gone meanwhile */
export function* nextSlice(context: VerbContext, { mbox, uniqueId }: MessageBox): Generator<void, void, void> {
  do yield;
  while (context.tx.isBusy(mbox));
  boxOf(context, uniqueId);
}
