/** cyr_quota -f: counts what the mailboxes below a quota root use, and puts the stored use right. */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, keyOf, type QuotaRow } from "../../store/index.ts";
import type { Database } from "../../store/database.ts";
import { readQuota, readQuotas } from "../../store/quota-row.ts";
import { refuse } from "../errors.ts";
import type { Verb } from "../verb.ts";
import { COUNTED_OCTETS } from "./annotation-use.ts";
import { requireAdmin } from "./verb.ts";

/** In the order of quotaResources; octets, messages, octets, folders. */
export type QuotaUsed = Pick<QuotaRow, "storageUsed" | "messageUsed" | "annotUsed" | "folderUsed">;

const fields = ["storageUsed", "messageUsed", "annotUsed", "folderUsed"] as const;

export function isSameUse(one: QuotaUsed, other: QuotaUsed): boolean {
  return fields.every((field) => one[field] === other[field]);
}

/**
 * What mailboxes at and below `root` use that have no nearer root, by their headers. One read: 3 us a mailbox.
 * @param annotations by the headers as well, or counted, whatever these say
 */
export function countedUse(db: Database, root: MboxName, annotations: "headers" | "rows" = "headers"): QuotaUsed {
  const use = sumBelow(db, root, annotations);
  let covered = "";
  for (const nearer of readQuotas(db, root)) {
    // Roots inside a nearer root are in that one's sum.
    if (nearer.root === root || (covered !== "" && keyOf(nearer.root).startsWith(covered))) continue;
    covered = childRange(keyOf(nearer.root)).from;
    const less = sumBelow(db, nearer.root, annotations);
    for (const field of fields) use[field] -= less[field];
  }
  return use;
}

function sumBelow(db: Database, root: MboxName, annotations: "headers" | "rows"): QuotaUsed {
  const key = keyOf(root);
  const { from, to } = childRange(key);
  const annotOctets = annotations === "rows" ? COUNTED_OCTETS : "annot_octets";
  const sql =
    `SELECT ifnull(sum(size_octets),0), ifnull(sum(exists_count),0), ifnull(sum(${annotOctets}),0), count(*) FROM list JOIN mailbox USING(mbox) ` +
    "WHERE name=? OR (name>=? AND name<?)";
  const row = db.get(sql, key, from, to) as [number, number, number, number];
  return { storageUsed: row[0], messageUsed: row[1], annotUsed: row[2], folderUsed: row[3] };
}

export interface FixQuotaResult {
  readonly before: QuotaUsed;
  readonly after: QuotaUsed;
}

/**
 * Stored and counted use of a root at one moment: a read transaction of some us a mailbox in this process, on a connection of its own.
 * @returns undefined when there is no such root
 */
export function measureUse(db: Database, root: MboxName): FixQuotaResult | undefined {
  return db.mapped(() => {
    db.sqlite.exec("BEGIN");
    try {
      const quota = readQuota(db, root);
      return quota && { before: usedOf(quota), after: countedUse(db, root, "rows") };
    } finally {
      db.sqlite.exec("COMMIT");
    }
  });
}

function usedOf({ storageUsed, messageUsed, annotUsed, folderUsed }: QuotaUsed): QuotaUsed {
  return { storageUsed, messageUsed, annotUsed, folderUsed };
}

/**
 * Corrects the stored use of one root by the difference that was found. As every change of a mailbox changes the stored use by its own
 * difference, what is wrong stays the same however much mail comes in meanwhile: nothing is counted in the writer. Whoever asks holds
 * the claim of correct-use.ts from measuring on, for a difference must not be taken away twice.
 */
export const fixQuota: Verb<{ readonly root: MboxName; readonly found: FixQuotaResult }, FixQuotaResult> = {
  name: "maintenance.fix-quota",
  run(context, { root, found }) {
    requireAdmin(context);
    const { tx } = context;
    const quota = tx.quota(root) ?? refuse("quotaRootNonexistent");
    const before = usedOf(quota);
    const after = { ...before };
    for (const field of fields) after[field] = Math.max(0, before[field] + found.after[field] - found.before[field]);
    tx.putQuota({ ...quota, ...after });
    return { before, after };
  },
};
