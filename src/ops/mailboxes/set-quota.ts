/** SETQUOTA: RFC 2087 §4.1, and the removal of a quota root, which no protocol offers. Administrators only. */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, isAboveOwners, isReserved, keyOf, type QuotaRow, type Tx } from "../../store/index.ts";
import { readQuotas } from "../../store/quota-row.ts";
import { refuse } from "../errors.ts";
import { isPossibleName } from "../names/index.ts";
import { type QuotaLimits, quotaResources } from "../quota/index.ts";
import { type AuditLine, auditLine } from "./audit.ts";
import type { MailboxVerb } from "./verb.ts";

export interface SetQuotaArguments {
  readonly root: MboxName;
  /** All four resources; `parseQuotaLimits` makes them. */
  readonly limits: { readonly [R in keyof QuotaLimits]: number | null | undefined };
}

export const setQuota: MailboxVerb<SetQuotaArguments, void> = {
  name: "quota.set",
  run({ tx, access, audit }, { root, limits }) {
    if (!access.isAdminOf(root)) refuse("permissionDenied");
    if (!isPossibleName(root)) refuse("badName");
    // Its mailboxes are in several databases, and no transaction counts them all.
    if (tx.layout.shards > 1 && isAboveOwners(root, tx.layout.deletedPrefix)) refuse("notSupported");
    // While a tree is renamed in slices its roots are there under both names, and the old ones go.
    const entry = tx.entry(root);
    if (entry && isReserved(entry)) refuse("mailboxReserved");
    // It is copied, while its tree moves to another shard.
    tx.requireThawed(entry?.mbox);
    const old = tx.quota(root);
    if (!old && !tx.entry(root)) refuse("mailboxNonexistent");
    const above = old ? undefined : tx.quotaRoot(root);
    const quota: QuotaRow = {
      ...(old ?? { root, ...useBelow(tx, root) }),
      storageLimit: limits.STORAGE ?? undefined,
      messageLimit: limits.MESSAGE ?? undefined,
      annotLimit: limits["X-ANNOTATION-STORAGE"] ?? undefined,
      folderLimit: limits["X-NUM-FOLDERS"] ?? undefined,
      modseq: tx.nextFolderModseq(root),
    };
    tx.putQuota(quota);
    if (!old) tx.headerFilesDue(root);
    if (above !== undefined) {
      tx.addQuotaUse(above, -quota.storageUsed, -quota.messageUsed, -quota.annotUsed, -quota.folderUsed);
    }
    audit(old ? auditLine("setquota", { root, ...limitFields(old, quota) }) : limitsLine("newquota", "new", quota));
  },
};

/** Removes a quota root: what it counted counts for the root above it, if there is one. */
export const removeQuotaRoot: MailboxVerb<{ readonly root: MboxName }, void> = {
  name: "quota.remove",
  run({ tx, access, audit }, { root }) {
    if (!access.isAdminOf(root)) refuse("permissionDenied");
    tx.requireThawed(tx.entry(root)?.mbox);
    const quota = tx.quota(root) ?? refuse("quotaRootNonexistent");
    tx.removeQuota(root);
    tx.headerFilesDue(root);
    const above = tx.quotaRoot(root);
    if (above !== undefined) {
      tx.addQuotaUse(above, quota.storageUsed, quota.messageUsed, quota.annotUsed, quota.folderUsed);
    }
    audit(limitsLine("rmquota", "old", quota));
  },
};

type Use = Pick<QuotaRow, "storageUsed" | "messageUsed" | "annotUsed" | "folderUsed">;

/** What the mailboxes at and below `root` use that have no nearer root. Headers must have been written, so before this verb changes one. */
function useBelow(tx: Tx, root: MboxName): Use {
  const sum = (from: MboxName): Use => {
    const key = keyOf(from);
    const { from: first, to: end } = childRange(key);
    const sql =
      "SELECT ifnull(sum(size_octets),0), ifnull(sum(exists_count),0), ifnull(sum(annot_octets),0), count(*) FROM list JOIN mailbox USING(mbox) " +
      "WHERE name=? OR (name>=? AND name<?)";
    const [storageUsed, messageUsed, annotUsed, folderUsed] = tx.db.get(sql, key, first, end) as [
      number,
      number,
      number,
      number,
    ];
    return { storageUsed, messageUsed, annotUsed, folderUsed };
  };
  const use = sum(root);
  for (const nearer of readQuotas(tx.db, root)) {
    // A root counts what is below it itself, less its own nearer roots, which are in this list too.
    use.storageUsed -= nearer.storageUsed;
    use.messageUsed -= nearer.messageUsed;
    use.annotUsed -= nearer.annotUsed;
    use.folderUsed -= nearer.folderUsed;
  }
  return use;
}

function limitOf(quota: QuotaRow, resource: (typeof quotaResources)[number]): number {
  const limits = [quota.storageLimit, quota.messageLimit, quota.annotLimit, quota.folderLimit];
  return limits[quotaResources.indexOf(resource)] ?? -1;
}

function limitsLine(event: "newquota" | "rmquota", prefix: "new" | "old", quota: QuotaRow): AuditLine {
  const fields: Record<string, string | number> = { root: quota.root };
  for (const resource of quotaResources) fields[`${prefix}${resource}`] = limitOf(quota, resource);
  return auditLine(event, fields);
}

function limitFields(old: QuotaRow, quota: QuotaRow): Record<string, number> {
  const fields: Record<string, number> = {};
  for (const resource of quotaResources) {
    fields[`old${resource}`] = limitOf(old, resource);
    fields[`new${resource}`] = limitOf(quota, resource);
  }
  return fields;
}
