/**
 * A snapshot of several shards: each question goes to the shard that has the answer, lists are put together in name order. Within one shard everything read
 * is of one moment; a shard's transaction begins when it is first asked for something.
 */
import type { MboxName, UidRange, UniqueId } from "../../formats/ids.ts";
import { keyOf } from "../keys.ts";
import type { ListEntry } from "../list-entry.ts";
import type { MailboxHeader } from "../mailbox-header.ts";
import type { QuotaRow } from "../quota-row.ts";
import type { ColdBlock, ColdRow } from "../records/cold.ts";
import type { HotBlock, HotRow } from "../records/hot.ts";
import { isAboveOwners, type ShardLayout, shardOfMbox, shardOfName, shardOfOwner, shardOfRange } from "../shards.ts";
import type { SeenState } from "../user-rows.ts";
import { mergeByKey, mergeInSteps } from "./merge.ts";
import type { ListedEntry, PendingContent, PendingMove, ShardSnapshot, Snapshot } from "./snapshot.ts";
import type { UidMap } from "./uid-map.ts";

/** A shard's database cannot be opened. */
export class ShardClosed extends Error {}

/** Mailboxes whose shard is remembered, by uniqueid: about 2 MiB. */
const KNOWN_MAILBOXES = 20_000;

export class ShardedSnapshot implements Snapshot {
  private readonly layout: ShardLayout;
  private readonly begin: (shard: number) => ShardSnapshot;
  /** Those that the step which runs has asked for. */
  private readonly parts: (ShardSnapshot | undefined)[];
  /** Where a mailbox was found last. It may have moved since: what is not found there is looked for everywhere. */
  private readonly known = new Map<UniqueId, number>();

  /** @param begin begins a shard's transaction; `forget` follows when it has ended */
  constructor(layout: ShardLayout, begin: (shard: number) => ShardSnapshot) {
    this.layout = layout;
    this.begin = begin;
    this.parts = Array.from({ length: layout.shards }, () => undefined);
  }

  /** @throws ShardClosed */
  shard(shard: number): ShardSnapshot {
    return (this.parts[shard] ??= this.begin(shard));
  }

  /** All transactions have ended. */
  forget(): void {
    this.parts.fill(undefined);
  }

  // ---- mailbox list

  entry(name: MboxName): ListEntry | undefined {
    return this.ofName(name).entry(name);
  }

  entryByUniqueId(uniqueId: UniqueId): ListEntry | undefined {
    return this.find(uniqueId, (part) => part.entryByUniqueId(uniqueId));
  }

  children(name: MboxName): ListEntry[] {
    if (!isAboveOwners(name, this.layout.deletedPrefix)) return this.ofName(name).children(name);
    return mergeByKey(
      this.all().map((part) => part.children(name)),
      keyOfEntry,
    );
  }

  entries(after: string, to: string, limit: number): ListEntry[] {
    return this.range(after, to, limit, (part, from, count) => part.entries(from, to, count));
  }

  listed(after: string, to: string, limit: number): ListedEntry[] {
    return this.range(after, to, limit, (part, from, count) => part.listed(from, to, count));
  }

  /** Without those of a shard that cannot be opened: its trouble must not keep others from listing what they have. */
  namesByRightsIdentifier(identifier: string, except?: MboxName): MboxName[] {
    const lists: MboxName[][] = [];
    for (let shard = 0; shard < this.parts.length; shard++) {
      const part = this.shardIfOpen(shard);
      if (part) lists.push(part.namesByRightsIdentifier(identifier, except));
    }
    return mergeByKey(lists, keyOf);
  }

  // ---- mailboxes

  header(mbox: number): MailboxHeader | undefined {
    return this.ofMbox(mbox).header(mbox);
  }

  headerByUniqueId(uniqueId: UniqueId): MailboxHeader | undefined {
    return this.find(uniqueId, (part) => part.headerByUniqueId(uniqueId));
  }

  isStill(mbox: number, highestModseq: number, membership: number): boolean {
    return this.ofMbox(mbox).isStill(mbox, highestModseq, membership);
  }

  uidMap(header: MailboxHeader): UidMap {
    return this.ofMbox(header.mbox).uidMap(header);
  }

  hotBlocks(mbox: number, range: UidRange, limit: number): HotBlock[] {
    return this.ofMbox(mbox).hotBlocks(mbox, range, limit);
  }

  hotBlocksChangedSince(mbox: number, modseq: number, range: UidRange, limit = -1): HotBlock[] {
    return this.ofMbox(mbox).hotBlocksChangedSince(mbox, modseq, range, limit);
  }

  hotBlocksUnseen(mbox: number, range: UidRange, limit: number): HotBlock[] {
    return this.ofMbox(mbox).hotBlocksUnseen(mbox, range, limit);
  }

  firstBlockUnseen(mbox: number, from: number, lastUid: number): HotBlock | undefined {
    return this.ofMbox(mbox).firstBlockUnseen(mbox, from, lastUid);
  }

  hotRow(mbox: number, uid: number): HotRow | undefined {
    return this.ofMbox(mbox).hotRow(mbox, uid);
  }

  coldRow(mbox: number, uid: number): ColdRow | undefined {
    return this.ofMbox(mbox).coldRow(mbox, uid);
  }

  coldBlocks(mbox: number, range: UidRange, limit: number): ColdBlock[] {
    return this.ofMbox(mbox).coldBlocks(mbox, range, limit);
  }

  pendingContent(mbox: number, uid: number, before?: number): PendingContent | undefined {
    return this.ofMbox(mbox).pendingContent(mbox, uid, before);
  }

  pendingMoves(mbox: number): PendingMove[] {
    return this.ofMbox(mbox).pendingMoves(mbox);
  }

  messagesByGuid(header: Pick<MailboxHeader, "mbox" | "owner">, guid: Uint8Array): { mbox: number; uid: number }[] {
    return this.ofMbox(header.mbox).messagesByGuid(header, guid);
  }

  // ---- users

  /** Beside the mailbox, whoever the user is. */
  seen(userid: string, uniqueId: UniqueId): SeenState | undefined {
    const shard = this.shardOfBox(uniqueId);
    return shard === undefined ? undefined : this.shard(shard).seen(userid, uniqueId);
  }

  /** Beside the user's own mailboxes, also those to others' mailboxes. */
  subscriptions(userid: string): MboxName[] {
    return this.ofUser(userid).subscriptions(userid);
  }

  isSubscribed(userid: string, name: MboxName): boolean {
    return this.ofUser(userid).isSubscribed(userid, name);
  }

  // ---- quota

  /** Never one above owners: with several shards there are none. */
  quotaRoot(name: MboxName): MboxName | undefined {
    return this.ofName(name).quotaRoot(name);
  }

  quota(root: MboxName): QuotaRow | undefined {
    return this.ofName(root).quota(root);
  }

  quotas(prefix: MboxName | ""): QuotaRow[] {
    if (prefix !== "" && !isAboveOwners(prefix, this.layout.deletedPrefix)) return this.ofName(prefix).quotas(prefix);
    return mergeByKey(
      this.all().map((part) => part.quotas(prefix)),
      (quota) => keyOf(quota.root),
    );
  }

  /** The shard that has the mailbox of this identity; undefined: none has. */
  shardOfBox(uniqueId: UniqueId): number | undefined {
    return this.entryByUniqueId(uniqueId) === undefined ? undefined : this.known.get(uniqueId);
  }

  private ofMbox(mbox: number): ShardSnapshot {
    return this.shard(shardOfMbox(mbox, this.layout.shards));
  }

  private ofName(name: MboxName): ShardSnapshot {
    return this.shard(shardOfName(name, this.layout));
  }

  private ofUser(userid: string): ShardSnapshot {
    return this.shard(shardOfOwner(userid, this.layout.shards));
  }

  private range<T extends ListedEntry>(
    after: string,
    to: string,
    limit: number,
    read: (part: ShardSnapshot, after: string, count: number) => T[],
  ): T[] {
    const shard = shardOfRange(after, to, this.layout);
    if (shard !== undefined) return read(this.shard(shard), after, limit);
    const parts = this.all();
    return mergeInSteps<T>(parts.length, limit, keyOfEntry, (n, last, count) =>
      read(parts[n]!, last === undefined ? after : keyOf(last.name), count),
    );
  }

  private all(): ShardSnapshot[] {
    return this.parts.map((_, shard) => this.shard(shard));
  }

  private find<T>(uniqueId: UniqueId, read: (part: ShardSnapshot) => T | undefined): T | undefined {
    const known = this.known.get(uniqueId);
    if (known !== undefined) {
      const found = read(this.shard(known));
      if (found !== undefined) return found;
    }
    let closed = -1;
    for (let shard = 0; shard < this.parts.length; shard++) {
      if (shard === known) continue;
      const part = this.shardIfOpen(shard);
      const found = part && read(part);
      if (!part) closed = shard;
      if (found === undefined) continue;
      this.remember(uniqueId, shard);
      return found;
    }
    // Not "there is none" as long as one could not be asked.
    if (closed >= 0) this.shard(closed);
    this.known.delete(uniqueId);
    return undefined;
  }

  /** undefined: its database cannot be opened now. */
  private shardIfOpen(shard: number): ShardSnapshot | undefined {
    try {
      return this.shard(shard);
    } catch (error) {
      if (error instanceof ShardClosed) return undefined;
      throw error;
    }
  }

  private remember(uniqueId: UniqueId, shard: number): void {
    if (this.known.size >= KNOWN_MAILBOXES) {
      const [oldest] = this.known.keys();
      this.known.delete(oldest!);
    }
    this.known.set(uniqueId, shard);
  }
}

const keyOfEntry = (entry: ListedEntry): string => keyOf(entry.name);
