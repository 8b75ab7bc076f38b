/**
 * Reading the store: one consistent snapshot for one synchronous step of a few milliseconds. Nothing here waits, and nothing of a snapshot may be kept
 * over an await but plain values.
 */
import type { MboxName, UidRange, UniqueId } from "../../formats/ids.ts";
import type { Database } from "../database.ts";
import { blockFirstUid, blockId, childRange, keyOf, type NameKey, nameOf } from "../keys.ts";
import {
  isTombstone,
  type ListEntry,
  namesByRightsIdentifier,
  readChildren,
  readEntries,
  readEntry,
  readEntryByUniqueId,
} from "../list-entry.ts";
import { type MailboxHeader, readHeader, readHeaderByUniqueId } from "../mailbox-header.ts";
import type { MoveSource, PendingSource } from "../pending.ts";
import { quotaRootOf, type QuotaRow, readQuota, readQuotas } from "../quota-row.ts";
import { COLD_SPAN, ColdBlock, type ColdRow } from "../records/cold.ts";
import { BIT48, FULL48, HOT_SPAN, HotBlock, type HotRow } from "../records/hot.ts";
import { isSubscribed, readSeen, readSubscriptions, type SeenState } from "../user-rows.ts";
import { type UidMap, UidMapBuilder } from "./uid-map.ts";

/** Mailboxes with more have enough blocks that mapping the file pays. */
const MANY_MESSAGES = 10_000;

/** What a step may read, whether the store is one shard or several (sharded-snapshot.ts). */
export interface Snapshot extends Pick<ShardSnapshot, keyof ShardSnapshot> {}

/** What LIST shows of an entry. */
export type ListedEntry = Pick<ListEntry, "name" | "uniqueId" | "mbox" | "type" | "acl" | "specialUse">;

/** A snapshot of one shard. */
export class ShardSnapshot {
  private readonly db: Database;

  constructor(db: Database) {
    this.db = db;
  }

  // ---- mailbox list

  entry(name: MboxName): ListEntry | undefined {
    const entry = readEntry(this.db, name);
    return entry && !isTombstone(entry) ? entry : undefined;
  }

  entryByUniqueId(uniqueId: UniqueId): ListEntry | undefined {
    return readEntryByUniqueId(this.db, uniqueId);
  }

  /** Everything below `name` in name order, tombstones not. */
  children(name: MboxName): ListEntry[] {
    return readChildren(this.db, name).filter((entry) => !isTombstone(entry));
  }

  /** Up to `limit` entries with keys (keys.ts) between `after` and `to`, both excluded, tombstones included: for walking the whole list in steps. */
  entries(after: string, to: string, limit: number): ListEntry[] {
    return readEntries(this.db, after, to, limit);
  }

  /** The same range of the list with no more than LIST shows, which is half as dear. */
  listed(after: string, to: string, limit: number): ListedEntry[] {
    const sql =
      "SELECT name, uniqueid, mbox, type, acl, specialuse FROM list WHERE name>? AND name<? ORDER BY name LIMIT ?";
    return this.db.all(sql, after, to, limit).map(([name, uniqueId, mbox, type, acl, specialUse]) => ({
      name: nameOf(name as NameKey),
      uniqueId: uniqueId as UniqueId,
      mbox: mbox === null ? undefined : (mbox as number),
      type: type as string,
      acl: acl as string,
      specialUse: specialUse as string,
    }));
  }

  /** Names of mailboxes whose ACL names `identifier`, in name order. @param except a mailbox that is left out with all below it */
  namesByRightsIdentifier(identifier: string, except?: MboxName): MboxName[] {
    if (except === undefined) return namesByRightsIdentifier(this.db, identifier);
    const key = keyOf(except);
    const sql = "SELECT name FROM racl WHERE identifier=? AND (name<? OR name>=?) ORDER BY name";
    return this.db.all(sql, identifier, key, childRange(key).to).map(([name]) => nameOf(name as NameKey));
  }

  // ---- mailboxes

  header(mbox: number): MailboxHeader | undefined {
    return readHeader(this.db, mbox);
  }

  headerByUniqueId(uniqueId: UniqueId): MailboxHeader | undefined {
    return readHeaderByUniqueId(this.db, uniqueId);
  }

  /** Whether the mailbox is still there with this highestmodseq and membership. */
  isStill(mbox: number, highestModseq: number, membership: number): boolean {
    const sql = "SELECT 1 FROM mailbox WHERE mbox=? AND highestmodseq=? AND membership=?";
    return this.db.get(sql, mbox, highestModseq, membership) !== undefined;
  }

  /** Which messages there are now. Reads block heads only. */
  uidMap(header: MailboxHeader): UidMap {
    const { mbox, lastUid } = header;
    const builder = new UidMapBuilder();
    const sql = "SELECT id, live_low, live_high FROM hot WHERE id>=? AND id<=?";
    const statement = this.db.prepare(sql);
    const read = (): void => {
      for (const row of statement.iterate(blockId(mbox, 0, HOT_SPAN), blockId(mbox, lastUid, HOT_SPAN))) {
        const [id, low, high] = row as unknown as [number, number, number];
        const first = blockFirstUid(id, HOT_SPAN);
        addBits(builder, first, low, lastUid);
        addBits(builder, first + 48, high, lastUid);
      }
    };
    if (header.exists > MANY_MESSAGES) this.db.mapped(read);
    else read();
    return builder.build();
  }

  /** Hot blocks that may hold uids of `range`, in order, at most `limit`. Rows above the header's last uid are not for anybody's eyes: cut `range` there. */
  hotBlocks(mbox: number, range: UidRange, limit: number): HotBlock[] {
    const sql = "SELECT rows FROM hot WHERE id>=? AND id<=? LIMIT ?";
    const rows = this.db.all(sql, blockId(mbox, range.first, HOT_SPAN), blockId(mbox, range.last, HOT_SPAN), limit);
    return rows.map(([stored]) => HotBlock.decode(stored as Uint8Array));
  }

  /** The same, only blocks with a row that changed after `modseq`. */
  hotBlocksChangedSince(mbox: number, modseq: number, range: UidRange, limit = -1): HotBlock[] {
    const sql = "SELECT rows FROM hot WHERE id>=? AND id<=? AND maxmodseq>? ORDER BY id LIMIT ?";
    const [from, to] = [blockId(mbox, range.first, HOT_SPAN), blockId(mbox, range.last, HOT_SPAN)];
    const rows = this.db.all(sql, from, to, modseq, limit);
    return rows.map(([stored]) => HotBlock.decode(stored as Uint8Array));
  }

  /** The same, only blocks with live messages that the owner has not seen. */
  hotBlocksUnseen(mbox: number, range: UidRange, limit: number): HotBlock[] {
    const sql = "SELECT rows FROM hot WHERE id>=? AND id<=? AND unseen>0 ORDER BY id LIMIT ?";
    const rows = this.db.all(sql, blockId(mbox, range.first, HOT_SPAN), blockId(mbox, range.last, HOT_SPAN), limit);
    return rows.map(([stored]) => HotBlock.decode(stored as Uint8Array));
  }

  /** First uid, from `from` on, of the first block with messages the owner has not seen; undefined when there is none. */
  firstBlockUnseen(mbox: number, from: number, lastUid: number): HotBlock | undefined {
    const sql = "SELECT rows FROM hot WHERE id>=? AND id<=? AND unseen>0 LIMIT 1";
    const row = this.db.get(sql, blockId(mbox, from, HOT_SPAN), blockId(mbox, lastUid, HOT_SPAN));
    return row && HotBlock.decode(row[0] as Uint8Array);
  }

  hotRow(mbox: number, uid: number): HotRow | undefined {
    const row = this.db.get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
    if (!row) return undefined;
    const block = HotBlock.decode(row[0] as Uint8Array);
    const index = block.find(uid);
    return index < 0 ? undefined : block.row(index);
  }

  coldRow(mbox: number, uid: number): ColdRow | undefined {
    const row = this.db.get("SELECT rows FROM cold WHERE id=?", blockId(mbox, uid, COLD_SPAN));
    if (!row) return undefined;
    const block = ColdBlock.decode(row[0] as Uint8Array);
    const index = block.find(uid);
    return index < 0 ? undefined : block.row(index);
  }

  /** Cold blocks that may hold uids of `range`, in order, at most `limit`. */
  coldBlocks(mbox: number, range: UidRange, limit: number): ColdBlock[] {
    const sql = "SELECT rows FROM cold WHERE id>=? AND id<=? LIMIT ?";
    const rows = this.db.all(sql, blockId(mbox, range.first, COLD_SPAN), blockId(mbox, range.last, COLD_SPAN), limit);
    return rows.map(([stored]) => ColdBlock.decode(stored as Uint8Array));
  }

  /**
   * Octets of a message whose file may not be there yet: the octets themselves, or the message or staged file they are in.
   * @param before only what was called for before the row of that number
   */
  pendingContent(mbox: number, uid: number, before = Number.MAX_SAFE_INTEGER): PendingContent | undefined {
    const row = this.db.get(
      "SELECT octets, source, seq FROM pending LEFT JOIN slot USING(slot) WHERE mbox=? AND uid=? AND seq<? ORDER BY seq DESC LIMIT 1",
      mbox,
      uid,
      before,
    );
    if (!row) return undefined;
    const seq = row[2] as number;
    if (row[1] !== null) return { seq, ...(JSON.parse(row[1] as string) as PendingSource) };
    return row[0] === null ? undefined : { seq, octets: row[0] as Uint8Array };
  }

  /** Moves of directories by name (blobs/places.ts) that the mailbox's shard has called for and that may not be durable yet, in order. */
  pendingMoves(_mbox: number): PendingMove[] {
    const rows = this.db.all("SELECT mbox, source, partition FROM pending WHERE uid=0 ORDER BY seq");
    return rows.map(([mbox, source, to]) => {
      const { moved } = JSON.parse(source as string) as MoveSource;
      return { mbox: mbox as number, from: moved, to: to as string };
    });
  }

  /** Where the owner of this mailbox has messages of this guid. */
  messagesByGuid({ owner }: Pick<MailboxHeader, "mbox" | "owner">, guid: Uint8Array): { mbox: number; uid: number }[] {
    const rows = this.db.all("SELECT mbox, uid FROM guid WHERE owner=? AND guid=?", owner, guid);
    return rows.map(([mbox, uid]) => ({ mbox: mbox as number, uid: uid as number }));
  }

  // ---- users

  seen(userid: string, uniqueId: UniqueId): SeenState | undefined {
    return readSeen(this.db, userid, uniqueId);
  }

  subscriptions(userid: string): MboxName[] {
    return readSubscriptions(this.db, userid);
  }

  isSubscribed(userid: string, name: MboxName): boolean {
    return isSubscribed(this.db, userid, name);
  }

  // ---- quota

  quotaRoot(name: MboxName): MboxName | undefined {
    return quotaRootOf(this.db, name);
  }

  quota(root: MboxName): QuotaRow | undefined {
    return readQuota(this.db, root);
  }

  quotas(prefix: MboxName | ""): QuotaRow[] {
    return readQuotas(this.db, prefix);
  }
}

/** See MoveSource (pending.ts). */
export interface PendingMove {
  readonly mbox: number;
  readonly from: string;
  readonly to: string;
}

/** Octets, or where they are; `seq`: number of the pending row that says so. */
export type PendingContent = { readonly seq: number } & ({ readonly octets: Uint8Array } | PendingSource);

/** Adds the runs of set bits of a 48-bit number, as uids from `first` on, up to `lastUid`. */
function addBits(builder: UidMapBuilder, first: number, bits: number, lastUid: number): void {
  if (bits === 0 || first > lastUid) return;
  if (bits === FULL48 && first + 47 <= lastUid) {
    builder.add(first, first + 47);
    return;
  }
  // Two halves of 24 bits, since shifts work on 32 bits only.
  const low = bits % BIT48[24]!;
  const high = Math.floor(bits / BIT48[24]!);
  for (let half = 0; half < 2; half++) {
    const word = half === 0 ? low : high;
    const base = first + 24 * half;
    for (let bit = 0; bit < 24; bit++) {
      if ((word & (1 << bit)) === 0) continue;
      const start = bit;
      while (bit + 1 < 24 && word & (1 << (bit + 1))) bit++;
      if (base + start > lastUid) return;
      builder.add(base + start, Math.min(base + bit, lastUid));
    }
  }
}
