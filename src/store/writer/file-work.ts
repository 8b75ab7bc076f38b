/**
 * Message files behind the commit: writes what table `pending` calls for, copies cache records, rewrites header files, removes doomed files. Works on a
 * reading connection; only after `sync` may the rows be deleted, which is the writer's business. All calls are synchronous: this runs in a thread of
 * its own, in recovery, or in a program that opened the store itself.
 */
import { closeSync, constants, existsSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Log } from "../../base/log.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { BlobMissing, type BlobName } from "../blobs/blob-store.ts";
import { FsBlobs } from "../blobs/fs-blobs.ts";
import { writeHeaderFile } from "../blobs/header-file.ts";
import type { LegacyHashing } from "../blobs/legacy-directory.ts";
import { cachePath, mailboxDirectory } from "../blobs/paths.ts";
import { cacheRoot, headerRoot, partitionOf, rootPath, type Roots } from "../blobs/places.ts";
import type { Database, Value } from "../database.ts";
import { blockId } from "../keys.ts";
import { readEntryByUniqueId } from "../list-entry.ts";
import { readHeader } from "../mailbox-header.ts";
import { isMove, type LinkSource, type MoveSource, type PendingRow, type PendingSource } from "../pending.ts";
import { quotaRootOf } from "../quota-row.ts";
import { Flag, HOT_SPAN, HotBlock } from "../records/hot.ts";
import { CacheWrites } from "./cache-writes.ts";
import { DoomedFiles } from "./doomed-files.ts";
import { MoveBatch } from "./move-batch.ts";
import { type ForeignFiles, stagedNames } from "./foreign-files.ts";

/** Rows and octets read from the database at a time. */
const ROWS_AT_A_TIME = 128;
/** A staged file is asked for right after it is written, and again while a worker waits for a writer that is away. */
export const STAGED_MILLISECONDS = 86_400_000;
/** Looks for a message of another shard before it counts as gone. */
const FOREIGN_ROUNDS = 3;

/** Pending rows after a number, in order, with what their slots hold. Parameters: the number, how many. */
export const PENDING_AFTER =
  "SELECT seq, mbox, uid, uniqueid, partition, source, size, guid, cache_offset, cache_generation, cache, " +
  "CASE WHEN source IS NULL THEN octets END FROM pending LEFT JOIN slot USING(slot) WHERE seq>? ORDER BY seq LIMIT ?";

export function pendingFromRow(row: readonly Value[]): PendingRow {
  return {
    seq: row[0] as number,
    mbox: row[1] as number,
    uid: row[2] as number,
    uniqueId: row[3] as UniqueId,
    partition: row[4] as string,
    source: row[5] === null ? undefined : (JSON.parse(row[5] as string) as PendingSource | MoveSource),
    sizeOctets: row[6] as number,
    guid: row[7] as Uint8Array,
    cacheOffset: row[8] === null ? undefined : (row[8] as number),
    cacheGeneration: (row[9] as number | null) ?? 1,
    cache: row[10] === null ? undefined : (row[10] as Uint8Array),
    octets: row[11] === null ? undefined : (row[11] as Uint8Array),
  };
}

/** Rows whose files are durable. */
export interface Finished {
  readonly pendingSeq: number;
  readonly doomed: number[];
  readonly headers: HeaderVersion[];
}

/** A header file written as of this version of its row. */
export interface HeaderVersion {
  readonly mbox: number;
  readonly version: number;
}

export class FileWork {
  /** Message files. */
  readonly blobs: FsBlobs;
  private readonly db: Database;
  private readonly partitions: Roots;
  private readonly log: Log;
  private readonly foreign: ForeignFiles | undefined;
  private writtenSeq = 0;
  private syncedSeq = 0;
  /** Moves that are made, or being made, and whose rows are not gone yet. */
  private moving: MoveBatch | undefined;
  private blocked = false;
  private readonly doomed: DoomedFiles;
  private headers: HeaderVersion[] = [];
  private readonly headersDone = new Map<number, number>();
  private written = 0;
  private writtenOctets = 0;
  /** Cache records of the portion at hand. */
  private readonly cacheWrites: CacheWrites;

  /**
   * @param partitions directories by name, with what belongs to partitions (blobs/places.ts)
   * @param foreign where the store has several shards; closed with this
   */
  constructor(db: Database, partitions: Roots, log: Log, foreign?: ForeignFiles, hashing?: LegacyHashing) {
    this.db = db;
    this.partitions = partitions;
    this.log = log;
    this.foreign = foreign;
    this.blobs = new FsBlobs(partitions);
    this.doomed = new DoomedFiles({ db, blobs: this.blobs, partitions, foreign, hashing });
    this.cacheWrites = new CacheWrites((path, error) => {
      // Not needed for anything: readers make the records again from the messages.
      this.log.warning("cache records not written", { path, error: String(error) });
    });
  }

  /** Files written and not yet synced. */
  get unsynced(): number {
    return this.written;
  }

  /** Octets of messages among them. */
  get unsyncedOctets(): number {
    return this.writtenOctets;
  }

  /** The last step ended before a row that has to wait until rows that are done are synced and gone. */
  get isBlocked(): boolean {
    return this.blocked;
  }

  /**
   * Does one portion of work. False when there was nothing to do.
   * @throws Error of the filesystem; the row it failed on stays and is tried again at the next call
   */
  step(nowSeconds: number): boolean {
    const rows = this.db.all(PENDING_AFTER, this.writtenSeq, ROWS_AT_A_TIME);
    this.blocked = false;
    if (this.moving && this.firstPending() > this.moving.last) this.moving = undefined;
    try {
      for (const row of rows) if (!this.doRow(pendingFromRow(row))) return true;
    } finally {
      this.cacheWrites.flush();
    }
    const headers = this.writeHeaders();
    const doomed = rows.length === 0 ? this.doomed.step(nowSeconds, this.syncedSeq) : 0;
    this.written += doomed;
    return rows.length > 0 || headers > 0 || doomed > 0;
  }

  /** @returns false: the row must wait, or needs more turns */
  private doRow(pending: PendingRow): boolean {
    const { source, seq } = pending;
    if (isMove(source)) {
      // See move-batch.ts.
      if (!this.moving && this.firstPending() === seq) this.moving = new MoveBatch();
      this.blocked = !this.moving?.add(pending, source);
      // A large one takes several turns.
      if (this.blocked || !this.moveSome(pending, source)) return false;
    } else if (this.moving || this.comesBack(pending)) {
      this.blocked = true;
      return false;
    } else this.place(pending);
    this.writeCache(pending);
    this.writtenSeq = seq;
    this.written += 1;
    this.writtenOctets += pending.octets?.length ?? 0;
    return true;
  }

  /**
   * Whether the row brings a message back to a place from which a row before it, still in the table, has taken it. That row, and copies before it, are made
   * from the file that was there; what comes back is another file under the same name. Recovery makes again, in order, whatever the table calls for: if the
   * power failed while the new file is half written, all of them would be made from that. So the row has to wait until they are gone, durable is not enough.
   */
  comesBack({ mbox, uid, uniqueId, partition, source, seq }: PendingRow): boolean {
    if (!source || !("link" in source)) return false;
    const { link } = source;
    if (link.uid !== uid || link.uniqueId !== uniqueId) return false;
    const sql =
      "SELECT 1 FROM pending WHERE mbox=? AND uid=? AND seq<? AND (partition=? OR json_extract(source,'$.link.partition')=?) LIMIT 1";
    return this.db.get(sql, mbox, uid, seq, partition, partition) !== undefined;
  }

  private firstPending(): number {
    return (this.db.get("SELECT min(seq) FROM pending")![0] as number | null) ?? Number.MAX_SAFE_INTEGER;
  }

  /**
   * Makes everything written so far durable and says which rows may go.
   * @throws NativeError when the filesystem lost writes: everything since the last success will be written again
   */
  sync(): Finished {
    this.syncBlobs();
    this.syncedSeq = this.writtenSeq;
    this.written = 0;
    this.writtenOctets = 0;
    const { headers } = this;
    this.headers = [];
    return { pendingSeq: this.syncedSeq, doomed: this.doomed.synced(), headers };
  }

  private syncBlobs(): void {
    try {
      this.blobs.sync();
    } catch (error) {
      this.writtenSeq = this.syncedSeq;
      this.written = 0;
      this.moving = undefined;
      // Everything is done again, also what only removed names.
      this.headers = [];
      this.headersDone.clear();
      this.doomed.syncFailed();
      throw error;
    }
  }

  /**
   * Removes staged files from before `before` (epoch milliseconds) that nobody will ask for any more.
   * @throws Error of the filesystem
   */
  sweepStaged(before: number): void {
    this.blobs.sweepStaged(before, () => this.stagedNeeded());
  }

  /** Names that rows of `pending` have, here and in other shards; undefined: that cannot be told. */
  private stagedNeeded(): ReadonlySet<string> | undefined {
    try {
      const names = this.foreign?.stagedElsewhere() ?? new Set<string>();
      for (const name of stagedNames(this.db)) names.add(name);
      return names;
    } catch (error) {
      // Of a shard that is only being made, or cannot be read: there will be another sweep.
      this.log.debug("staged files are left alone", { error: String(error) });
      return undefined;
    }
  }

  close(): void {
    this.blobs.close();
    this.foreign?.close();
  }

  /** As `place`, with the cache record where there is one; to be called in order, and `flushCaches` after some of them. For recovery. */
  placeAgain(pending: PendingRow): boolean {
    const isThere = this.place(pending);
    this.writeCache(pending);
    return isThere;
  }

  /** Before the rows that `placeAgain` was called for go out of reach. */
  flushCaches(): void {
    this.cacheWrites.flush();
  }

  /**
   * Does what one row calls for, whatever was there before. False, with a line in the log: a message's octets are nowhere, which is damage.
   * @throws Error of the filesystem
   */
  place(pending: PendingRow): boolean {
    const { source } = pending;
    if (isMove(source)) {
      while (!this.moveSome(pending, source));
      return true;
    }
    try {
      this.writeFile(pending);
      return true;
    } catch (error) {
      if (!(error instanceof BlobMissing)) throw error;
    }
    // A link whose source has been removed since: it was removed because the link was durable.
    if (this.blobs.holds(blobOf(pending)) || !this.isWanted(pending)) return true;
    this.log.err("IOERROR: a message's octets are gone", { uniqueid: pending.uniqueId, uid: pending.uid });
    return false;
  }

  /** @returns false: more is left */
  private moveSome({ uniqueId, partition }: PendingRow, { moved }: MoveSource): boolean {
    return this.blobs.moveMailbox(moved, partition, uniqueId);
  }

  /** Whether the message is still there, and its mailbox on that partition. */
  private isWanted({ mbox, uid, uniqueId, partition }: PendingRow): boolean {
    if (readEntryByUniqueId(this.db, uniqueId)?.partition !== partitionOf(partition)) return false;
    const block = this.hotBlock(mbox, uid);
    const index = block ? block.find(uid) : -1;
    return index >= 0 && (block!.flags(index) & Flag.expunged) === 0;
  }

  private hotBlock(mbox: number, uid: number): HotBlock | undefined {
    const row = this.db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
    return row && HotBlock.decode(row[0] as Uint8Array);
  }

  private writeFile(pending: PendingRow): void {
    const { source, octets } = pending;
    const blob = blobOf(pending);
    if (octets) this.blobs.put(blob, octets);
    else if (source && "staged" in source) this.blobs.take(blob, source.staged, source.root);
    else if (source && "link" in source) {
      const { partition: place, uniqueId, uid } = source.link;
      if (this.foreign?.isForeign(source.link)) placeForeign(this.blobs, this.foreign, source.link, blob);
      else {
        this.blobs.link({ place, uniqueId, uid }, blob);
      }
    }
  }

  private writeCache(pending: PendingRow): void {
    const { cacheOffset, partition, uniqueId, cacheGeneration } = pending;
    if (cacheOffset === undefined) return;
    let record = pending.cache;
    if (!record) {
      try {
        record = this.readLinkedCache(pending);
      } catch (error) {
        // Of a mailbox whose records are made when somebody asks for them.
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
        this.log.warning("cache record not copied", { uniqueid: uniqueId, uid: pending.uid, error: String(error) });
      }
    }
    if (!record || record.length === 0) return;
    this.cacheWrites.add(cachePath(this.cacheDirectory(partition, uniqueId), cacheGeneration), cacheOffset, record);
  }

  private readLinkedCache({ source }: PendingRow): Uint8Array | undefined {
    if (!source || !("link" in source) || source.link.cacheLength === 0) return undefined;
    const { cacheLength, cacheCrc } = source.link;
    const isWhole = (record: Uint8Array): boolean => record.length === cacheLength && crc32(record) === cacheCrc;
    // Another shard may not have written it yet.
    const found = this.foreign?.isForeign(source.link) ? this.foreign.findCache(source.link) : { link: source.link };
    if ("record" in found) return isWhole(found.record) ? found.record : undefined;
    // It may be one of the same portion.
    this.cacheWrites.flush();
    const { partition, uniqueId, cacheGeneration, cacheOffset } = found.link;
    const fd = openSync(cachePath(this.cacheDirectory(partition, uniqueId), cacheGeneration), constants.O_RDONLY);
    try {
      const record = Buffer.allocUnsafe(cacheLength);
      const read = readSync(fd, record, 0, cacheLength, cacheOffset);
      return read === cacheLength && isWhole(record) ? record : undefined;
    } finally {
      closeSync(fd);
    }
  }

  private writeHeaders(): number {
    const rows = this.db.all("SELECT mbox, version FROM header_due LIMIT ?", ROWS_AT_A_TIME + this.headersDone.size);
    // Rows stay until the writer hears of it and deletes them: what was done before is passed over.
    const due = new Map(rows as unknown as [number, number][]);
    for (const [mbox, version] of this.headersDone) if (due.get(mbox) !== version) this.headersDone.delete(mbox);
    let done = 0;
    for (const [mbox, version] of due) {
      if (this.headersDone.get(mbox) === version) continue;
      const header = readHeader(this.db, mbox);
      const entry = header && readEntryByUniqueId(this.db, header.uniqueId);
      if (header && entry) {
        const root = headerRoot(entry.partition);
        writeHeaderFile(mailboxDirectory(rootPath(this.partitions, root), header.uniqueId), {
          version: 1,
          name: entry.name,
          uniqueId: header.uniqueId,
          uidValidity: header.uidValidity,
          type: entry.type,
          acl: entry.acl,
          quotaRoot: quotaRootOf(this.db, entry.name),
          specialUse: entry.specialUse,
          flagNames: header.flagNames,
          options: header.options,
          createdModseq: entry.createdModseq,
        });
        this.blobs.touch(root);
      }
      this.headersDone.set(mbox, version);
      this.headers.push({ mbox, version });
      this.written += 1;
      done += 1;
    }
    return done;
  }

  private cacheDirectory(place: string, uniqueId: UniqueId): string {
    return mailboxDirectory(rootPath(this.partitions, cacheRoot(partitionOf(place))), uniqueId);
  }
}

function blobOf({ partition, uniqueId, uid, guid, sizeOctets }: PendingRow): BlobName {
  return { place: partition, uniqueId, uid, guid, sizeOctets };
}

/** A link to a message of another shard, or its octets as long as that shard has to write them itself. */
function placeForeign(blobs: FsBlobs, foreign: ForeignFiles, link: LinkSource, blob: BlobName): void {
  for (let round = 1; ; round++) {
    const found = foreign.find(link);
    try {
      if ("octets" in found) {
        blobs.put(blob, found.octets);
        return;
      }
      for (const path of found.paths) {
        if (!existsSync(path)) continue;
        // An earlier try's name may be one that a failed sync has lost.
        blobs.linkFile(path, blob, "anew");
        if (found.isSure || blobs.holds(blob)) return;
      }
      if (round === FOREIGN_ROUNDS) throw new BlobMissing(`uid ${link.uid} of ${link.uniqueId} is nowhere`);
    } catch (error) {
      // Between the two looks its row may have gone and its file come.
      if (!(error instanceof BlobMissing) || round === FOREIGN_ROUNDS) throw error;
    }
  }
}
