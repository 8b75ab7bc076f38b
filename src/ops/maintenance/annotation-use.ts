/** Octets of a mailbox's annotations, its own and its messages', which its header adds up for quota roots. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { childRange, keyOf, type MessageBox, type Tx } from "../../store/index.ts";
import type { Database } from "../../store/database.ts";
import type { Verb } from "../verb.ts";
import { boxOf, requireAdmin } from "./verb.ts";

/** For a row of table `mailbox`, as its annotations have it. */
export const COUNTED_OCTETS =
  "(SELECT ifnull(sum(length(value)),0) FROM annotation WHERE annotation.uniqueid=mailbox.uniqueid)";

/** A mailbox whose header is wrong by so many octets. */
export interface WrongUse {
  readonly box: UniqueId;
  /** To be added. */
  readonly difference: number;
}

export function octetsOfAnnotations(db: Database, box: UniqueId): number {
  return db.get("SELECT ifnull(sum(length(value)),0) FROM annotation WHERE uniqueid=?", box)![0] as number;
}

/** Mailboxes at and below a name whose headers are wrong at one moment. */
export function wrongAnnotationUse(db: Database, top: MboxName): WrongUse[] {
  const key = keyOf(top);
  const { from, to } = childRange(key);
  const sql =
    `SELECT mailbox.uniqueid, ${COUNTED_OCTETS}-annot_octets AS difference FROM list JOIN mailbox USING(mbox) ` +
    "WHERE (name=? OR (name>=? AND name<?)) AND difference<>0";
  return db
    .all(sql, key, from, to)
    .map(([box, difference]) => ({ box: box as UniqueId, difference: difference as number }));
}

/** Removes the annotations of a message that is gone, from the header's sum and the quota root's as well. */
export function removeAnnotationsOf(tx: Tx, box: MessageBox, uid: number): void {
  const { db } = tx;
  const sql = "SELECT sum(length(value)) FROM annotation WHERE uniqueid=? AND uid=?";
  const octets = db.get(sql, box.uniqueId, uid)![0] as number | null;
  if (octets === null) return;
  db.run("DELETE FROM annotation WHERE uniqueid=? AND uid=?", box.uniqueId, uid);
  const writer = tx.mailbox(box.mbox);
  writer.header.annotOctets = Math.max(0, writer.header.annotOctets - octets);
  writer.touch();
  const root = tx.quotaRoot(box.name);
  if (root !== undefined) tx.addQuotaUse(root, 0, 0, -octets, 0);
}

/**
 * Corrects a header by the difference that was found: every change of annotations changes it by its own, so what is wrong stays the same meanwhile. Its
 * quota root's use is fix-quota's to correct.
 */
export const fixAnnotationUse: Verb<WrongUse, void> = {
  name: "maintenance.fix-annotation-use",
  run(context, { box, difference }) {
    requireAdmin(context);
    const writer = context.tx.mailbox(boxOf(context, box).mbox);
    writer.header.annotOctets = Math.max(0, writer.header.annotOctets + difference);
    writer.touch();
  },
};
