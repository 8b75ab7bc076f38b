/** The toy store's message files: made behind the commit, synced in batches, and only then gone from `pending`. */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { messagePath, sha1, syncfs } from "./toy-disk.ts";
import type { ToyFault } from "./toy-faults.ts";

interface PendingRow {
  readonly sequence: number;
  readonly uniqueid: string;
  readonly uid: number;
  readonly guid: string;
  readonly octets: Uint8Array | null;
  readonly source_uniqueid: string | null;
  readonly source_uid: number | null;
}

export class ToyFiles {
  private readonly database: DatabaseSync;
  private readonly root: string;
  private readonly fault: ToyFault | undefined;
  /** Kept open since start, so that an error of writing back is reported to it. */
  private readonly rootFd: number;

  constructor(database: DatabaseSync, root: string, fault: ToyFault | undefined) {
    this.database = database;
    this.root = root;
    this.fault = fault;
    this.rootFd = openSync(root, "r");
  }
  close(): void {
    closeSync(this.rootFd);
  }
  private pending(): PendingRow[] {
    return this.database.prepare("SELECT * FROM pending ORDER BY sequence").all() as unknown as PendingRow[];
  }
  private path(uniqueid: string, uid: number): string {
    return join(this.root, messagePath(uniqueid, uid));
  }

  /** Writes the files of all pending rows, in commit order, makes them durable, deletes the rows. */
  flush(): void {
    const rows = this.pending();
    if (rows.length === 0) return;
    if (this.fault === "syncfsBeforeFiles") syncfs(this.rootFd);
    for (const row of rows) this.write(row);
    if (this.fault !== "noSyncfs" && this.fault !== "syncfsBeforeFiles") syncfs(this.rootFd);
    this.database.prepare("DELETE FROM pending WHERE sequence <= ?").run(rows.at(-1)!.sequence);
  }
  private write(row: PendingRow): void {
    const path = this.path(row.uniqueid, row.uid);
    if (this.isTrusted(row, path)) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (row.octets) {
      // Over what a crash left there; never a temporary file.
      writeFileSync(path, row.octets);
      return;
    }
    if (existsSync(path)) unlinkSync(path);
    linkSync(this.path(row.source_uniqueid!, row.source_uid!), path);
  }
  /**
   * A right store trusts no file that is still pending, not even one with the right digest: when the sync of an earlier run
   * failed, the octets are right in memory only, and the next sync, which has nothing to write, says that all is well.
   */
  private isTrusted({ guid, octets }: PendingRow, path: string): boolean {
    if (!octets || !existsSync(path)) return false;
    if (this.fault === "lengthIsProof") return statSync(path).size === octets.length;
    return this.fault === "digestIsProof" && sha1(readFileSync(path)) === guid;
  }

  /** Removes tombstones and their files, where no pending row names a file as its source. */
  expire(): void {
    const unneeded =
      this.fault === "unlinkSource"
        ? ""
        : `AND NOT EXISTS (SELECT 1 FROM pending AS p WHERE (p.source_uniqueid = record.uniqueid AND p.source_uid = record.uid)
             OR (p.uniqueid = record.uniqueid AND p.uid = record.uid))`;
    const gone = this.database.prepare(`SELECT uniqueid, uid FROM record WHERE expunged = 1 ${unneeded}`).all() as {
      uniqueid: string;
      uid: number;
    }[];
    this.database.exec("BEGIN IMMEDIATE");
    for (const { uniqueid, uid } of gone)
      this.database.prepare("DELETE FROM record WHERE uniqueid = ? AND uid = ?").run(uniqueid, uid);
    this.database.exec("COMMIT");
    for (const { uniqueid, uid } of gone) {
      const path = this.path(uniqueid, uid);
      if (existsSync(path)) unlinkSync(path);
    }
  }

  /** First the WAL goes into the database file, then the files of all pending rows are written again. */
  recover(): void {
    this.database.exec("PRAGMA wal_checkpoint(RESTART)");
    this.flush();
  }
}
