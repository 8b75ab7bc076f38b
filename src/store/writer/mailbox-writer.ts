/**
 * One mailbox inside a write transaction: its header and its message rows. Every change keeps counts, sizes, sync CRCs and the block heads in step.
 * Blocks are held one hot and one cold at a time and written when the next one is needed or at `flush`.
 */
import type { UidRange } from "../../formats/ids.ts";
import type { Database } from "../database.ts";
import { blockId } from "../keys.ts";
import { type MailboxHeader, updateHeader } from "../mailbox-header.ts";
import { COLD_SPAN, ColdBlock, type ColdRow } from "../records/cold.ts";
import { Flag, HOT_SPAN, HotBlock, headOf, type HotRow, SYSTEM_FLAGS } from "../records/hot.ts";
import {
  basicCrc,
  basicCrcChange,
  type ChangingPart,
  crcSuffixOf,
  flagCrcAt,
  userFlagCrcs,
  virtualAnnotationsCrc,
} from "../records/sync-crc.ts";

/** A change of flags, as STORE asks for it, after rights have decided which bits may change. */
export interface FlagChange {
  readonly mode: "add" | "remove" | "replace";
  readonly system: number;
  readonly user: readonly [number, number, number, number];
  /** System flags that may change. */
  readonly systemMask: number;
  /** Whether user flags may change. */
  readonly userAllowed: boolean;
  /** CONDSTORE: rows with a higher modseq are left alone and reported (RFC 7162 §3.1.3). */
  readonly unchangedSince: number | undefined;
}

/** Where a sliced walk stands. */
export interface Progress {
  /** Rows looked at. */
  rows: number;
  /** First uid not yet looked at; undefined when the ranges are done. */
  next: number | undefined;
}

/** Gives modseqs and the clock: the transaction. */
export interface WriterContext {
  readonly db: Database;
  /** Epoch seconds, fixed for one verb. */
  readonly now: number;
  nextModseq(header: MailboxHeader): number;
  /** Something about the mailbox changed: about the message `uid`, or about itself (undefined). */
  changed(header: MailboxHeader, uid?: number): void;
  quotaChanged(header: MailboxHeader, octets: number, messages: number): void;
}

export class MailboxWriter {
  readonly header: MailboxHeader;
  private readonly context: WriterContext;
  private userCrcs: Uint32Array;
  private crcNames: readonly (string | null)[];
  private hotId = -1;
  private hot: HotBlock | undefined;
  private hotStored = false;
  private hotDirty = false;
  private coldId = -1;
  private cold: ColdBlock | undefined;
  private coldStored = false;
  private coldDirty = false;
  private headerDirty = false;
  private hiding = false;
  private hiddenQuota = { octets: 0, messages: 0 };

  constructor(context: WriterContext, header: MailboxHeader) {
    this.context = context;
    this.header = header;
    this.crcNames = header.flagNames;
    this.userCrcs = userFlagCrcs(header.flagNames);
  }

  /** Says that a field of `header` was changed. */
  touch(uid?: number): void {
    if (this.hiding) return;
    this.headerDirty = true;
    this.context.changed(this.header, uid);
  }

  /**
   * From here on rows are inserted above `lastUid` where readers do not look, and neither the stored header nor quota use changes, until `publish`.
   * For changes in slices; the mailbox must be locked against other verbs meanwhile.
   */
  hide(): void {
    this.hiding = true;
  }

  /** Shows everything that was inserted since `hide`, in one step. */
  publish(lastUid: number): void {
    this.hiding = false;
    for (let uid = this.header.lastUid + 1; uid < lastUid; uid += HOT_SPAN) this.touch(uid);
    this.header.lastUid = lastUid;
    this.touch(lastUid);
    this.context.quotaChanged(this.header, this.hiddenQuota.octets, this.hiddenQuota.messages);
    this.hiddenQuota = { octets: 0, messages: 0 };
  }

  /** Writes blocks and header that changed. */
  flush(): void {
    this.writeHot();
    this.writeCold();
    if (this.headerDirty) {
      updateHeader(this.context.db, this.header);
      this.headerDirty = false;
    }
  }

  /** Forgets what is held of blocks; the header object must not be used after a rollback. */
  forget(): void {
    this.hot = undefined;
    this.hotId = -1;
    this.hotDirty = false;
    this.cold = undefined;
    this.coldId = -1;
    this.coldDirty = false;
    this.headerDirty = false;
    this.hiding = false;
  }

  hotRow(uid: number): HotRow | undefined {
    const block = this.hotBlockOf(uid, false);
    const index = block ? block.find(uid) : -1;
    return index < 0 ? undefined : block!.row(index);
  }

  coldRow(uid: number): ColdRow | undefined {
    const block = this.coldBlockOf(uid, false);
    const index = block ? block.find(uid) : -1;
    return index < 0 ? undefined : block!.row(index);
  }

  /**
   * Adds a message at `uid`, where no row is. Counts follow, and `lastUid` is raised where needed. `hot.crcSuffix` and `dateDigits` are computed here.
   */
  insert(hot: Omit<HotRow, "crcSuffix" | "dateDigits">, cold: ColdRow): void {
    const row: HotRow = { ...hot, ...crcSuffixOf(cold.internalDate, cold.guid) };
    this.hotBlockOf(hot.uid, true)!.put(row);
    this.hotDirty = true;
    this.coldBlockOf(hot.uid, true)!.put(cold);
    this.coldDirty = true;
    this.countRow(row, cold, 1);
    const { header } = this;
    if (!this.hiding && hot.uid > header.lastUid) header.lastUid = hot.uid;
    if (hot.modseq > header.membership) header.membership = hot.modseq;
    this.touch(hot.uid);
  }

  /** Replaces the row of `uid` as given, without a new modseq (replication, conversion, repair). */
  putVerbatim(hot: Omit<HotRow, "crcSuffix" | "dateDigits">, cold: ColdRow): void {
    const oldHot = this.hotRow(hot.uid);
    const oldCold = oldHot && this.coldRow(hot.uid);
    if (oldHot && oldCold) this.countRow(oldHot, oldCold, -1);
    this.insert(hot, cold);
  }

  /** Says that a message's octets are in another place (blobs/places.ts). Nothing that clients see changes by it. */
  moveBlob(uid: number, blobPlace: number): void {
    const block = this.coldBlockOf(uid, false);
    const index = block ? block.find(uid) : -1;
    if (index < 0) return;
    block!.put({ ...block!.row(index), blobPlace });
    this.coldDirty = true;
  }

  /** Changes flags of live messages in `ranges`, from uid `from` on, looking at about `maxRows` rows. `refused` collects uids above unchangedSince. */
  storeFlags(
    ranges: readonly UidRange[],
    from: number,
    maxRows: number,
    change: FlagChange,
    refused: number[],
  ): Progress {
    const { header, context } = this;
    const { mode, system, user, systemMask, userAllowed, unchangedSince } = change;
    const crcs = this.crcs();
    const before: ChangingPart = { modseq: 0, lastUpdated: 0, flags: 0 };
    const after: ChangingPart = { modseq: 0, lastUpdated: context.now, flags: 0 };
    return this.walkHot(ranges, from, maxRows, (block, index) => {
      const { view } = block;
      const at = block.at(index);
      const flags = block.flags(index);
      if (flags & Flag.expunged) return;
      if (unchangedSince !== undefined && block.modseq(index) > unchangedSince) {
        refused.push(block.uid(index));
        return;
      }
      const wanted = system & systemMask;
      const next =
        mode === "add"
          ? flags | wanted
          : mode === "remove"
            ? flags & ~wanted
            : (flags & ~(systemMask & SYSTEM_FLAGS)) | wanted;
      let userChanges = false;
      if (userAllowed) {
        for (let word = 0; word < 4; word++) {
          const old = view.getUint32(at + 24 + 4 * word, true);
          if (mixBits(mode, old, user[word]!) !== old) userChanges = true;
        }
      }
      if (next === flags && !userChanges) return;
      const uid = block.uid(index);
      const digits = view.getUint32(at + 4, true) >>> 24;
      before.modseq = block.modseq(index);
      before.lastUpdated = view.getUint32(at + 16, true);
      before.flags = flagCrcAt(view, at, flags, crcs);
      if (userChanges) {
        for (let word = 0; word < 4; word++) {
          const place = at + 24 + 4 * word;
          view.setUint32(place, mixBits(mode, view.getUint32(place, true), user[word]!), true);
        }
      }
      const modseq = context.nextModseq(header);
      view.setUint32(at + 4, (next | (digits << 24)) >>> 0, true);
      view.setUint32(at + 8, Math.floor(modseq / 0x1_0000_0000), true);
      view.setUint32(at + 12, modseq >>> 0, true);
      view.setUint32(at + 16, context.now, true);
      after.modseq = modseq;
      after.flags = flagCrcAt(view, at, next, crcs);
      header.syncCrc = (header.syncCrc ^ basicCrcChange(uid, before, after, digits)) >>> 0;
      this.countFlags(flags, -1);
      this.countFlags(next, 1);
      this.hotDirty = true;
      this.touch(uid);
    });
  }

  /** Turns the live messages of `ranges` that have all of `required` flags into tombstones. `gone` collects their uids. */
  expunge(ranges: readonly UidRange[], from: number, maxRows: number, required: number, gone: number[]): Progress {
    return this.walkHot(ranges, from, maxRows, (block, index) => {
      const flags = block.flags(index);
      if (flags & Flag.expunged || (flags & required) !== required) return;
      const row = block.row(index);
      const cold = this.coldRow(row.uid);
      if (cold) this.countRow(row, cold, -1);
      row.flags |= Flag.expunged;
      row.modseq = this.context.nextModseq(this.header);
      row.lastUpdated = this.context.now;
      block.put(row);
      this.hotDirty = true;
      this.header.expunged += 1;
      this.header.membership = row.modseq;
      gone.push(row.uid);
      this.touch(row.uid);
    });
  }

  /** Removes tombstones whose last change is before `before` (epoch seconds) for good. `removed` collects their uids with their guids. */
  removeTombstones(
    from: number,
    maxRows: number,
    before: number,
    removed: { uid: number; guid: Uint8Array }[],
  ): Progress {
    const dead: HotRow[] = [];
    const progress = this.walkHot([{ first: 1, last: this.header.lastUid }], from, maxRows, (block, index) => {
      const row = block.row(index);
      if (row.flags & Flag.expunged && row.lastUpdated <= before) dead.push(row);
    });
    for (const row of dead) {
      const cold = this.coldRow(row.uid);
      removed.push({ uid: row.uid, guid: Buffer.from(cold?.guid ?? []) });
      this.removeRow(row.uid);
      if (row.modseq > this.header.deletedModseq) this.header.deletedModseq = row.modseq;
      this.header.expunged -= 1;
      this.touch();
    }
    return progress;
  }

  /** Takes the rows of an unfinished hidden insertion out of the blocks again; the stored header never counted them. */
  removeHidden(first: number, last: number): { uid: number; guid: Uint8Array }[] {
    const uids: number[] = [];
    this.walkHot([{ first, last }], first, Number.MAX_SAFE_INTEGER, (block, index) => uids.push(block.uid(index)));
    return uids.map((uid) => {
      const guid = Buffer.from(this.coldRow(uid)?.guid ?? []);
      this.removeRow(uid);
      return { uid, guid };
    });
  }

  /** Calls `visit` for each row of the ranges in uid order, tombstones included, from uid `from` on until about `maxRows` rows were seen. */
  walkHot(
    ranges: readonly UidRange[],
    from: number,
    maxRows: number,
    visit: (block: HotBlock, index: number) => void,
  ): Progress {
    const progress: Progress = { rows: 0, next: undefined };
    for (const range of ranges) {
      let uid = Math.max(range.first, from);
      while (uid <= range.last) {
        if (progress.rows >= maxRows) {
          progress.next = uid;
          return progress;
        }
        const blockLast = uid - (uid % HOT_SPAN) + HOT_SPAN - 1;
        const last = Math.min(range.last, blockLast);
        const block = this.hotBlockOf(uid, false);
        if (!block) {
          const next = this.nextHotUid(blockLast + 1);
          if (next === undefined) break;
          uid = next;
          continue;
        }
        for (let index = block.lowerBound(uid); index < block.count && block.uid(index) <= last; index++) {
          visit(block, index);
          progress.rows += 1;
        }
        uid = last + 1;
      }
    }
    return progress;
  }

  private crcs(): Uint32Array {
    if (this.crcNames !== this.header.flagNames) {
      this.crcNames = this.header.flagNames;
      this.userCrcs = userFlagCrcs(this.header.flagNames);
    }
    return this.userCrcs;
  }

  /** Adds (sign 1) or takes away (sign -1) what a live row contributes to the header. */
  private countRow(row: HotRow, cold: ColdRow, sign: 1 | -1): void {
    const { header } = this;
    if (row.flags & Flag.expunged) {
      header.expunged += sign;
      return;
    }
    header.exists += sign;
    header.sizeOctets += sign * cold.sizeOctets;
    header.syncCrc = (header.syncCrc ^ basicCrc(row, this.crcs())) >>> 0;
    header.syncCrcAnnot = (header.syncCrcAnnot ^ virtualAnnotationsCrc(cold)) >>> 0;
    this.countFlags(row.flags, sign);
    if (this.hiding) {
      this.hiddenQuota.octets += sign * cold.sizeOctets;
      this.hiddenQuota.messages += sign;
    } else this.context.quotaChanged(header, sign * cold.sizeOctets, sign);
  }

  private countFlags(flags: number, sign: 1 | -1): void {
    const { header } = this;
    if ((flags & Flag.seen) === 0) header.unseen += sign;
    if (flags & Flag.deleted) header.deleted += sign;
    if (flags & Flag.answered) header.answered += sign;
    if (flags & Flag.flagged) header.flagged += sign;
  }

  private removeRow(uid: number): void {
    if (this.hotBlockOf(uid, false)?.remove(uid)) this.hotDirty = true;
    if (this.coldBlockOf(uid, false)?.remove(uid)) this.coldDirty = true;
  }

  private hotBlockOf(uid: number, create: boolean): HotBlock | undefined {
    const id = blockId(this.header.mbox, uid, HOT_SPAN);
    if (id !== this.hotId) {
      this.writeHot();
      const stored = this.context.db.get("SELECT rows FROM hot WHERE id=?", id);
      this.hotId = id;
      this.hotStored = stored !== undefined;
      this.hot = stored && HotBlock.decode(stored[0] as Uint8Array);
    }
    if (!this.hot && create) this.hot = HotBlock.empty();
    return this.hot;
  }

  private coldBlockOf(uid: number, create: boolean): ColdBlock | undefined {
    const id = blockId(this.header.mbox, uid, COLD_SPAN);
    if (id !== this.coldId) {
      this.writeCold();
      const stored = this.context.db.get("SELECT rows FROM cold WHERE id=?", id);
      this.coldId = id;
      this.coldStored = stored !== undefined;
      this.cold = stored && ColdBlock.decode(stored[0] as Uint8Array);
    }
    if (!this.cold && create) this.cold = ColdBlock.empty();
    return this.cold;
  }

  private nextHotUid(uid: number): number | undefined {
    const { mbox } = this.header;
    const end = blockId(mbox + 1, 0, HOT_SPAN);
    const row = this.context.db.get(
      "SELECT id FROM hot WHERE id>=? AND id<? LIMIT 1",
      blockId(mbox, uid, HOT_SPAN),
      end,
    );
    return row && ((row[0] as number) - blockId(mbox, 0, HOT_SPAN)) * HOT_SPAN;
  }

  private writeHot(): void {
    if (!this.hotDirty || !this.hot) return;
    const { db } = this.context;
    const { hot, hotId } = this;
    if (hot.count === 0) {
      if (this.hotStored) db.run("DELETE FROM hot WHERE id=?", hotId);
      this.hotStored = false;
      this.hot = undefined;
    } else {
      const { maxModseq, unseen, liveLow, liveHigh } = headOf(hot);
      const octets = hot.encode();
      if (this.hotStored) {
        const sql = "UPDATE hot SET maxmodseq=?, unseen=?, live_low=?, live_high=?, rows=? WHERE id=?";
        db.run(sql, maxModseq, unseen, liveLow, liveHigh, octets, hotId);
      } else {
        const sql = "INSERT INTO hot(id, maxmodseq, unseen, live_low, live_high, rows) VALUES (?,?,?,?,?,?)";
        db.run(sql, hotId, maxModseq, unseen, liveLow, liveHigh, octets);
      }
      this.hotStored = true;
    }
    this.hotDirty = false;
  }

  private writeCold(): void {
    if (!this.coldDirty || !this.cold) return;
    const { db } = this.context;
    const { cold, coldId } = this;
    if (cold.count === 0) {
      if (this.coldStored) db.run("DELETE FROM cold WHERE id=?", coldId);
      this.coldStored = false;
      this.cold = undefined;
    } else {
      const sql = this.coldStored ? "UPDATE cold SET rows=? WHERE id=?" : "INSERT INTO cold(rows, id) VALUES (?,?)";
      db.run(sql, cold.encode(), coldId);
      this.coldStored = true;
    }
    this.coldDirty = false;
  }
}

function mixBits(mode: FlagChange["mode"], old: number, bits: number): number {
  return (mode === "add" ? old | bits : mode === "remove" ? old & ~bits : bits) >>> 0;
}
