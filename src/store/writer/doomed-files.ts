/**
 * Removes what table `doomed` names: a message's file, or a mailbox's directory. A file goes only when nothing that is not durable can be a link to it, and
 * rows of `doomed` say when that is. What a row calls for is decided in one snapshot and done after it: files may be many.
 */
import { rmSync } from "node:fs";
import type { UniqueId } from "../../formats/ids.ts";
import type { FsBlobs } from "../blobs/fs-blobs.ts";
import type { LegacyHashing } from "../blobs/legacy-directory.ts";
import { mailboxDirectory } from "../blobs/paths.ts";
import {
  cacheRoot,
  directoryOf,
  hasLegacyDirectory,
  headerRoot,
  partitionOf,
  placeOf,
  rootPath,
  type Roots,
} from "../blobs/places.ts";
import type { Database } from "../database.ts";
import { blockId } from "../keys.ts";
import { type ListEntry, readEntryByUniqueId } from "../list-entry.ts";
import { HOT_SPAN, HotBlock } from "../records/hot.ts";
import type { ForeignFiles, NeededFiles } from "./foreign-files.ts";

/** Removing many files at once makes the creation of new ones slow on ext4, and new ones come first: so many a step, also of one directory. */
const DOOMED_AT_A_TIME = 20;

export interface DoomedFilesOptions {
  readonly db: Database;
  readonly blobs: FsBlobs;
  readonly partitions: Roots;
  readonly foreign: ForeignFiles | undefined;
  readonly hashing: LegacyHashing | undefined;
}

/** A row that may be acted on, and how. `nothing`: a later row is about the same directory. */
interface Decision {
  readonly seq: number;
  readonly uniqueId: UniqueId;
  readonly partition: string;
  readonly uid: number;
  /** Where the files are now. */
  readonly place: string;
  readonly what: "file" | "directory" | "nothing" | { readonly files: readonly number[] };
}

export class DoomedFiles {
  private readonly options: DoomedFilesOptions;
  private readonly db: Database;
  /** Rows that are done, and stay until the writer deletes them. */
  private readonly done = new Set<number>();
  private unsynced: number[] = [];

  constructor(options: DoomedFilesOptions) {
    this.options = options;
    this.db = options.db;
  }

  /**
   * @param syncedSeq pending rows up to here are durable
   * @returns how much it did, in rows and files; 0: nothing can be done now
   */
  step(nowSeconds: number, syncedSeq: number): number {
    let decisions: Decision[];
    this.db.run("BEGIN");
    try {
      decisions = this.decide(nowSeconds, syncedSeq);
    } finally {
      this.db.run("COMMIT");
    }
    let removed = 0;
    for (const decision of decisions) {
      removed += this.remove(decision, DOOMED_AT_A_TIME - removed);
      if (removed >= DOOMED_AT_A_TIME) break;
    }
    return removed;
  }

  /** Everything done so far is durable. @returns the rows that may go */
  synced(): number[] {
    const { unsynced } = this;
    this.unsynced = [];
    return unsynced;
  }

  /** A sync failed: everything is done again. */
  syncFailed(): void {
    this.unsynced = [];
    this.done.clear();
  }

  private decide(nowSeconds: number, syncedSeq: number): Decision[] {
    const { foreign } = this.options;
    // Pending files that are not durable yet may be links to doomed ones. Other shards go by the table, so that for them a row counts until it is gone.
    const safe = foreign ? 0 : syncedSeq;
    const first = this.db.get("SELECT min(seq) FROM pending WHERE seq>?", safe)![0] as number | null;
    const sql =
      "SELECT seq, uniqueid, partition, uid FROM doomed WHERE not_before<=? AND pending_seq<? ORDER BY seq LIMIT ?";
    const limit = DOOMED_AT_A_TIME + this.done.size;
    const rows = this.db.all(sql, nowSeconds, first ?? Number.MAX_SAFE_INTEGER, limit);
    const seqs = new Set(rows.map(([seq]) => seq as number));
    for (const seq of this.done) if (!seqs.has(seq)) this.done.delete(seq);
    const waiting = rows.filter(([seq]) => !this.done.has(seq as number));
    if (waiting.length === 0) return [];
    const needed = foreign?.needed();
    if (foreign && !needed) return [];
    const decisions: Decision[] = [];
    for (const row of waiting) {
      const decision = this.decideOne(row as [number, UniqueId, string, number], needed);
      if (decision) decisions.push(decision);
    }
    return decisions;
  }

  private decideOne(
    [seq, uniqueId, partition, uid]: [number, UniqueId, string, number],
    needed: NeededFiles | undefined,
  ): Decision | undefined {
    if (needed?.has(uniqueId, partition, uid)) return undefined;
    const entry = readEntryByUniqueId(this.db, uniqueId);
    // Files of a directory by name that the mailbox is about to leave are not where they will be.
    if (entry && hasLegacyDirectory(entry) && this.isMoving(entry)) return undefined;
    const place = placeNow(entry, partition, this.options.hashing);
    const known = { seq, uniqueId, partition, uid, place };
    if (uid > 0) return { ...known, what: "file" };
    // What the mailbox has called for since this row waits for the later one.
    if (this.latestFor(uniqueId, partition) !== seq) return { ...known, what: "nothing" };
    // A mailbox that has come back to this partition since lives in it.
    if (entry?.mbox !== undefined && entry.partition === partition)
      return { ...known, what: { files: this.forsaken(entry.mbox, place, uniqueId, partition) } };
    return { ...known, what: "directory" };
  }

  /** The last row for a directory. */
  private latestFor(uniqueId: UniqueId, partition: string): number {
    const sql = "SELECT max(seq) FROM doomed WHERE uniqueid=? AND uid=0 AND partition=?";
    return this.db.get(sql, uniqueId, partition)![0] as number;
  }

  /** Files of a mailbox that no row speaks of, but for those that lost theirs and are named in `doomed` on their own: these go when nothing needs them. */
  private forsaken(mbox: number, place: string, uniqueId: UniqueId, partition: string): number[] {
    const doomed = new Set<number>();
    for (const [uid, where] of this.db.all("SELECT uid, partition FROM doomed WHERE uniqueid=? AND uid>0", uniqueId))
      if (partitionOf(where as string) === partition) doomed.add(uid as number);
    return this.options.blobs.uidsOf(place, uniqueId).filter((uid) => !doomed.has(uid) && !this.hasRow(mbox, uid));
  }

  private hasRow(mbox: number, uid: number): boolean {
    const row = this.db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
    return row !== undefined && HotBlock.decode(row[0] as Uint8Array).find(uid) >= 0;
  }

  private isMoving({ mbox }: ListEntry): boolean {
    return this.db.get("SELECT 1 FROM pending WHERE mbox=? AND uid=0 LIMIT 1", mbox ?? null) !== undefined;
  }

  /** @returns how much of `most` it took; all of it: there may be more to do for this row */
  private remove({ seq, uniqueId, partition, uid, place, what }: Decision, most: number): number {
    const { blobs } = this.options;
    let removed = 1;
    if (what === "file") blobs.remove({ place, uniqueId, uid });
    else if (what === "directory") {
      // It may have gone to another shard since, which then has the row.
      if (!this.db.get("SELECT 1 FROM doomed WHERE seq=?", seq)) return 0;
      removed = blobs.removeMailbox(place, uniqueId, most);
      if (removed >= most) return removed;
      this.removeMetadata(partition, uniqueId);
      removed += 1;
    } else if (what !== "nothing") for (const one of what.files) blobs.remove({ place, uniqueId, uid: one });
    this.done.add(seq);
    this.unsynced.push(seq);
    return removed;
  }

  /** Cache and header file, where they are not beside the messages. */
  private removeMetadata(partition: string, uniqueId: UniqueId): void {
    const { partitions, blobs } = this.options;
    for (const root of [cacheRoot(partition), headerRoot(partition)]) {
      if (!partitions.has(root)) continue;
      rmSync(mailboxDirectory(rootPath(partitions, root), uniqueId), { recursive: true, force: true });
      blobs.touch(root);
    }
  }
}

/** Where what a row of `doomed` names is now, whatever the mailbox was called when the row was written. */
function placeNow(entry: ListEntry | undefined, place: string, hashing: LegacyHashing | undefined): string {
  const directory = entry?.partition === partitionOf(place) ? directoryOf(placeOf(entry, 0, hashing)) : undefined;
  return directory === undefined ? place : `${place}:${directory}`;
}
