/** One row of the mailbox list. */
import type { MboxName, UniqueId } from "../formats/ids.ts";
import type { Database, Value } from "./database.ts";
import { childRange, keyOf, nameOf, type NameKey } from "./keys.ts";

export interface ListEntry {
  readonly name: MboxName;
  readonly uniqueId: UniqueId;
  /** Number of its row in table mailbox; undefined for intermediates, remote ones and tombstones. */
  readonly mbox: number | undefined;
  /** Cyrus's letters: main type (e email ...), then flags d tombstone, i intermediate, r remote, m moving, z reserved, l legacy directories. */
  readonly type: string;
  readonly partition: string;
  readonly server: string;
  /** `id TAB rights TAB ...`, as stored and as csync carries it. */
  readonly acl: string;
  readonly uidValidity: number;
  readonly createdModseq: number;
  readonly folderModseq: number;
  /** Epoch seconds. */
  readonly mtime: number;
  /** Blank-separated uses, e.g. `\Sent`; "" for none. */
  readonly specialUse: string;
  readonly history: readonly FormerName[];
}

export interface FormerName {
  readonly name: MboxName;
  readonly mtime: number;
  readonly uidValidity: number;
  readonly createdModseq: number;
  readonly folderModseq: number;
  readonly type: string;
}

const COLUMNS =
  "name, uniqueid, mbox, type, partition, server, acl, uidvalidity, createdmodseq, foldermodseq, mtime, specialuse, history";

export function entryFromRow(row: readonly Value[]): ListEntry {
  const n = row as readonly number[];
  return {
    name: nameOf(row[0] as NameKey),
    uniqueId: row[1] as UniqueId,
    mbox: row[2] === null ? undefined : n[2]!,
    type: row[3] as string,
    partition: row[4] as string,
    server: row[5] as string,
    acl: row[6] as string,
    uidValidity: n[7]!,
    createdModseq: n[8]!,
    folderModseq: n[9]!,
    mtime: n[10]!,
    specialUse: row[11] as string,
    history: row[12] === "[]" ? [] : (JSON.parse(row[12] as string) as FormerName[]),
  };
}

/** A tombstone keeps the name of a mailbox that was deleted or renamed away; for clients there is nothing. */
export const isTombstone = (entry: Pick<ListEntry, "type">): boolean => entry.type.includes("d", 1);
/** An intermediate is a parent that nobody has created: it has children, no messages and no ACL of its own. */
export const isIntermediate = (entry: Pick<ListEntry, "type">): boolean => entry.type.includes("i", 1);
/** A reserved name is held by work on a tree that is not done: nobody else may have it meanwhile. */
export const isReserved = (entry: Pick<ListEntry, "type">): boolean => entry.type.includes("z", 1);

export function readEntry(db: Database, name: MboxName): ListEntry | undefined {
  const row = db.get(`SELECT ${COLUMNS} FROM list WHERE name=?`, keyOf(name));
  return row && entryFromRow(row);
}

/** By identity; tombstones are not found. */
export function readEntryByUniqueId(db: Database, uniqueId: UniqueId): ListEntry | undefined {
  const row = db.get(`SELECT ${COLUMNS} FROM list WHERE uniqueid=? AND type NOT LIKE '%d%'`, uniqueId);
  return row && entryFromRow(row);
}

/** All entries below `name` in name order, itself not among them, tombstones included. */
export function readChildren(db: Database, name: MboxName): ListEntry[] {
  const { from, to } = childRange(keyOf(name));
  return db.all(`SELECT ${COLUMNS} FROM list WHERE name>=? AND name<? ORDER BY name`, from, to).map(entryFromRow);
}

/** Up to `limit` entries after the key `after` ("" for the first) and before the key `to`, in name order, tombstones included. */
export function readEntries(db: Database, after: string, to: string, limit: number): ListEntry[] {
  const sql = `SELECT ${COLUMNS} FROM list WHERE name>? AND name<? ORDER BY name LIMIT ?`;
  return db.all(sql, after, to, limit).map(entryFromRow);
}

/** Names of mailboxes whose ACL names `identifier`, in name order. */
export function namesByRightsIdentifier(db: Database, identifier: string): MboxName[] {
  return db
    .all("SELECT name FROM racl WHERE identifier=? ORDER BY name", identifier)
    .map(([key]) => nameOf(key as NameKey));
}

/** Writes the entry under its name and keeps the index by rights identifier. */
export function writeEntry(db: Database, entry: ListEntry): void {
  const key = keyOf(entry.name);
  const old = db.get("SELECT acl FROM list WHERE name=?", key)?.[0] as string | undefined;
  db.run(
    `INSERT OR REPLACE INTO list(${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
    key,
    entry.uniqueId,
    entry.mbox ?? null,
    entry.type,
    entry.partition,
    entry.server,
    entry.acl,
    entry.uidValidity,
    entry.createdModseq,
    entry.folderModseq,
    entry.mtime,
    entry.specialUse,
    entry.history.length === 0 ? "[]" : JSON.stringify(entry.history),
  );
  if (old === entry.acl) return;
  if (old !== undefined) removeRacl(db, key, old);
  for (const identifier of identifiersOf(entry.acl)) {
    db.run("INSERT OR IGNORE INTO racl(identifier, name) VALUES (?,?)", identifier, key);
  }
}

export function removeEntry(db: Database, name: MboxName): void {
  const key = keyOf(name);
  const old = db.get("SELECT acl FROM list WHERE name=?", key)?.[0] as string | undefined;
  if (old === undefined) return;
  removeRacl(db, key, old);
  db.run("DELETE FROM list WHERE name=?", key);
}

function removeRacl(db: Database, key: NameKey, acl: string): void {
  for (const identifier of identifiersOf(acl))
    db.run("DELETE FROM racl WHERE identifier=? AND name=?", identifier, key);
}

/** Every other field of a stored ACL: `id TAB rights TAB id TAB rights TAB`. */
export function identifiersOf(acl: string): string[] {
  return acl.split("\t").filter((_, n, all) => n % 2 === 0 && n < all.length - 1);
}
