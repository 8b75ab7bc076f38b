/**
 * A small SQLite file whose loss costs little (deliver.db and the like): opened when first needed, with its directory; on tmpfs without any sync.
 * What is found there and is not ours, or damaged, is set aside as NAME.old and a new one made.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { makeOwnFile } from "../../base/files.ts";
import type { Log } from "../../base/log.ts";

export interface EphemeralOptions {
  readonly path: string;
  /** Tells this file from other SQLite files: PRAGMA application_id, 1 to 2^31-1. */
  readonly applicationId: number;
  /** Version of `schema`; a file with another one is set aside. 1 to 2^31-1. */
  readonly version: number;
  readonly schema: string;
  readonly log: Log;
  /** How long to wait for another process's transaction, milliseconds. Blocks the process. */
  readonly busyTimeoutMs?: number;
  /** A foreign file whose contents are taken over. */
  readonly takeOver?: TakeOver;
}

export interface TakeOver {
  /** @param head the first HEAD_OCTETS of what was found, or fewer */
  recognizes(head: Uint8Array): boolean;
  /** The file was set aside at this path, and the new database is open. */
  begin(path: string): void;
}

/** Enough for any signature. */
const HEAD_OCTETS = 64;

type Value = null | number | string | Uint8Array;

/** statfs(2)'s numbers of filesystems that do not survive a reboot. */
const memoryFilesystems: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);
const BUSY_TIMEOUT_MILLISECONDS = 250;

/** SQLITE_CORRUPT, SQLITE_NOTADB. */
const damageCodes: ReadonlySet<number> = new Set([11, 26]);

export class EphemeralDatabase {
  readonly options: EphemeralOptions;
  #sqlite: DatabaseSync | undefined;
  /** Set aside, and to be taken over when the new database is open. */
  #foreign: string | undefined;
  readonly #statements = new Map<string, StatementSync>();
  /** The last fault that `#guarded` has seen to. */
  #handled: unknown;

  constructor(options: EphemeralOptions) {
    this.options = options;
  }

  /** First row as an array, or undefined. */
  get(sql: string, ...values: Value[]): Value[] | undefined {
    return this.#guarded(() => this.#prepare(sql).get(...values) as Value[] | undefined);
  }

  all(sql: string, ...values: Value[]): Value[][] {
    return this.#guarded(() => this.#prepare(sql).all(...values) as unknown as Value[][]);
  }

  /** @returns how many rows changed */
  run(sql: string, ...values: Value[]): number {
    return this.#guarded(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** Runs `work` in one transaction that may write. */
  transaction<T>(work: () => T): T {
    return this.#guarded(() => {
      const sqlite = this.#open();
      sqlite.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        sqlite.exec("COMMIT");
        return result;
      } catch (error) {
        this.#undo(sqlite);
        throw error;
      }
    });
  }

  /** Harmless when it was never opened. The next use opens it again. */
  close(): void {
    this.#statements.clear();
    const sqlite = this.#sqlite;
    this.#sqlite = undefined;
    sqlite?.close();
  }

  /** Opens it, which every other call does by itself. */
  open(): void {
    this.#guarded(() => this.#open());
  }

  #prepare(sql: string): StatementSync {
    const sqlite = this.#open();
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = sqlite.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /**
   * A file that turns out to be damaged is replaced; the call at hand fails, the next one works. What SQLite throws gets the
   * file's name, which its texts do not have. Calls lie inside each other: the innermost does it.
   */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error === this.#handled || !isSqliteError(error)) throw error;
      this.#handled = error;
      const reason = error.message;
      error.message = `${this.options.path}: ${reason}`;
      if (isDamage(error)) {
        this.#attempt(() => this.close());
        this.#attempt(() => this.#setAside(reason));
      }
      throw error;
    }
  }

  /** Ends a transaction that failed. A connection that cannot even do that is given up: the next call opens another. */
  #undo(sqlite: DatabaseSync): void {
    if (!sqlite.isOpen) return; // it was closed because of the same fault
    this.#attempt(() => {
      if (!sqlite.isTransaction) return;
      try {
        sqlite.exec("ROLLBACK");
      } catch (error) {
        if (sqlite === this.#sqlite) this.close();
        else sqlite.close();
        throw error;
      }
    });
  }

  /** For what follows a fault: should it fail as well, that goes to the log and the first fault stays the one that is told. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.log.err(`IOERROR: ${this.options.path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #open(): DatabaseSync {
    if (this.#sqlite !== undefined) return this.#sqlite;
    const { path } = this.options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    let sqlite = existsSync(path) ? this.#openOurs() : undefined;
    sqlite ??= this.#make();
    this.#sqlite = sqlite;
    const foreign = this.#foreign;
    this.#foreign = undefined;
    if (foreign !== undefined) this.options.takeOver?.begin(foreign);
    return sqlite;
  }

  /** The file that is there, or undefined after it was set aside. */
  #openOurs(): DatabaseSync | undefined {
    const { applicationId, version } = this.options;
    let sqlite: DatabaseSync | undefined;
    let reason: string;
    try {
      sqlite = this.#connect();
      const number = (name: string): number => Object.values(sqlite!.prepare(`PRAGMA ${name}`).get()!)[0] as number;
      const id = number("application_id");
      const found = number("user_version");
      if (id === applicationId && found === version) {
        this.#tune(sqlite);
        return sqlite;
      }
      // Just made by another process, whose transaction with the tables is not there yet; or by us, before power failed.
      if (id === 0 && found === 0 && isEmpty(sqlite)) return this.#fill(sqlite);
      reason = id === applicationId ? `version ${found} of its layout` : "not a file of this program";
    } catch (error) {
      const failed = sqlite;
      if (failed?.isOpen) this.#attempt(() => failed.close());
      if (!isDamage(error)) throw error;
      reason = (error as Error).message;
    }
    if (sqlite?.isOpen) sqlite.close();
    this.#setAside(reason);
    return undefined;
  }

  #make(): DatabaseSync {
    try {
      // SQLite would make it with the mode that the umask leaves.
      makeOwnFile(this.options.path);
    } catch (error) {
      // Another process was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const sqlite = this.#connect();
    try {
      return this.#fill(sqlite);
    } catch (error) {
      if (sqlite.isOpen) this.#attempt(() => sqlite.close());
      throw error;
    }
  }

  /** When it throws, its transaction is undone and the caller closes the connection. */
  #fill(sqlite: DatabaseSync): DatabaseSync {
    const { applicationId, version, schema } = this.options;
    this.#tune(sqlite);
    sqlite.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have done it while we waited.
      if (isEmpty(sqlite)) {
        sqlite.exec(`${schema}; PRAGMA application_id=${applicationId}; PRAGMA user_version=${version}`);
      }
      sqlite.exec("COMMIT");
      return sqlite;
    } catch (error) {
      this.#undo(sqlite);
      throw error;
    }
  }

  #connect(): DatabaseSync {
    return new DatabaseSync(this.options.path, { timeout: this.options.busyTimeoutMs ?? BUSY_TIMEOUT_MILLISECONDS });
  }

  #tune(sqlite: DatabaseSync): void {
    sqlite.exec("PRAGMA journal_mode=WAL");
    sqlite.exec(`PRAGMA synchronous=${this.#isInMemory() ? "OFF" : "NORMAL"}`);
  }

  #isInMemory(): boolean {
    return memoryFilesystems.has(statfsSync(dirname(this.options.path)).type);
  }

  #setAside(reason: string): void {
    const { path, log, takeOver } = this.options;
    const old = `${path}.old`;
    const isKnown = takeOver?.recognizes(headOf(path)) === true;
    if (!isKnown) log.warning(`${path}: ${reason}; kept as ${old}, a new one is made`);
    // The log of a SQLite file holds what is not in the file yet: it goes along, and first, for a new file must not find it.
    for (const suffix of ["-wal", "-shm"]) {
      if (!renamed(path + suffix, old + suffix)) rmSync(old + suffix, { force: true });
    }
    // Another process was faster; what there is to be taken over is its business.
    if (!renamed(path, old)) return;
    if (!isKnown) return;
    log.notice(`${path}: a database of Cyrus's, kept as ${old}; what it says is taken over`);
    this.#foreign = old;
  }
}

/** @returns false when there is no such file */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function headOf(path: string): Uint8Array {
  const head = Buffer.alloc(HEAD_OCTETS);
  if (!existsSync(path)) return head.subarray(0, 0);
  const fd = openSync(path, "r");
  try {
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

function isEmpty(sqlite: DatabaseSync): boolean {
  return sqlite.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function isSqliteError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}

function isDamage(error: unknown): boolean {
  return isSqliteError(error) && damageCodes.has(error.errcode & 0xff);
}
