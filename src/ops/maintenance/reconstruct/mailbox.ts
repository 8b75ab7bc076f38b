/**
 * Checks one mailbox against its directory and puts right what differs. Looking is done here, in the program; each change is a small verb of the writer,
 * which looks again before it acts, so this may run while mail is delivered and read.
 */
import type { MboxName, UidRange, UniqueId } from "../../../formats/ids.ts";
import {
  type CacheReader,
  COLD_SPAN,
  ColdBlock,
  type ColdRow,
  Flag,
  HOT_SPAN,
  HotBlock,
  type HotRow,
  type MailboxHeader,
  type MessageBox,
  archiveRoot,
  BlobPlace,
  type ListEntry,
  messagePath,
  readHeaderFile,
} from "../../../store/index.ts";
import { unlinkSync } from "node:fs";
import type { Database } from "../../../store/database.ts";
import { blockFirstUid, blockId } from "../../../store/keys.ts";
import { readEntryByUniqueId } from "../../../store/list-entry.ts";
import { readHeader } from "../../../store/mailbox-header.ts";
import { quotaRootOf } from "../../../store/quota-row.ts";
import { crcSuffixOf } from "../../../store/records/sync-crc.ts";
import type { SavedRows } from "../checkpoint/read.ts";
import type { Tools } from "../tools.ts";
import { Directory } from "./directory.ts";
import { type FoundMessage, readMessageFile, sizeOfFile } from "./message-file.ts";
import { hasPendingRow, isElsewhere, isKnown } from "./meanwhile.ts";
import { Repairs } from "./repairs.ts";
import type { ColdData, RowInput } from "./rows.ts";
import { damagedBlocks, rangeOf } from "./salvage.ts";

export interface ReconstructOptions {
  /** -n */
  readonly dryRun: boolean;
  /** -s: message files are not looked at. */
  readonly noStat: boolean;
  /** -G: every message is read and its digest compared. */
  readonly rehash: boolean;
  /** What becomes of a message whose octets are not those of its row: -R, -U. */
  readonly onMismatch: "report" | "newUid" | "remove";
  /** Files without a row: -o, -O. */
  readonly oddFiles: "add" | "ignore" | "delete";
}

/** Rows as they were at the last checkpoint, when that is needed. */
export type SavedRowsOf = (box: UniqueId) => SavedRows | undefined;

const GUID_OCTETS = 20;

export class MailboxCheck {
  private readonly tools: Tools;
  private readonly box: MessageBox;
  /** Of the shard that has it. */
  private readonly db: Database;
  private readonly options: ReconstructOptions;
  private readonly say: (problem: string) => void;
  private readonly savedRows: SavedRowsOf;
  private directory: Directory;
  private header: MailboxHeader;
  /** Uids whose rows may have been lost: files there keep their uid. */
  private lost: UidRange[] = [];
  private readonly repairs: Repairs;
  private readonly seen = new Set<number>();
  private saved: SavedRows | undefined;

  /** @param say gets what follows the mailbox's name in a line: `uid 3 not found` */
  constructor(
    tools: Tools,
    box: MessageBox,
    options: ReconstructOptions,
    savedRows: SavedRowsOf,
    say: (problem: string) => void,
  ) {
    this.tools = tools;
    this.box = box;
    this.options = options;
    this.savedRows = savedRows;
    this.say = say;
    this.repairs = new Repairs(tools, box, options.dryRun);
    this.directory = new Directory(tools.mail, box);
    this.db = tools.reader.dbOfMbox(box.mbox);
    this.header = readHeader(this.db, box.mbox)!;
  }

  /** @param allLost the mailbox was just found again: all of its files are messages under the uid they are named by */
  async run(allLost = false): Promise<void> {
    if (allLost) this.lost = [{ first: 1, last: 0xffffffff }];
    if (!(await this.salvage())) return;
    this.saved = this.lost.length > 0 ? this.savedRows(this.box.uniqueId) : undefined;
    const cache = this.tools.mail.cacheReader(this.box);
    try {
      await this.checkCacheFile();
      for (const group of this.groups()) await this.checkGroup(group, cache);
    } finally {
      cache.close();
    }
    await this.checkFiles();
    await this.repairs.flushRows();
    await this.repairs.flushMissing();
    if (this.lost.length > 0 && !this.options.dryRun) {
      await this.tools.writer.ask("maintenance.remove-stale-guids", { box: this.box.uniqueId });
    }
    await this.recount();
    await this.checkHeaderFile();
  }

  /** False: a dry run that can see no further. */
  private async salvage(): Promise<boolean> {
    const blocks = damagedBlocks(this.db, this.box.mbox);
    if (blocks.length === 0) return true;
    for (const place of blocks) {
      const { first, last } = rangeOf(place);
      this.say(`uid ${first}:${last} ${place.table === "hot" ? "flags" : "records"} are damaged`);
      this.lost.push({ first, last });
    }
    if (this.options.dryRun) return false;
    await this.tools.writer.ask("maintenance.salvage-blocks", { box: this.box.uniqueId, blocks });
    return true;
  }

  /** A cache file that is not there at all is begun anew, instead of being written behind a hole. */
  private async checkCacheFile(): Promise<void> {
    const { cacheGeneration, cacheEnd } = this.header;
    if (cacheEnd === 0 || this.directory.caches.has(cacheGeneration)) return;
    if (this.db.get("SELECT 1 FROM pending WHERE mbox=? LIMIT 1", this.box.mbox)) return;
    this.say("cache file is missing");
    if (this.options.dryRun) return;
    const args = { box: this.box.uniqueId, generation: cacheGeneration };
    await this.tools.writer.ask("maintenance.new-cache-generation", args);
  }

  /** First uids of the stretches, a hot block long, that have rows. */
  private groups(): number[] {
    const { db } = this;
    const { mbox } = this.box;
    const firsts = new Set<number>();
    for (const [table, span] of [
      ["hot", HOT_SPAN],
      ["cold", COLD_SPAN],
    ] as const) {
      const sql = `SELECT id FROM ${table} WHERE id>=? AND id<?`;
      for (const [id] of db.all(sql, blockId(mbox, 0, span), blockId(mbox + 1, 0, span))) {
        const uid = blockFirstUid(id as number, span);
        firsts.add(uid - (uid % HOT_SPAN));
      }
    }
    return [...firsts].sort((a, b) => a - b);
  }

  private async checkGroup(first: number, cache: CacheReader): Promise<void> {
    const { hots, colds } = this.readRows(first);
    const uids = [...new Set([...hots.keys(), ...colds.keys()])].sort((a, b) => a - b);
    for (const uid of uids) {
      this.seen.add(uid);
      const hot = hots.get(uid);
      const cold = colds.get(uid);
      if (hot && cold) await this.checkMessage(hot, cold, cache);
      else if (cold) this.restoreHot(cold);
      else if (hot) await this.restoreCold(hot);
      await this.repairs.flushFull();
    }
  }

  private readRows(first: number): { hots: Map<number, HotRow>; colds: Map<number, ColdRow> } {
    const { db } = this;
    const { mbox } = this.box;
    const hots = new Map<number, HotRow>();
    const colds = new Map<number, ColdRow>();
    const stored = db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, first, HOT_SPAN));
    if (stored) {
      const block = HotBlock.decode(stored[0] as Uint8Array);
      for (let index = 0; index < block.count; index++) hots.set(block.uid(index), block.row(index));
    }
    const from = blockId(mbox, first, COLD_SPAN);
    const to = blockId(mbox, first + HOT_SPAN - 1, COLD_SPAN);
    for (const [rows] of db.all("SELECT rows FROM cold WHERE id>=? AND id<=?", from, to)) {
      const block = ColdBlock.decode(rows as Uint8Array);
      for (let index = 0; index < block.count; index++) colds.set(block.uid(index), block.row(index));
    }
    return { hots, colds };
  }

  private async checkMessage(hot: HotRow, cold: ColdRow, cache: CacheReader): Promise<void> {
    const { uid } = hot;
    if (hot.flags & Flag.expunged || this.options.noStat) return;
    const path = this.directory.path(uid, cold.blobPlace);
    const size = sizeOfFile(path);
    if (size === undefined) {
      if (isElsewhere(this.db, this.box, uid) || sizeOfFile(path) !== undefined) return;
      if (!(await this.isInOtherPlace(cold))) await this.messageMissing(cold);
      return;
    }
    const isOtherSize = size !== cold.sizeOctets;
    if (isOtherSize || this.options.rehash) {
      // A file that was moved aside and written anew in this moment belongs to a row that is pending.
      const found = readMessageFile(path);
      if (isElsewhere(this.db, this.box, uid)) return;
      if (found?.args.guid !== hex(cold.guid)) {
        await this.messageDiffers(cold, found);
        return;
      }
    }
    await this.checkCache(cold, cache);
  }

  /** A message whose file is in the archive while its row says the spool, or the other way round. */
  private async isInOtherPlace(cold: ColdRow): Promise<boolean> {
    const { uid, blobPlace } = cold;
    for (const place of this.directory.places) {
      if (place === blobPlace) continue;
      const path = this.directory.path(uid, place);
      if (sizeOfFile(path) !== cold.sizeOctets || readMessageFile(path)?.args.guid !== hex(cold.guid)) continue;
      // cyr_expire may be archiving it in this moment.
      if (isElsewhere(this.db, this.box, uid)) return true;
      this.say(`uid ${uid} found in the ${place === BlobPlace.archive ? "archive" : "spool"}`);
      if (this.options.dryRun) return true;
      const args = { box: this.box.uniqueId, uid, guid: hex(cold.guid), place };
      await this.tools.writer.ask("maintenance.set-place", args);
      return true;
    }
    return false;
  }

  private async messageMissing(cold: ColdRow): Promise<void> {
    if (await this.relink(cold)) return;
    this.say(`uid ${cold.uid} not found`);
    this.repairs.addMissing(cold.uid);
  }

  private async messageDiffers(cold: ColdRow, found: FoundMessage | undefined): Promise<void> {
    if (await this.relink(cold)) return;
    const { uid } = cold;
    this.say(`uid ${uid} guid mismatch`);
    const { dryRun, onMismatch } = this.options;
    if (dryRun || onMismatch === "report") return;
    if (onMismatch === "remove" || !found) {
      await this.repairs.expunge([uid], true);
      return;
    }
    const added = await this.repairs.adopt(uid, found, true, cold.blobPlace);
    if (added !== null) this.say(`uid ${uid} renumbered to ${added}`);
  }

  /** Single-instance store: the owner may have the same octets elsewhere. */
  private async relink(cold: ColdRow): Promise<boolean> {
    const { db } = this;
    const places = db.all("SELECT mbox, uid FROM guid WHERE owner=? AND guid=?", this.header.owner, cold.guid);
    for (const [mbox, uid] of places as [number, number][]) {
      if (mbox === this.box.mbox && uid === cold.uid) continue;
      const header = readHeader(db, mbox);
      const entry = header && readEntryByUniqueId(db, header.uniqueId);
      if (!entry) continue;
      const place = this.placeWithOctets(entry, uid, hex(cold.guid));
      if (place === undefined) continue;
      this.say(`uid ${cold.uid} not found, taken from ${this.tools.external(entry.name)} uid ${uid}`);
      if (this.options.dryRun) return true;
      const args = { box: this.box.uniqueId, uid: cold.uid, source: { mbox, uid, place } };
      if (await this.tools.writer.ask("maintenance.relink", args)) return true;
    }
    return false;
  }

  private placeWithOctets(entry: ListEntry, uid: number, guid: string): number | undefined {
    const { mail } = this.tools;
    const places = mail.roots.has(archiveRoot(entry.partition))
      ? [BlobPlace.spool, BlobPlace.archive]
      : [BlobPlace.spool];
    return places.find(
      (place) => readMessageFile(messagePath(mail.messageDirectory(entry, place), uid))?.args.guid === guid,
    );
  }

  private async checkCache(cold: ColdRow, cache: CacheReader): Promise<void> {
    let record = cache.record(cold);
    if (record instanceof Promise) {
      await record;
      record = cache.record(cold);
    }
    if (record !== undefined) return;
    const { uid } = cold;
    if (isElsewhere(this.db, this.box, uid)) return;
    const found = readMessageFile(this.directory.path(uid, cold.blobPlace));
    if (!found || found.args.guid !== hex(cold.guid)) {
      if (found) await this.messageDiffers(cold, found);
      return;
    }
    this.say(`uid ${uid} cache record is missing or damaged`);
    this.put({ cold: dataOf(cold), flags: 0, user: [0, 0, 0, 0], hasCache: true, why: "cache" }, found.cache);
  }

  /** The cold half is there, the hot one is lost: flags of the last checkpoint, if it is the same message. */
  private restoreHot(cold: ColdRow): void {
    const { uid } = cold;
    const saved = this.savedFor(uid, hex(cold.guid));
    let flags = saved?.hot?.flags ?? 0;
    const isThere = this.directory.uids.has(uid) || hasPendingRow(this.db, this.box.mbox, uid);
    if (isThere) this.say(`uid ${uid} flags ${saved?.hot ? "restored from the last checkpoint" : "lost"}`);
    else {
      if (!(flags & Flag.expunged)) this.say(`uid ${uid} not found`);
      flags |= Flag.expunged | Flag.unlinked;
    }
    this.put({ cold: dataOf(cold), flags, user: saved?.hot?.user ?? [0, 0, 0, 0], hasCache: false, why: "missing" });
  }

  /** The hot half is there, the cold one is lost. What the hot one knows of internaldate and guid tells which candidate is the right one. */
  private async restoreCold(hot: HotRow): Promise<void> {
    const { uid } = hot;
    this.saved ??= this.savedRows(this.box.uniqueId);
    const saved = this.saved?.cold(uid);
    const path = this.directory.pathOf(uid);
    if (saved && isSuffixOf(hot, saved)) {
      this.say(`uid ${uid} record restored from the last checkpoint`);
      this.put({ cold: dataOf(saved), flags: 0, user: hot.user, hasCache: false, why: "missing" });
      return;
    }
    const found = readMessageFile(path);
    if (!found) {
      if (isElsewhere(this.db, this.box, uid)) return;
      this.say(`uid ${uid} not found`);
      this.repairs.addMissing(uid);
      return;
    }
    this.say(`uid ${uid} record made from its message`);
    this.put({ cold: newCold(uid, found), flags: 0, user: hot.user, hasCache: true, why: "missing" }, found.cache);
  }

  private savedFor(uid: number, guid: string): { hot: HotRow | undefined; cold: ColdRow } | undefined {
    this.saved ??= this.savedRows(this.box.uniqueId);
    const cold = this.saved?.cold(uid);
    return cold && hex(cold.guid) === guid ? { hot: this.saved?.hot(uid), cold } : undefined;
  }

  /** Files that no row speaks of. */
  private async checkFiles(): Promise<void> {
    if (this.options.noStat) return;
    const odd = [...this.directory.uids].filter((uid) => !this.seen.has(uid)).sort((a, b) => a - b);
    for (const uid of odd) {
      if (isKnown(this.db, this.box, uid)) continue;
      const path = this.directory.pathOf(uid);
      const wasLost = this.lost.some(({ first, last }) => uid >= first && uid <= last);
      if (wasLost) this.restoreLost(uid, path);
      else await this.oddFile(uid, path);
      await this.repairs.flushFull();
    }
    await this.repairs.flushRows();
    if (this.saved) this.tombstonesOf(this.saved);
  }

  /** Both halves of its row are lost: it comes back under its uid. */
  private restoreLost(uid: number, path: string): void {
    const saved = this.saved?.cold(uid);
    const size = sizeOfFile(path);
    if (saved && size === saved.sizeOctets && !this.options.rehash) {
      const hot = this.saved?.hot(uid);
      this.put({
        cold: dataOf(saved),
        flags: hot?.flags ?? 0,
        user: hot?.user ?? [0, 0, 0, 0],
        hasCache: false,
        why: "missing",
      });
      return;
    }
    const found = readMessageFile(path);
    if (!found) return;
    const same = saved && hex(saved.guid) === found.args.guid ? saved : undefined;
    const hot = same && this.saved?.hot(uid);
    const cold = same ? dataOf(same) : newCold(uid, found);
    this.put(
      { cold, flags: hot?.flags ?? 0, user: hot?.user ?? [0, 0, 0, 0], hasCache: true, why: "missing" },
      found.cache,
    );
  }

  /** Messages that were expunged and have no file any more: their tombstones are of use to replicas and clients. */
  private tombstonesOf(saved: SavedRows): void {
    for (const uid of saved.uids()) {
      if (this.seen.has(uid) || this.directory.uids.has(uid)) continue;
      if (!this.lost.some(({ first, last }) => uid >= first && uid <= last)) continue;
      const hot = saved.hot(uid);
      const cold = saved.cold(uid);
      if (!hot || !cold) continue;
      const isGone = (hot.flags & Flag.expunged) !== 0;
      if (!isGone) this.say(`uid ${uid} not found`);
      if (isGone) {
        const flags = hot.flags | Flag.unlinked;
        this.put({ cold: dataOf(cold), flags, user: hot.user, hasCache: false, why: "missing" });
      }
    }
  }

  private async oddFile(uid: number, path: string): Promise<void> {
    const { oddFiles, dryRun } = this.options;
    const found = readMessageFile(path);
    if (!found && sizeOfFile(path) === undefined) return;
    if (oddFiles === "ignore") {
      this.say(`uid ${uid} found - ignoring`);
      return;
    }
    if (oddFiles === "delete") {
      this.say(`uid ${uid} found - removing`);
      if (!dryRun && !isKnown(this.db, this.box, uid)) unlinkSync(path);
      return;
    }
    if (!found) {
      this.say(`uid ${uid} found, but empty - ignoring`);
      return;
    }
    if (dryRun) {
      this.say(`uid ${uid} found - would be added`);
      return;
    }
    const added = await this.repairs.adopt(uid, found, false, this.directory.placeOf(uid));
    if (added === null) return;
    this.say(added === uid ? `uid ${uid} found - adding` : `uid ${uid} found - adding as uid ${added}`);
  }

  private put(row: RowInput, cache?: Uint8Array): void {
    const { uid } = row.cold;
    // A row of a checkpoint may be older than its message's archiving.
    const place = this.directory.uids.has(uid) ? this.directory.placeOf(uid) : row.cold.blobPlace;
    this.repairs.put({ ...row, cold: { ...row.cold, blobPlace: place } }, cache);
  }

  private async recount(): Promise<void> {
    const { dryRun } = this.options;
    const { fixes } = await this.tools.writer.ask("maintenance.recount", { box: this.box.uniqueId, dryRun });
    for (const fix of fixes) this.say(fix);
  }

  private async checkHeaderFile(): Promise<void> {
    const { db } = this;
    const { mbox, uniqueId } = this.box;
    const header = readHeader(db, mbox);
    const entry = readEntryByUniqueId(db, uniqueId);
    if (!header || !entry || db.get("SELECT 1 FROM header_due WHERE mbox=?", mbox)) return;
    const file = readHeaderFile(this.directory.header);
    const quotaRoot: MboxName | undefined = quotaRootOf(db, entry.name);
    const isRight =
      file?.name === entry.name &&
      file.uniqueId === uniqueId &&
      file.uidValidity === header.uidValidity &&
      file.acl === entry.acl &&
      file.type === entry.type &&
      file.specialUse === entry.specialUse &&
      file.options === header.options &&
      file.createdModseq === entry.createdModseq &&
      file.quotaRoot === quotaRoot &&
      JSON.stringify(file.flagNames) === JSON.stringify(header.flagNames);
    if (isRight) return;
    this.say(file ? "header file is out of date" : "header file is missing or damaged");
    if (!this.options.dryRun) await this.tools.writer.ask("maintenance.rewrite-header-file", { box: uniqueId });
  }
}

function hex(guid: Uint8Array): string {
  return Buffer.from(guid.buffer, guid.byteOffset, GUID_OCTETS).toString("hex");
}

function dataOf(cold: ColdRow): ColdData {
  return { ...cold, guid: hex(cold.guid) };
}

function isSuffixOf(hot: HotRow, cold: ColdRow): boolean {
  const { crcSuffix, dateDigits } = crcSuffixOf(cold.internalDate, cold.guid);
  return crcSuffix === hot.crcSuffix && dateDigits === hot.dateDigits;
}

function newCold(uid: number, { args }: FoundMessage): ColdData {
  const { staged: _staged, ...known } = args;
  return {
    ...known,
    uid,
    saveDate: args.internalDate,
    createdModseq: 0,
    cid: "0000000000000000",
    cacheOffset: 0,
    cacheLength: 0,
    cacheCrc: 0,
    cacheGeneration: 0,
    blobPlace: 0,
  };
}
