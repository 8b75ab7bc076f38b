/**
 * Work on trees that does not fit into one slice. An intent row says what has been begun; recovery finishes it. While the work goes on, the tree's root is
 * locked, so verbs that would put something below it wait. Work that fits into one slice needs no intent: it is atomic as it is.
 */
import type { MboxName } from "../../formats/ids.ts";
import { type Asking, Busy, childRange, keyOf, type Tx } from "../../store/index.ts";
import type { Caller } from "../acl/index.ts";

export const TREE_INTENT = "mailboxes.tree";

type Work =
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly caller: Caller }
  | { readonly kind: "deleteUser"; readonly inbox: string; readonly forGood: boolean; readonly caller: Caller };

/** With the request that wants it done: recovery answers in the verb's place. */
export type TreeWork = Work & { readonly asking?: Asking | undefined };

/** Locks the root for the running verb and writes the intent. @returns its id, for `endTreeWork` */
export function beginTreeWork(tx: Tx, mbox: number, work: Work): number {
  tx.lock(mbox);
  // Of what is frozen in the tree nobody knows how long it stays so.
  const { from, to } = childRange(keyOf((work.kind === "rename" ? work.from : work.inbox) as MboxName));
  for (const frozen of tx.frozenBoxes())
    if (tx.db.get("SELECT 1 FROM list WHERE mbox=? AND name>=? AND name<?", frozen, from, to)) throw new Busy(frozen);
  tx.db.run(
    "INSERT INTO intent(kind, args) VALUES (?,?)",
    TREE_INTENT,
    JSON.stringify({ ...work, asking: askingOf(tx) }),
  );
  const id = tx.db.get("SELECT last_insert_rowid()")![0] as number;
  // What is done stays done, and the intent stays for the next recovery, which goes on from there.
  tx.onFailure((again) => again.unlock(mbox));
  return id;
}

function askingOf({ asking }: Tx): Asking | undefined {
  return asking && { client: asking.client, id: asking.id };
}

export function endTreeWork(tx: Tx, mbox: number, intent: number): void {
  tx.db.run("DELETE FROM intent WHERE id=?", intent);
  tx.unlock(mbox);
}
