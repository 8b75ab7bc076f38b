/** Quota roots: limits and use, one row each. */
import type { MboxName } from "../formats/ids.ts";
import type { Database, Value } from "./database.ts";
import { ancestorKeys, keyOf, nameOf, type NameKey } from "./keys.ts";

export interface QuotaRow {
  readonly root: MboxName;
  /** KiB; undefined: no limit. */
  storageLimit: number | undefined;
  messageLimit: number | undefined;
  /** KiB. */
  annotLimit: number | undefined;
  folderLimit: number | undefined;
  /** Octets. */
  storageUsed: number;
  messageUsed: number;
  /** Octets. */
  annotUsed: number;
  folderUsed: number;
  modseq: number;
}

const COLUMNS =
  "root, storage_limit, message_limit, annot_limit, folder_limit, storage_used, message_used, annot_used, folder_used, modseq";

const limit = (value: Value): number | undefined => (value === null ? undefined : (value as number));

function fromRow(row: readonly Value[]): QuotaRow {
  const n = row as readonly number[];
  return {
    root: nameOf(row[0] as NameKey),
    storageLimit: limit(row[1]!),
    messageLimit: limit(row[2]!),
    annotLimit: limit(row[3]!),
    folderLimit: limit(row[4]!),
    storageUsed: n[5]!,
    messageUsed: n[6]!,
    annotUsed: n[7]!,
    folderUsed: n[8]!,
    modseq: n[9]!,
  };
}

export function readQuota(db: Database, root: MboxName): QuotaRow | undefined {
  const row = db.get(`SELECT ${COLUMNS} FROM quota WHERE root=?`, keyOf(root));
  return row && fromRow(row);
}

/** All quota roots at and below `prefix` ("" for all), in name order. */
export function readQuotas(db: Database, prefix: MboxName | ""): QuotaRow[] {
  if (prefix === "") return db.all(`SELECT ${COLUMNS} FROM quota ORDER BY root`).map(fromRow);
  const key = keyOf(prefix);
  return db.all(`SELECT ${COLUMNS} FROM quota WHERE root>=? AND root<? ORDER BY root`, key, `${key}\x20`).map(fromRow);
}

/** The nearest quota root at or above `name`. */
export function quotaRootOf(db: Database, name: MboxName): MboxName | undefined {
  const key = keyOf(name);
  const candidates = [key, ...ancestorKeys(key)];
  // Each is the beginning of the one before it, so the nearest is the greatest.
  const places = candidates.length === 1 ? "?" : `?${",?".repeat(candidates.length - 1)}`;
  const row = db.get(`SELECT root FROM quota WHERE root IN (${places}) ORDER BY root DESC LIMIT 1`, ...candidates);
  return row && nameOf(row[0] as NameKey);
}

export function writeQuota(db: Database, quota: QuotaRow): void {
  db.run(
    `INSERT OR REPLACE INTO quota(${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)`,
    keyOf(quota.root),
    quota.storageLimit ?? null,
    quota.messageLimit ?? null,
    quota.annotLimit ?? null,
    quota.folderLimit ?? null,
    quota.storageUsed,
    quota.messageUsed,
    quota.annotUsed,
    quota.folderUsed,
    quota.modseq,
  );
}

export function removeQuota(db: Database, root: MboxName): void {
  db.run("DELETE FROM quota WHERE root=?", keyOf(root));
}

/** Adds differences to a root's use: octets, messages, annotation octets, folders. */
export function addQuotaUse(
  db: Database,
  root: MboxName,
  octets: number,
  messages: number,
  annot: number,
  folders: number,
): void {
  const sql =
    "UPDATE quota SET storage_used=storage_used+?, message_used=message_used+?, annot_used=annot_used+?, folder_used=folder_used+? WHERE root=?";
  db.run(sql, octets, messages, annot, folders, keyOf(root));
}
