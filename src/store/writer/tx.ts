/**
 * The write transaction as verbs see it. One object serves all groups of a writer; it keeps headers of recently changed mailboxes between them, which is
 * safe because nobody else writes. Nothing here waits. A verb checks everything first, then writes, or throws and has written nothing: the engine
 * (group.ts) runs each slice of a verb in a savepoint and calls `flush` or `rollback`.
 */
import { randomInt } from "node:crypto";
import { dirname } from "node:path";
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import type { LegacyHashing } from "../blobs/legacy-directory.ts";
import { placeOf } from "../blobs/places.ts";
import type { Database } from "../database.ts";
import { childRange, keyOf, MAX_MBOX, ownerOf } from "../keys.ts";
import {
  isTombstone,
  type ListEntry,
  namesByRightsIdentifier,
  readChildren,
  readEntry,
  readEntryByUniqueId,
  removeEntry,
  writeEntry,
} from "../list-entry.ts";
import { insertHeader, type MailboxHeader, readHeader } from "../mailbox-header.ts";
import type { MoveSource, PendingSource } from "../pending.ts";
import { addQuotaUse, quotaRootOf, type QuotaRow, readQuota, removeQuota, writeQuota } from "../quota-row.ts";
import type { Snapshot } from "../reader/snapshot.ts";
import { ShardsReader } from "../reader/store-reader.ts";
import { ANNOT_CRC_INIT } from "../records/sync-crc.ts";
import { ShardAway, ShardGuard } from "../shard-guard.ts";
import { firstMbox, type ShardLayout, shardOfName } from "../shards.ts";
import type { ArchiveRule } from "./archive-rule.ts";
import { ChangeCollector, type Changes } from "./changes.ts";
import { moveGuids } from "./guid-rows.ts";
import { MailboxWriter, type WriterContext } from "./mailbox-writer.ts";
import { OctetSlots } from "./octet-slots.ts";
import { type OwnerRow, Owners } from "./owners.ts";
import type { Asking } from "./replies.ts";

/** What the store needs to know of imapd.conf. */
export interface StoreSettings {
  /** Partition name to directory. */
  readonly partitions: ReadonlyMap<string, string>;
  /** Of legacy directories. */
  readonly hashing?: LegacyHashing | undefined;
  /** What goes to archive partitions at once; undefined: nothing. */
  readonly archive?: ArchiveRule | undefined;
  /** `conversations: yes`: modseqs of all mailboxes of an owner come from one counter. */
  readonly conversations: boolean;
  readonly deletedPrefix: string;
  /** Which shard this is, of how many; all of one without it. */
  readonly shard?: number;
  readonly shards?: number;
  /** Tests make slices smaller by this factor, so that small work takes several. Default 1. */
  readonly sliceScale?: number;
}

/** Thrown when a mailbox is in the hands of a verb that runs in slices; the engine runs the verb again later. */
export class Busy extends Error {
  readonly mbox: number;
  constructor(mbox: number) {
    super(`mailbox ${mbox} is busy`);
    this.mbox = mbox;
  }
}

/** Thrown when more message files wait to be written than may. */
export class FilesBehind extends Error {}

export interface NewMailbox {
  readonly name: MboxName;
  readonly uniqueId: UniqueId;
  readonly uidValidity: number;
  readonly createdModseq: number;
  readonly options: string;
}

export interface PendingInput {
  readonly mbox: number;
  readonly uid: number;
  readonly uniqueId: UniqueId;
  /** The place of the file (blobs/places.ts). */
  readonly partition: string;
  readonly sizeOctets: number;
  readonly guid: Uint8Array;
  readonly source: PendingSource | MoveSource | undefined;
  readonly octets: Uint8Array | undefined;
  readonly cache: Uint8Array | undefined;
  readonly cacheOffset: number;
  readonly cacheGeneration: number;
}

/** Another shard, as one slice sees it. */
export interface ForeignShard {
  readonly shard: number;
  readonly snapshot: Snapshot;
  /** The same transaction, for what a snapshot has no question for. */
  readonly db: Database;
}

/** Holds what is frozen. */
const FROZEN = Symbol("frozen");

/** Headers kept between groups. */
const KEPT_WRITERS = 4096;

export class Tx implements WriterContext {
  readonly db: Database;
  readonly settings: StoreSettings;
  /** Which shard this is, of how many. */
  readonly shard: number;
  readonly layout: ShardLayout;
  /** With several shards. */
  readonly guard: ShardGuard | undefined;
  /** Epoch seconds; set by the engine before each slice. */
  now = 0;
  /** Nanoseconds within the second. */
  nowNanos = 0;
  /** Who asked for the verb that runs, and is owed its answer. */
  asking: Asking | undefined;
  /** Set by the engine: no more files may be called for now. */
  filesBehind = false;
  /** Octets of pending files; for the engine and recovery. */
  readonly slots: OctetSlots;
  private readonly changes = new ChangeCollector();
  private readonly writers = new Map<number, MailboxWriter>();
  private readonly touched = new Set<MailboxWriter>();
  private readonly locked = new Map<number, unknown>();
  private readonly owners: Owners;
  private readonly quotaRoots = new Map<MboxName, MboxName | null>();
  private readonly namesOfMbox = new Map<number, MboxName>();
  private nextPendingSeq: number;
  private nextDoomedSeq: number;
  private nextHeaderVersion: number;
  /** The verb that runs now: holder of locks. */
  private holder: unknown;
  private undo: ((tx: Tx) => void) | undefined;
  private otherShards: ShardsReader | undefined;
  private frozenTouched = false;

  constructor(db: Database, settings: StoreSettings) {
    this.db = db;
    this.settings = settings;
    this.shard = settings.shard ?? 0;
    this.layout = { shards: settings.shards ?? 1, deletedPrefix: settings.deletedPrefix };
    this.guard = this.layout.shards > 1 ? new ShardGuard(dirname(db.path), this.shard, this.layout.shards) : undefined;
    this.slots = new OctetSlots(db);
    this.owners = new Owners(db);
    this.loadFrozen();
    this.nextPendingSeq = ((db.get("SELECT max(seq) FROM pending")![0] as number | null) ?? 0) + 1;
    this.nextHeaderVersion = ((db.get("SELECT max(version) FROM header_due")![0] as number | null) ?? 0) + 1;
    this.nextDoomedSeq = ((db.get("SELECT max(seq) FROM doomed")![0] as number | null) ?? 0) + 1;
  }

  // ---- mailbox list ------------------------------------------------------------------------------------------------

  /** The entry of that name, tombstones not. */
  entry(name: MboxName): ListEntry | undefined {
    const entry = readEntry(this.db, name);
    return entry && !isTombstone(entry) ? entry : undefined;
  }

  /** Also a tombstone. */
  anyEntry(name: MboxName): ListEntry | undefined {
    return readEntry(this.db, name);
  }

  entryByUniqueId(uniqueId: UniqueId): ListEntry | undefined {
    return readEntryByUniqueId(this.db, uniqueId);
  }

  /** Everything below `name`, in name order, tombstones not. */
  children(name: MboxName): ListEntry[] {
    return readChildren(this.db, name).filter((entry) => !isTombstone(entry));
  }

  namesByRightsIdentifier(identifier: string): MboxName[] {
    return namesByRightsIdentifier(this.db, identifier);
  }

  /** Writes the entry; the mailbox's header file will follow. */
  putEntry(entry: ListEntry): void {
    this.requireThawed(entry.mbox);
    writeEntry(this.db, entry);
    this.listTouched();
    if (entry.mbox !== undefined && !isTombstone(entry)) {
      this.namesOfMbox.set(entry.mbox, entry.name);
      this.headerFileDue(entry.mbox);
      this.changes.mailbox(entry.mbox, entry.uniqueId);
    }
  }

  removeEntry(name: MboxName): void {
    removeEntry(this.db, name);
    this.listTouched();
  }

  /** Says that the small header file beside the messages is out of date (name, ACL, flag names, quota root, special use). */
  headerFileDue(mbox: number): void {
    this.changes.files = true;
    this.db.run("INSERT OR REPLACE INTO header_due(mbox, version) VALUES (?,?)", mbox, this.nextHeaderVersion++);
  }

  /** The same for a mailbox and all below it: they have got another quota root. */
  headerFilesDue(name: MboxName): void {
    this.changes.files = true;
    const key = keyOf(name);
    const { from, to } = childRange(key);
    const sql =
      "INSERT OR REPLACE INTO header_due(mbox, version) SELECT mbox, ? FROM list WHERE mbox NOTNULL AND (name=? OR (name>=? AND name<?))";
    this.db.run(sql, this.nextHeaderVersion++, key, from, to);
  }

  /** 24 characters of [a-z0-9], as Cyrus 3.6 makes them. */
  newUniqueId(): UniqueId {
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (;;) {
      let id = "";
      for (let n = 0; n < 24; n++) id += letters[randomInt(36)];
      if (!this.db.get("SELECT 1 FROM mailbox WHERE uniqueid=?", id)) return id as UniqueId;
    }
  }

  // ---- other shards ------------------------------------------------------------------------------------------------

  /** Whether mailboxes of this name are here. */
  isHere(name: MboxName): boolean {
    return shardOfName(name, this.layout) === this.shard;
  }

  /** The entry of that name wherever it is; tombstones not. @throws ShardClosed */
  entryAnywhere(name: MboxName): ListEntry | undefined {
    const shard = shardOfName(name, this.layout);
    return shard === this.shard ? this.entry(name) : this.foreign(shard).entry(name);
  }

  /**
   * What another shard has, as committed when the running slice first asks for it, and the same until the slice ends.
   * @throws ShardClosed
   */
  foreign(shard: number): Snapshot {
    return this.others(shard).shard(shard);
  }

  /**
   * As `foreign`, for taking messages or mailboxes over: what is read is durable, and until this transaction has ended no shard removes a file because
   * nobody seems to need it (shard-guard.ts).
   * @throws ShardClosed, ShardAway
   */
  takeFrom(shard: number): ForeignShard {
    const reader = this.others(shard);
    if (!this.guard) throw new Error("there is one shard only");
    if (!this.guard.inside) {
      // What was read before counts for nothing.
      reader.end();
      this.guard.enter();
    }
    const db = reader.database(shard);
    // Asked between the opening and the first look: with our connection open, nothing can become visible any more that its writer has not made durable.
    if (!this.guard.isUp(shard)) throw new ShardAway(`shard ${shard} has no writer now`);
    return { shard, db, snapshot: reader.shard(shard) };
  }

  private others(shard: number): ShardsReader {
    if (shard === this.shard) throw new Error("a shard does not read itself from outside");
    return (this.otherShards ??= new ShardsReader(dirname(this.db.path), this.layout, "asked"));
  }

  // ---- mailboxes ---------------------------------------------------------------------------------------------------

  /**
   * The mailbox for changing it.
   * @throws Busy while another verb holds it; the engine tries the verb again
   */
  mailbox(mbox: number): MailboxWriter {
    if (this.isBusy(mbox)) throw new Busy(mbox);
    let writer = this.writers.get(mbox);
    if (writer) {
      this.writers.delete(mbox);
    } else {
      const header = readHeader(this.db, mbox);
      if (!header) throw new Error(`mailbox ${mbox} has no header`);
      writer = new MailboxWriter(this, header);
    }
    this.writers.set(mbox, writer);
    this.touched.add(writer);
    return writer;
  }

  /**
   * The mailbox for reading its rows, also while another verb holds it: so that nobody who holds one mailbox ever waits for another.
   * undefined: it is gone.
   */
  peek(mbox: number): MailboxWriter | undefined {
    const kept = this.writers.get(mbox);
    if (kept) return kept;
    const header = readHeader(this.db, mbox);
    const writer = header && new MailboxWriter(this, header);
    if (writer) this.writers.set(mbox, writer);
    return writer;
  }

  /** The next mailbox number. */
  newMbox(): number {
    const { shards } = this.layout;
    const stored = this.db.get("SELECT value FROM meta WHERE key='next_mbox'")?.[0] as number | undefined;
    const mbox = stored ?? firstMbox(this.shard, shards);
    if (mbox > MAX_MBOX) throw new Error("no more mailbox numbers in this shard");
    this.db.run("INSERT OR REPLACE INTO meta(key, value) VALUES ('next_mbox', ?)", mbox + shards);
    return mbox;
  }

  /** Makes the header row of a new mailbox. The list entry is the caller's to write. */
  createMailbox(input: NewMailbox): MailboxWriter {
    const mbox = this.newMbox();
    const header: MailboxHeader = {
      mbox,
      uniqueId: input.uniqueId,
      owner: this.owner(ownerOf(input.name, this.settings.deletedPrefix)).id,
      uidValidity: input.uidValidity,
      lastUid: 0,
      highestModseq: input.createdModseq,
      deletedModseq: 0,
      xconvModseq: 0,
      raclModseq: 0,
      exists: 0,
      unseen: 0,
      deleted: 0,
      answered: 0,
      flagged: 0,
      expunged: 0,
      sizeOctets: 0,
      annotOctets: 0,
      recentUid: 0,
      recentTime: 0,
      lastAppend: 0,
      pop3LastLogin: 0,
      pop3ShowAfter: 0,
      options: input.options,
      flagNames: [],
      syncCrc: 0,
      syncCrcAnnot: ANNOT_CRC_INIT,
      membership: 0,
      cacheEnd: 0,
      cacheGeneration: 1,
    };
    insertHeader(this.db, header);
    this.namesOfMbox.set(mbox, input.name);
    return this.mailbox(mbox);
  }

  /** After a rename: gives the mailbox to the owner that its new name says, with its guid index. Does nothing when that is the same. */
  changeOwner(mbox: number, name: MboxName): void {
    const writer = this.mailbox(mbox);
    const owner = this.owner(ownerOf(name, this.settings.deletedPrefix));
    this.namesOfMbox.set(mbox, name);
    if (writer.header.owner === owner.id) return;
    // A mailbox made later under this name must have a higher one.
    owner.uidValidity = Math.max(owner.uidValidity, writer.header.uidValidity);
    writer.flush();
    const old = writer.header.owner;
    moveGuids(this.db, mbox, old, owner.id);
    writer.header.owner = owner.id;
    owner.modseq = Math.max(owner.modseq, writer.header.highestModseq);
    this.owners.changed(owner);
    writer.touch();
  }

  /** Whether another verb holds the mailbox. A verb in slices looks before each further slice, and yields while it is so. */
  isBusy(mbox: number): boolean {
    const holder = this.locked.get(mbox);
    return holder !== undefined && holder !== this.holder;
  }

  /** Keeps other verbs off a mailbox until `unlock`, over slices. Held by the running verb. */
  lock(mbox: number): void {
    this.mailbox(mbox);
    this.locked.set(mbox, this.holder);
  }

  unlock(mbox: number): void {
    this.locked.delete(mbox);
  }

  /**
   * Keeps everybody off mailboxes, over restarts, for as long as an intent row is there whose arguments name them: `{"frozen": [mbox, ...]}`. To be called
   * with every change of such a row.
   */
  frozenChanged(): void {
    this.frozenTouched = true;
    this.loadFrozen();
  }

  /** @throws Busy when the mailbox is frozen */
  requireThawed(mbox: number | undefined): void {
    if (mbox !== undefined && this.locked.get(mbox) === FROZEN) throw new Busy(mbox);
  }

  frozenBoxes(): number[] {
    return [...this.locked].flatMap(([mbox, holder]) => (holder === FROZEN ? [mbox] : []));
  }

  private loadFrozen(): void {
    for (const [mbox, holder] of this.locked) if (holder === FROZEN) this.locked.delete(mbox);
    for (const [mbox] of this.db.all("SELECT value FROM intent, json_each(intent.args, '$.frozen')")) {
      this.forgetMailbox(mbox as number);
      this.locked.set(mbox as number, FROZEN);
    }
  }

  /**
   * For verbs in slices: what takes back the slices already committed, should a later one fail. Runs in a transaction of its own before any other
   * verb. A crash is recovery's business: leave an intent row as well.
   */
  onFailure(undo: (tx: Tx) => void): void {
    this.undo = undo;
  }

  /** Something for `GroupHooks.published` to act on after the commit (audit lines, events); dropped when the slice fails. */
  note(note: unknown): void {
    this.changes.note(note);
  }

  /** For the engine. */
  takeUndo(): ((tx: Tx) => void) | undefined {
    const { undo } = this;
    this.undo = undefined;
    return undo;
  }

  /** How much one slice of a verb may take on, of what is `most` rows, blocks or entries in production. */
  slice(most: number): number {
    return Math.max(1, Math.round(most * (this.settings.sliceScale ?? 1)));
  }

  // ---- counters ----------------------------------------------------------------------------------------------------

  /** The owner's row, made when first needed. "" is the owner of all shared mailboxes. */
  owner(name: string): OwnerRow {
    return this.owners.get(name);
  }

  /** The next modseq for a change of `header`'s messages; raises the header's highestmodseq. */
  nextModseq(header: MailboxHeader): number {
    if (!this.settings.conversations) return (header.highestModseq += 1);
    const owner = this.ownerOfMailbox(header);
    owner.modseq = Math.max(owner.modseq, header.highestModseq) + 1;
    this.owners.changed(owner);
    header.highestModseq = owner.modseq;
    return owner.modseq;
  }

  /** The next modseq for a change of the list: creation, rename, ACL, deletion. */
  nextFolderModseq(name: MboxName): number {
    const owner = this.owner(ownerOf(name, this.settings.deletedPrefix));
    owner.modseq += 1;
    this.owners.changed(owner);
    return owner.modseq;
  }

  /** Strictly increasing for an owner, near the present time (RFC 3501 §2.3.1.1). */
  nextUidValidity(name: MboxName): number {
    const owner = this.owner(ownerOf(name, this.settings.deletedPrefix));
    owner.uidValidity = Math.max(owner.uidValidity + 1, this.now);
    this.owners.changed(owner);
    return owner.uidValidity;
  }

  // ---- quota -------------------------------------------------------------------------------------------------------

  /** The nearest quota root at or above `name`. */
  quotaRoot(name: MboxName): MboxName | undefined {
    let root = this.quotaRoots.get(name);
    if (root === undefined) {
      root = quotaRootOf(this.db, name) ?? null;
      if (this.quotaRoots.size >= KEPT_WRITERS) this.quotaRoots.clear();
      this.quotaRoots.set(name, root);
    }
    return root ?? undefined;
  }

  quota(root: MboxName): QuotaRow | undefined {
    return readQuota(this.db, root);
  }

  putQuota(quota: QuotaRow): void {
    writeQuota(this.db, quota);
    this.quotaRoots.clear();
  }

  removeQuota(root: MboxName): void {
    removeQuota(this.db, root);
    this.quotaRoots.clear();
  }

  addQuotaUse(root: MboxName, octets: number, messages: number, annot: number, folders: number): void {
    addQuotaUse(this.db, root, octets, messages, annot, folders);
  }

  quotaChanged(header: MailboxHeader, octets: number, messages: number): void {
    const name = this.nameOfMailbox(header);
    const root = name && this.quotaRoot(name);
    if (root) addQuotaUse(this.db, root, octets, messages, 0, 0);
  }

  // ---- files -------------------------------------------------------------------------------------------------------

  /** The place (blobs/places.ts) of a mailbox's messages. */
  placeOf(entry: Pick<ListEntry, "name" | "type" | "partition">, blobPlace: number): string {
    return placeOf(entry, blobPlace, this.settings.hashing);
  }

  addPending(input: PendingInput): number {
    if (this.filesBehind) throw new FilesBehind("message files cannot be written");
    const seq = this.nextPendingSeq++;
    this.changes.files = true;
    this.db.run(
      "INSERT INTO pending(seq, mbox, uid, uniqueid, partition, source, size, guid, cache_offset, cache_generation, slot) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
      seq,
      input.mbox,
      input.uid,
      input.uniqueId,
      input.partition,
      input.source ? JSON.stringify(input.source) : null,
      input.sizeOctets,
      input.guid,
      input.cacheOffset,
      input.cacheGeneration,
      this.slots.put(seq, input.cache, input.octets) ?? null,
    );
    return seq;
  }

  /** Rows of table `pending`, counted up to `most`. */
  countPending(most: number): number {
    return this.db.get("SELECT count(*) FROM (SELECT 1 FROM pending LIMIT ?)", most)![0] as number;
  }

  /** Highest pending number given out. */
  get lastPendingSeq(): number {
    return this.nextPendingSeq - 1;
  }

  /**
   * Has a message file (uid) or a mailbox's whole directory (uid 0) removed, not before `notBefore` (epoch seconds). A partition means its archive as well;
   * directories by name are found by identity, and are not removed as a whole (see legacy-moves.ts).
   */
  doom(uniqueId: UniqueId, partition: string, uid: number, notBefore: number): void {
    this.changes.files = true;
    const sql = "INSERT INTO doomed(seq, not_before, pending_seq, uniqueid, partition, uid) VALUES (?,?,?,?,?,?)";
    this.db.run(sql, this.nextDoomedSeq++, notBefore, this.lastPendingSeq, uniqueId, partition, uid);
  }

  // ---- for the engine ----------------------------------------------------------------------------------------------

  /** Called before each slice of a verb; `holder` identifies the request. */
  begin(holder: unknown, nowMs: number, asking?: Asking): void {
    this.holder = holder;
    this.asking = asking;
    this.slots.sliceBegins();
    this.now = Math.floor(nowMs / 1000);
    this.nowNanos = Math.floor((nowMs - this.now * 1000) * 1e6);
  }

  /** Writes what the slice changed in memory. */
  flush(): void {
    this.otherShards?.end();
    for (const writer of this.touched) writer.flush();
    this.owners.flush();
    this.touched.clear();
    this.changes.sliceDone();
    while (this.writers.size > KEPT_WRITERS) {
      const [mbox] = this.writers.keys();
      if (this.locked.has(mbox!)) break;
      this.writers.delete(mbox!);
    }
  }

  /** Forgets everything the failed slice touched in memory; the database has been rolled back to the savepoint. */
  rollback(): void {
    this.slots.sliceFailed();
    this.otherShards?.end();
    for (const writer of this.touched) {
      writer.forget();
      this.writers.delete(writer.header.mbox);
    }
    this.touched.clear();
    this.changes.sliceFailed();
    this.owners.forget();
    this.quotaRoots.clear();
    this.namesOfMbox.clear();
    if (this.frozenTouched) this.loadFrozen();
  }

  /** Forgets everything: the whole group was rolled back. */
  reset(): void {
    this.rollback();
    this.slots.groupFailed();
    this.guard?.leave();
    this.writers.clear();
    this.locked.clear();
    this.loadFrozen();
    this.changes.groupFailed();
  }

  /** Drops what memory holds of a mailbox; the next use reads its stored header. */
  forgetMailbox(mbox: number): void {
    const writer = this.writers.get(mbox);
    writer?.forget();
    if (writer) this.touched.delete(writer);
    this.writers.delete(mbox);
    this.namesOfMbox.delete(mbox);
  }

  changed(header: MailboxHeader, uid?: number): void {
    this.changes.mailbox(header.mbox, header.uniqueId, uid);
  }

  /** Closes what was opened of other shards; the database is its owner's. */
  close(): void {
    this.guard?.close();
    this.otherShards?.close();
    this.otherShards = undefined;
  }

  /** What to tell the workers after the commit. */
  takeChanges(): Changes {
    this.guard?.leave();
    this.frozenTouched = false;
    return this.changes.take((mbox) => this.writers.get(mbox)?.header.highestModseq);
  }

  private listTouched(): void {
    this.changes.list = true;
    this.quotaRoots.clear();
  }

  private nameOfMailbox(header: MailboxHeader): MboxName | undefined {
    let name = this.namesOfMbox.get(header.mbox);
    if (!name) {
      name = readEntryByUniqueId(this.db, header.uniqueId)?.name;
      if (this.namesOfMbox.size >= KEPT_WRITERS) this.namesOfMbox.clear();
      if (name) this.namesOfMbox.set(header.mbox, name);
    }
    return name;
  }

  private ownerOfMailbox(header: MailboxHeader): OwnerRow {
    const name = this.nameOfMailbox(header);
    return this.owner(name ? ownerOf(name, this.settings.deletedPrefix) : "");
  }
}
