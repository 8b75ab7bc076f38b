/**
 * Message files behind the commit: writes what table `pending` calls for, copies cache records, rewrites header files, removes doomed files. Works on a
 * reading connection; only after `sync` may the rows be deleted, which is the writer's business. All calls are synchronous: this runs in a thread of
 * its own, in recovery, or in a program that opened the store itself.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Log } from "../../base/log.ts";
import { syncFilesystem } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { writeHeaderFile } from "../blobs/header-file.ts";
import { cachePath, mailboxDirectory, messagePath, stageDirectory, stagePath } from "../blobs/paths.ts";
import type { Database, Value } from "../database.ts";
import { blockId } from "../keys.ts";
import { readEntryByUniqueId } from "../list-entry.ts";
import { readHeader } from "../mailbox-header.ts";
import type { LinkSource, PendingRow, PendingSource } from "../pending.ts";
import { quotaRootOf } from "../quota-row.ts";
import { Flag, HOT_SPAN, HotBlock } from "../records/hot.ts";
import type { ForeignFiles } from "./foreign-files.ts";

/** Rows and octets read from the database at a time. */
const ROWS_AT_A_TIME = 128;
/** Removing many files at once makes the creation of new ones slow on ext4: so many a step. */
const DOOMED_AT_A_TIME = 20;
const KNOWN_DIRECTORIES = 20_000;
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
    source: row[5] === null ? undefined : (JSON.parse(row[5] as string) as PendingSource),
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
  private readonly db: Database;
  private readonly partitions: ReadonlyMap<string, string>;
  private readonly log: Log;
  private readonly foreign: ForeignFiles | undefined;
  private readonly roots = new Map<string, number>();
  private readonly known = new Set<string>();
  private readonly touched = new Set<string>();
  private writtenSeq = 0;
  private syncedSeq = 0;
  private doomed: number[] = [];
  private headers: HeaderVersion[] = [];
  private readonly headersDone = new Map<number, number>();
  private readonly doomedDone = new Set<number>();
  private written = 0;
  /** Names of staged files that have got their second name; they go when that one is durable. */
  private staged: string[] = [];

  /**
   * Opens a descriptor on every partition now: one opened later might miss a write-back error.
   * @param foreign where the store has several shards; closed with this
   */
  constructor(db: Database, partitions: ReadonlyMap<string, string>, log: Log, foreign?: ForeignFiles) {
    this.db = db;
    this.partitions = partitions;
    this.log = log;
    this.foreign = foreign;
    for (const [name, root] of partitions) {
      mkdirSync(root, { recursive: true, mode: 0o700 });
      this.roots.set(name, openSync(root, constants.O_RDONLY | constants.O_DIRECTORY));
    }
  }

  /** Files written and not yet synced. */
  get unsynced(): number {
    return this.written;
  }

  /**
   * Does one portion of work. False when there was nothing to do.
   * @throws Error of the filesystem; the row it failed on stays and is tried again at the next call
   */
  step(nowSeconds: number): boolean {
    const rows = this.db.all(PENDING_AFTER, this.writtenSeq, ROWS_AT_A_TIME);
    for (const row of rows) {
      const pending = pendingFromRow(row);
      this.place(pending);
      this.writeCache(pending);
      this.writtenSeq = pending.seq;
      this.written += 1;
    }
    const headers = this.writeHeaders();
    const doomed = rows.length === 0 ? this.removeDoomed(nowSeconds) : 0;
    return rows.length > 0 || headers > 0 || doomed > 0;
  }

  /**
   * Makes everything written so far durable and says which rows may go.
   * @throws NativeError when the filesystem lost writes: everything since the last success will be written again
   */
  sync(): Finished {
    try {
      for (const partition of this.touched) syncFilesystem(this.rootOf(partition));
    } catch (error) {
      this.writtenSeq = this.syncedSeq;
      this.written = 0;
      this.staged = [];
      // Everything is done again, also what only removed names.
      this.headers = [];
      this.headersDone.clear();
      this.doomed = [];
      this.doomedDone.clear();
      throw error;
    }
    for (const path of this.staged) unlinkIfThere(path);
    this.staged = [];
    this.touched.clear();
    this.syncedSeq = this.writtenSeq;
    this.written = 0;
    const { doomed, headers } = this;
    this.doomed = [];
    this.headers = [];
    return { pendingSeq: this.syncedSeq, doomed, headers };
  }

  /** Has the partition's filesystem written out at the next `sync`. */
  touch(partition: string): void {
    this.touched.add(partition);
  }

  /** Removes staged files last written before `before` (epoch milliseconds), which no worker will ask for any more. Nothing may be pending. */
  sweepStaged(before: number): void {
    for (const root of this.partitions.values()) {
      const directory = stageDirectory(root);
      for (const name of existsSync(directory) ? readdirSync(directory) : []) {
        const path = `${directory}/${name}`;
        if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before) < before) unlinkIfThere(path);
      }
    }
  }

  close(): void {
    for (const fd of this.roots.values()) closeSync(fd);
    this.roots.clear();
    this.foreign?.close();
  }

  /**
   * Writes one message file, whatever was there before. False, with a line in the log: its octets are nowhere, which is damage.
   * @throws Error of the filesystem
   */
  place(pending: PendingRow): boolean {
    try {
      this.writeFile(pending);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || pending.octets) throw error;
    }
    // A link whose source has been removed since: it was removed because the link was durable.
    if (this.holds(pending) || !this.isWanted(pending)) return true;
    this.log.err("IOERROR: a message's octets are gone", { uniqueid: pending.uniqueId, uid: pending.uid });
    return false;
  }

  /** Whether the message file has the right length and digest. Length alone proves nothing after a power cut. */
  private holds(pending: PendingRow): boolean {
    const path = messagePath(this.directory(pending.partition, pending.uniqueId), pending.uid);
    if (sizeOf(path) !== pending.sizeOctets) return false;
    const hash = createHash("sha1");
    const piece = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, pending.sizeOctets)));
    const fd = openSync(path, constants.O_RDONLY);
    try {
      for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) hash.update(piece.subarray(0, read));
    } finally {
      closeSync(fd);
    }
    return hash.digest().equals(pending.guid);
  }

  /** Whether the message is still there, and its mailbox on that partition. */
  private isWanted({ mbox, uid, uniqueId, partition }: PendingRow): boolean {
    if (readEntryByUniqueId(this.db, uniqueId)?.partition !== partition) return false;
    const block = this.hotBlock(mbox, uid);
    const index = block ? block.find(uid) : -1;
    return index >= 0 && (block!.flags(index) & Flag.expunged) === 0;
  }

  private hotBlock(mbox: number, uid: number): HotBlock | undefined {
    const row = this.db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
    return row && HotBlock.decode(row[0] as Uint8Array);
  }

  private writeFile(pending: PendingRow): void {
    const directory = this.directory(pending.partition, pending.uniqueId);
    const target = messagePath(directory, pending.uid);
    this.touched.add(pending.partition);
    const { source, octets } = pending;
    if (octets) this.inDirectory(directory, () => writeWhole(target, octets));
    else if (source && "staged" in source) {
      const from = stagePath(this.root(pending.partition), source.staged);
      this.inDirectory(directory, () => linkStaged(from, target, pending.sizeOctets));
      this.staged.push(from);
    } else if (source) {
      const { link } = source;
      if (this.foreign?.isForeign(link)) {
        this.inDirectory(directory, () => placeForeign(this.foreign!, link, target));
        return;
      }
      const from = messagePath(this.directory(link.partition, link.uniqueId), link.uid);
      this.inDirectory(directory, () => linkOrCopy(from, target));
    }
  }

  private writeCache(pending: PendingRow): void {
    if (pending.cacheOffset === undefined) return;
    try {
      const record = pending.cache ?? this.readLinkedCache(pending);
      if (!record || record.length === 0) return;
      const directory = this.directory(pending.partition, pending.uniqueId);
      const fd = openSync(cachePath(directory, pending.cacheGeneration), constants.O_WRONLY | constants.O_CREAT, 0o600);
      try {
        writeSync(fd, record, 0, record.length, pending.cacheOffset);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      // Not needed for anything: readers make the record again from the message.
      this.log.warning("cache record not written", {
        uniqueid: pending.uniqueId,
        uid: pending.uid,
        error: String(error),
      });
    }
  }

  private readLinkedCache({ source }: PendingRow): Uint8Array | undefined {
    if (!source || !("link" in source) || source.link.cacheLength === 0) return undefined;
    const { partition, uniqueId, cacheGeneration, cacheOffset, cacheLength, cacheCrc } = source.link;
    const fd = openSync(cachePath(this.directory(partition, uniqueId), cacheGeneration), constants.O_RDONLY);
    try {
      const record = Buffer.allocUnsafe(cacheLength);
      const read = readSync(fd, record, 0, cacheLength, cacheOffset);
      return read === cacheLength && crc32(record) === cacheCrc ? record : undefined;
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
        writeHeaderFile(this.directory(entry.partition, header.uniqueId), {
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
        this.touched.add(entry.partition);
      }
      this.headersDone.set(mbox, version);
      this.headers.push({ mbox, version });
      this.written += 1;
      done += 1;
    }
    return done;
  }

  private removeDoomed(nowSeconds: number): number {
    // A pending file that is not durable yet may be a link to a doomed one.
    const first = this.db.get("SELECT min(seq) FROM pending WHERE seq>?", this.syncedSeq)![0] as number | null;
    const sql = `SELECT seq, uniqueid, partition, uid FROM doomed WHERE not_before<=? AND pending_seq<? ORDER BY seq LIMIT ?`;
    const limit = DOOMED_AT_A_TIME + this.doomedDone.size;
    const rows = this.db.all(sql, nowSeconds, first ?? Number.MAX_SAFE_INTEGER, limit);
    // Rows stay until the writer deletes them: those done before are passed over.
    const seqs = new Set(rows.map(([seq]) => seq as number));
    for (const seq of this.doomedDone) if (!seqs.has(seq)) this.doomedDone.delete(seq);
    const waiting = rows.filter(([seq]) => !this.doomedDone.has(seq as number));
    const needed = this.foreign && waiting.length > 0 ? this.foreign.needed() : undefined;
    if (this.foreign && !needed) return 0;
    let removed = 0;
    for (const [seq, uniqueId, partition, uid] of waiting) {
      if (needed?.has(uniqueId as UniqueId, partition as string, uid as number)) continue;
      const directory = this.directory(partition as string, uniqueId as UniqueId);
      if (uid === 0) {
        const entry = readEntryByUniqueId(this.db, uniqueId as UniqueId);
        // A mailbox that has come back to this partition since lives in it.
        if (entry?.mbox !== undefined && entry.partition === partition) this.removeStrayFiles(directory, entry.mbox);
        // It may have gone to another shard since, which then has the row.
        else if (!this.db.get("SELECT 1 FROM doomed WHERE seq=?", seq!)) continue;
        else rmSync(directory, { recursive: true, force: true });
        this.known.delete(directory);
      } else unlinkIfThere(messagePath(directory, uid as number));
      this.doomedDone.add(seq as number);
      this.doomed.push(seq as number);
      this.touched.add(partition as string);
      this.written += 1;
      removed += 1;
    }
    return removed;
  }

  /** Files without a row: of messages that went while the mailbox was on another partition. */
  private removeStrayFiles(directory: string, mbox: number): void {
    const names = existsSync(directory) ? readdirSync(directory) : [];
    for (const name of names) {
      const uid = /^([1-9]\d*)\.$/.exec(name)?.[1];
      if (uid === undefined) continue;
      const block = this.hotBlock(mbox, Number(uid));
      if (!block || block.find(Number(uid)) < 0) unlinkIfThere(messagePath(directory, Number(uid)));
    }
  }

  private inDirectory(directory: string, action: () => void): void {
    if (!this.known.has(directory)) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (this.known.size > KNOWN_DIRECTORIES) this.known.clear();
      this.known.add(directory);
    }
    try {
      action();
    } catch (error) {
      this.known.delete(directory);
      throw error;
    }
  }

  private root(partition: string): string {
    const root = this.partitions.get(partition);
    if (root === undefined) throw new Error(`partition-${partition} is not in the configuration, but has messages`);
    return root;
  }

  private rootOf(partition: string): number {
    return this.roots.get(partition)!;
  }

  private directory(partition: string, uniqueId: UniqueId): string {
    return mailboxDirectory(this.root(partition), uniqueId);
  }
}

/** Never writes into a file that is already there: it may be a link that other messages share. */
function writeWhole(path: string, octets: Uint8Array): void {
  const fd = createAnew(path);
  try {
    for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at, octets.length - at);
  } finally {
    closeSync(fd);
  }
}

function createAnew(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    unlinkSync(path);
    return openSync(path, flags, 0o600);
  }
}

/** A link to a message of another shard, or its octets as long as that shard has to write them itself. */
function placeForeign(foreign: ForeignFiles, link: LinkSource, target: string): void {
  for (let round = 1; ; round++) {
    const found = foreign.find(link);
    try {
      if ("octets" in found) {
        writeWhole(target, found.octets);
        return;
      }
      for (const [n, path] of found.paths.entries()) {
        // An earlier try's name may be one that a failed sync has lost.
        unlinkIfThere(target);
        if (n < found.paths.length - 1 && !existsSync(path)) continue;
        linkOrCopy(path, target);
        return;
      }
    } catch (error) {
      // Between the two looks its row may have gone and its file come.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || round === FOREIGN_ROUNDS) throw error;
    }
  }
}

/**
 * A second name, not a rename: a sync of `stage.` for another message would make the old name's end durable, but not the new directory, and a power cut
 * would leave neither.
 */
function linkStaged(from: string, target: string, sizeOctets: number): void {
  try {
    linkOrCopy(from, target);
  } catch (error) {
    // After a crash between the removal of the staged name and that of the row the file is already in its place.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || sizeOf(target) !== sizeOctets) throw error;
  }
}

function linkOrCopy(from: string, target: string): void {
  try {
    linkSync(from, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      // Also the very same path: a mailbox that came back to its partition before its files had left.
      if (isSameFile(from, target)) return;
      // Of an earlier try, or of an earlier life of this uid that never was acknowledged.
      unlinkSync(target);
      linkOrCopy(from, target);
    } else if (code === "EXDEV" || code === "EMLINK" || code === "EPERM") {
      // Synced with everything else of the partition.
      copyFileSync(from, target, constants.COPYFILE_EXCL);
    } else throw error;
  }
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)];
  return a.ino === b.ino && a.dev === b.dev;
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
