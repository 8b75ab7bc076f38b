/** Verbs that bring back what the mailbox list and the tables beside it have lost. Nothing that is there is ever replaced. */
import type { MboxName, UniqueId } from "../../../formats/ids.ts";
import {
  isIntermediate,
  type ListEntry,
  type MailboxHeader,
  type MessageBox,
  ownerOf,
  requireNoRemains,
  shardOfOwner,
  type Tx,
} from "../../../store/index.ts";
import type { Value } from "../../../store/database.ts";
import { readHeaderByUniqueId } from "../../../store/mailbox-header.ts";
import { ancestorNames } from "../../names/index.ts";
import { refuse } from "../../errors.ts";
import type { Verb } from "../../verb.ts";
import { countedUse } from "../fix-quota.ts";
import { requireAdmin } from "../verb.ts";

/** What is known of the header of a mailbox that has lost it. */
export type HeaderState = Omit<
  MailboxHeader,
  | "mbox"
  | "uniqueId"
  | "owner"
  | "exists"
  | "unseen"
  | "deleted"
  | "answered"
  | "flagged"
  | "expunged"
  | "sizeOctets"
  | "annotOctets"
  | "syncCrc"
  | "syncCrcAnnot"
  | "membership"
>;

interface AdoptArgs {
  readonly entry: ListEntry;
  readonly header: HeaderState;
}

/** "taken": another mailbox has the name. "rows": there was a header row with that identity, and with its messages; only the name was lost. */
export type Adopted = "new" | "rows" | "there" | "taken";

/** Puts a mailbox found on disk into the list. */
export const adoptMailbox: Verb<AdoptArgs, Adopted> = {
  name: "maintenance.adopt-mailbox",
  run(context, { entry, header: state }) {
    requireAdmin(context);
    const { tx, rules } = context;
    if (tx.entryByUniqueId(entry.uniqueId)) return "there";
    const named = tx.entry(entry.name);
    if (named && !isIntermediate(named)) return "taken";
    if (!rules.config.partitions.has(entry.partition)) refuse("badPartition", entry.partition);
    const stored = readHeaderByUniqueId(tx.db, entry.uniqueId);
    if (!stored) requireNoRemains(tx, entry.uniqueId);
    const { name, uniqueId, uidValidity, createdModseq } = entry;
    const writer = stored
      ? tx.mailbox(stored.mbox)
      : tx.createMailbox({ name, uniqueId, uidValidity, createdModseq, options: state.options });
    if (!stored) Object.assign(writer.header, state);
    writer.touch();
    const { mbox } = writer.header;
    tx.putEntry({ ...entry, mbox });
    if (stored) tx.changeOwner(mbox, name);
    const owner = tx.owner(ownerOf(name, rules.names.deletedPrefix));
    owner.uidValidity = Math.max(owner.uidValidity, uidValidity);
    owner.modseq = Math.max(owner.modseq, writer.header.highestModseq, entry.folderModseq, createdModseq);
    // Writes the owner's row as well.
    tx.nextFolderModseq(name);
    const root = tx.quotaRoot(name);
    const { sizeOctets, exists, annotOctets } = writer.header;
    if (root !== undefined) tx.addQuotaUse(root, sizeOctets, exists, annotOctets, 1);
    return stored ? "rows" : "new";
  },
};

/** Entries without messages: tombstones, intermediates, mailboxes of other servers. @returns how many were missing */
export const restoreEntries: Verb<{ readonly entries: readonly ListEntry[] }, number> = {
  name: "maintenance.restore-entries",
  run(context, { entries }) {
    requireAdmin(context);
    const { tx } = context;
    let count = 0;
    for (const entry of entries) {
      if (entry.mbox !== undefined || !tx.isHere(entry.name) || tx.anyEntry(entry.name)) continue;
      if (!entry.type.includes("d", 1) && tx.entryByUniqueId(entry.uniqueId)) continue;
      tx.putEntry(entry);
      count += 1;
    }
    return count;
  },
};

/** Parents that nothing is known of become intermediates, as if their child had been created without them. */
export const restoreParents: Verb<{ readonly names: readonly MboxName[] }, MboxName[]> = {
  name: "maintenance.restore-parents",
  run(context, { names }) {
    requireAdmin(context);
    const { tx } = context;
    const made: MboxName[] = [];
    for (const name of names.filter((one) => tx.isHere(one))) {
      for (const parent of ancestorNames(name)) {
        if (tx.entry(parent) || parent === "user" || parent.endsWith("!user")) continue;
        tx.putEntry({
          name: parent,
          uniqueId: tx.newUniqueId(),
          mbox: undefined,
          type: "ei",
          partition: "",
          server: "",
          acl: "",
          uidValidity: 0,
          createdModseq: tx.nextFolderModseq(parent),
          folderModseq: tx.nextFolderModseq(parent),
          mtime: tx.now,
          specialUse: "",
          history: [],
        });
        made.push(parent);
      }
    }
    return made;
  },
};

export interface RestoredOwner {
  readonly name: string;
  readonly modseq: number;
  readonly uidValidity: number;
}

/** Counters that outlive mailboxes. They only rise. */
export const restoreOwners: Verb<{ readonly owners: readonly RestoredOwner[] }, void> = {
  name: "maintenance.restore-owners",
  run(context, { owners }) {
    requireAdmin(context);
    const { tx } = context;
    for (const { name, modseq, uidValidity } of owners) {
      if (shardOfOwner(name, tx.layout.shards) !== tx.shard) continue;
      const owner = tx.owner(name);
      owner.modseq = Math.max(owner.modseq, modseq);
      owner.uidValidity = Math.max(owner.uidValidity, uidValidity);
      tx.db.run("UPDATE owner SET modseq=?, uidvalidity=? WHERE id=?", owner.modseq, owner.uidValidity, owner.id);
    }
  },
};

/** Tables whose rows a checkpoint has, with the columns that make a row. Names in statements come from here only. */
const tables = {
  annotations: { table: "annotation", columns: ["uniqueid", "uid", "entry", "userid", "value", "modseq"] },
  subscriptions: { table: "sub", columns: ["userid", "name"] },
  seen: { table: "seen", columns: ["userid", "uniqueid", "last_read", "recent_uid", "last_change", "uids"] },
} as const;
export type RestorableTable = keyof typeof tables;

/** Rows by column; octets as `{ b64 }`. @returns how many were missing */
export const restoreRows: Verb<
  { readonly table: RestorableTable; readonly rows: readonly Readonly<Record<string, unknown>>[] },
  number
> = {
  name: "maintenance.restore-rows",
  run(context, { table: wanted, rows }) {
    requireAdmin(context);
    const known = new Map(Object.entries(tables)).get(wanted) ?? refuse("badName", wanted);
    const { table, columns } = known;
    const sql = `INSERT OR IGNORE INTO ${table}(${columns.join(", ")}) VALUES (${columns.map(() => "?").join(",")})`;
    const statement = context.tx.db.prepare(sql);
    let count = 0;
    for (const row of rows.filter((one) => isRowHere(context.tx, wanted, one)))
      count += Number(statement.run(...columns.map((column) => storedValue(row[column]))).changes);
    return count;
  },
};

/** Subscriptions are beside their user's mailboxes, the others beside their mailbox; what belongs to no mailbox is in the first shard. */
function isRowHere(tx: Tx, table: RestorableTable, row: Readonly<Record<string, unknown>>): boolean {
  if (tx.layout.shards === 1) return true;
  if (table === "subscriptions") return shardOfOwner(String(row["userid"]), tx.layout.shards) === tx.shard;
  const uniqueId = row["uniqueid"] as UniqueId | "";
  return uniqueId === "" ? tx.shard === 0 : readHeaderByUniqueId(tx.db, uniqueId) !== undefined;
}

function storedValue(value: unknown): Value {
  if (typeof value === "string" || typeof value === "number" || value === null) return value;
  return Buffer.from((value as { b64: string }).b64, "base64");
}

export interface RestoredQuota {
  readonly root: MboxName;
  readonly storageLimit: number | null;
  readonly messageLimit: number | null;
  readonly annotLimit: number | null;
  readonly folderLimit: number | null;
}

/** Quota roots that are missing. Their use is counted from what is there; mailboxes that come later add theirs. */
export const restoreQuotas: Verb<{ readonly quotas: readonly RestoredQuota[] }, MboxName[]> = {
  name: "maintenance.restore-quotas",
  run(context, { quotas }) {
    requireAdmin(context);
    const { tx } = context;
    const made: MboxName[] = [];
    for (const { root, ...limits } of quotas) {
      if (!tx.isHere(root) || tx.quota(root)) continue;
      const above = tx.quotaRoot(root);
      const row = {
        root,
        storageLimit: limits.storageLimit ?? undefined,
        messageLimit: limits.messageLimit ?? undefined,
        annotLimit: limits.annotLimit ?? undefined,
        folderLimit: limits.folderLimit ?? undefined,
        modseq: tx.nextFolderModseq(root),
      };
      const use = countedUse(tx.db, root);
      tx.putQuota({ ...row, ...use });
      if (above !== undefined) {
        tx.addQuotaUse(above, -use.storageUsed, -use.messageUsed, -use.annotUsed, -use.folderUsed);
      }
      made.push(root);
    }
    return made;
  },
};

/** Removes rows of the guid index that point nowhere. @returns how many */
export const removeStaleGuids: Verb<{ readonly box: MessageBox["uniqueId"] }, number> = {
  name: "maintenance.remove-stale-guids",
  run(context, { box }) {
    requireAdmin(context);
    const { tx } = context;
    const entry = tx.entryByUniqueId(box);
    if (entry?.mbox === undefined) return 0;
    const writer = tx.mailbox(entry.mbox);
    const { owner, mbox } = writer.header;
    const rows = tx.db.all("SELECT guid, uid FROM guid WHERE owner=? AND mbox=?", owner, mbox);
    const stale = rows.filter(([guid, uid]) => {
      const cold = writer.coldRow(uid as number);
      return !cold || Buffer.compare(cold.guid, guid as Uint8Array) !== 0;
    });
    const sql = "DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?";
    for (const [guid, uid] of stale) tx.db.run(sql, owner, guid!, mbox, uid!);
    return stale.length;
  },
};
