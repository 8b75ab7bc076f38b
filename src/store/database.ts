/** Opening a shard's database: one writing connection, any number of reading ones. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { makeOwnFile } from "../base/files.ts";
import { INDEXES, PAGE_SIZE, SCHEMA, SCHEMA_VERSION } from "./schema.ts";

export type Value = null | number | bigint | string | Uint8Array;

/** Memory-mapped part of the file, octets of address space. */
const MMAP_OCTETS = 1 << 30;
/** Page cache of a connection, KiB. */
const WRITER_CACHE_KIB = 65536;
const READER_CACHE_KIB = 4096;

/** The database is from a newer version of the program, or no database of ours. */
export class SchemaError extends Error {}

/** A connection with its prepared statements. Rows come back as arrays in column order. */
export class Database {
  readonly path: string;
  readonly sqlite: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();

  constructor(path: string, readOnly: boolean) {
    this.path = path;
    this.sqlite = new DatabaseSync(path, { readOnly, timeout: readOnly ? 5_000 : 30_000 });
  }

  prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.sqlite.prepare(sql);
      statement.setReturnArrays(true);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  run(sql: string, ...values: Value[]): void {
    this.prepare(sql).run(...values);
  }

  /** First row, or undefined. */
  get(sql: string, ...values: Value[]): Value[] | undefined {
    return this.prepare(sql).get(...values) as Value[] | undefined;
  }

  all(sql: string, ...values: Value[]): Value[][] {
    return this.prepare(sql).all(...values) as unknown as Value[][];
  }

  /**
   * Runs `read`, which is going to read hundreds of pages, with the file mapped into memory. Small steps do better without: SQLite makes the mapping anew
   * in each transaction that follows another connection's commit, which costs more than to read a few pages.
   */
  mapped<T>(read: () => T): T {
    // Not prepared: this pragma does its work while it is compiled.
    this.sqlite.exec(`PRAGMA mmap_size=${MMAP_OCTETS}`);
    try {
      return read();
    } finally {
      this.sqlite.exec("PRAGMA mmap_size=0");
    }
  }

  close(): void {
    this.statements.clear();
    this.sqlite.close();
  }
}

/** imapd.conf says another number of shards than the store was made with. */
export class ShardsError extends Error {
  constructor(directory: string, stored: number, wanted: number) {
    const has = stored === 1 ? "1 shard" : `${stored} shards`;
    super(
      `${directory}: the store has ${has}, imapd.conf says store_shards: ${wanted}; the number is fixed when a store is made`,
    );
  }
}

/** Which one of how many shards a database is. */
export interface ShardPlace {
  readonly shard: number;
  readonly shards: number;
}

/** One made before there were shards is the only one. undefined: it is not finished. */
export function storedPlace(db: Database): ShardPlace | undefined {
  if (db.get("PRAGMA user_version")![0] === 0) return undefined;
  const meta = new Map(db.all("SELECT key, value FROM meta WHERE key IN ('shard', 'shards')") as [string, number][]);
  return { shard: meta.get("shard") ?? 0, shards: meta.get("shards") ?? 1 };
}

/** @throws ShardsError, SchemaError when the file is another shard's */
export function requirePlace(db: Database, { shard, shards }: ShardPlace): void {
  const stored = storedPlace(db);
  if (stored === undefined) return;
  if (stored.shards !== shards) throw new ShardsError(dirname(db.path), stored.shards, shards);
  if (stored.shard !== shard) throw new SchemaError(`${db.path}: this is the database of shard ${stored.shard}`);
}

/** A new shard beside others must be one of as many as they are. @throws ShardsError */
export function requireSiblings(directory: string, { shard, shards }: ShardPlace): void {
  for (const file of readdirSync(directory)) {
    const sibling = /^(\d{1,2})\.db$/.exec(file)?.[1];
    if (sibling === undefined || Number(sibling) === shard) continue;
    const db = openReader(join(directory, file));
    try {
      const stored = storedPlace(db);
      if (stored !== undefined && stored.shards !== shards) throw new ShardsError(directory, stored.shards, shards);
    } finally {
      db.close();
    }
  }
}

/**
 * Opens (and on first use makes) the database for writing. Everything that an earlier run left in its write-ahead log is first moved into
 * the database file and synced, so that a log whose last sync failed is never built upon.
 * @throws SchemaError, ShardsError
 */
export function openWriter(path: string, place: ShardPlace = { shard: 0, shards: 1 }): Database {
  const fresh = !existsSync(path);
  if (fresh) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    requireSiblings(dirname(path), place);
    // SQLite would make it with the mode that the umask leaves. What it makes beside it gets the file's own mode.
    makeOwnFile(path);
  }
  writeLogAgain(`${path}-wal`);
  const db = new Database(path, false);
  const { sqlite } = db;
  // Counts only while the file is empty, which it also is when power failed while it was made.
  sqlite.exec(`PRAGMA page_size=${PAGE_SIZE}`);
  sqlite.exec("PRAGMA journal_mode=WAL");
  sqlite.exec("PRAGMA synchronous=FULL");
  sqlite.exec("PRAGMA wal_autocheckpoint=0");
  sqlite.exec(`PRAGMA cache_size=-${WRITER_CACHE_KIB}`);
  sqlite.exec(`PRAGMA mmap_size=${MMAP_OCTETS}`);
  sqlite.exec("PRAGMA temp_store=MEMORY");
  const version = db.get("PRAGMA user_version")![0] as number;
  if (version === 0) {
    const meta = `INSERT INTO meta(key, value) VALUES ('shard', ${place.shard}), ('shards', ${place.shards});`;
    sqlite.exec(`BEGIN IMMEDIATE; ${SCHEMA} ${meta} PRAGMA user_version=${SCHEMA_VERSION}; COMMIT`);
  } else if (version !== SCHEMA_VERSION) {
    db.close();
    throw new SchemaError(`${path}: schema version ${version}; this program knows ${SCHEMA_VERSION}`);
  }
  try {
    requirePlace(db, place);
    sqlite.exec(INDEXES);
  } catch (error) {
    db.close();
    throw error;
  }
  const [busy] = db.get("PRAGMA wal_checkpoint(TRUNCATE)")!;
  if (busy !== 0) {
    db.close();
    throw new Error(`${path}: a reader holds the log; the writer cannot begin before it is done`);
  }
  return db;
}

/** Octets read and written at a time. */
const PIECE_OCTETS = 1 << 20;

/**
 * Writes every octet of the log over itself and syncs it. After a sync that failed, the log reads well though parts of it never reached the disk, and
 * another sync would have nothing to write: moving such a log into the database would leave a mixture of old and new pages if the power failed meanwhile.
 */
function writeLogAgain(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r+");
  try {
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    for (let at = 0; ; ) {
      const read = readSync(fd, piece, 0, piece.length, at);
      if (read === 0) break;
      for (let done = 0; done < read; ) done += writeSync(fd, piece, done, read - done, at + done);
      at += read;
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens an existing database for reading; see Database.mapped. */
export function openReader(path: string): Database {
  const db = new Database(path, true);
  db.sqlite.exec("PRAGMA mmap_size=0");
  db.sqlite.exec(`PRAGMA cache_size=-${READER_CACHE_KIB}`);
  return db;
}
