/** cyr_quota -f: recounts what the mailboxes below a quota root use, and puts it right. */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, keyOf, type QuotaRow } from "../../store/index.ts";
import type { Database } from "../../store/database.ts";
import { readQuotas } from "../../store/quota-row.ts";
import { refuse } from "../errors.ts";
import type { Verb } from "../verb.ts";
import { requireAdmin } from "./verb.ts";

/** In the order of quotaResources; octets, messages, octets, folders. */
export type QuotaUsed = Pick<QuotaRow, "storageUsed" | "messageUsed" | "annotUsed" | "folderUsed">;

const fields = ["storageUsed", "messageUsed", "annotUsed", "folderUsed"] as const;

export function isSameUse(one: QuotaUsed, other: QuotaUsed): boolean {
  return fields.every((field) => one[field] === other[field]);
}

/** What mailboxes at and below `root` use that have no nearer root, by their headers. One read: 3 us a mailbox. */
export function countedUse(db: Database, root: MboxName): QuotaUsed {
  const use = sumBelow(db, root);
  let covered = "";
  for (const nearer of readQuotas(db, root)) {
    // Roots inside a nearer root are in that one's sum.
    if (nearer.root === root || (covered !== "" && keyOf(nearer.root).startsWith(covered))) continue;
    covered = childRange(keyOf(nearer.root)).from;
    const less = sumBelow(db, nearer.root);
    for (const field of fields) use[field] -= less[field];
  }
  return use;
}

function sumBelow(db: Database, root: MboxName): QuotaUsed {
  const key = keyOf(root);
  const { from, to } = childRange(key);
  const sql =
    "SELECT ifnull(sum(size_octets),0), ifnull(sum(exists_count),0), ifnull(sum(annot_octets),0), count(*) FROM list JOIN mailbox USING(mbox) " +
    "WHERE name=? OR (name>=? AND name<?)";
  const row = db.get(sql, key, from, to) as [number, number, number, number];
  return { storageUsed: row[0], messageUsed: row[1], annotUsed: row[2], folderUsed: row[3] };
}

export interface FixQuotaResult {
  readonly before: QuotaUsed;
  readonly after: QuotaUsed;
}

/** Stores the counted use of one root. */
export const fixQuota: Verb<{ readonly root: MboxName }, FixQuotaResult> = {
  name: "maintenance.fix-quota",
  run(context, { root }) {
    requireAdmin(context);
    const { tx } = context;
    const quota = tx.quota(root) ?? refuse("quotaRootNonexistent");
    const after = countedUse(tx.db, root);
    const { storageUsed, messageUsed, annotUsed, folderUsed } = quota;
    if (!isSameUse(quota, after)) tx.putQuota({ ...quota, ...after });
    return { before: { storageUsed, messageUsed, annotUsed, folderUsed }, after };
  },
};
