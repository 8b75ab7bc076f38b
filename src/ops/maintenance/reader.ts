/**
 * Reading for administration programs: whole tables in steps, rows as they are stored. Connections of its own, beside those of `Mail`; each call is one
 * short read, so that a walk over everything never holds a snapshot open.
 */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import type { Config } from "../../config/index.ts";
import {
  childRange,
  databasePath,
  isTombstone,
  keyOf,
  type ListEntry,
  type MailboxHeader,
  type MessageBox,
  type QuotaRow,
  type ShardLayout,
  shardOfMbox,
  shardOfName,
  type Snapshot,
} from "../../store/index.ts";
import { type Database, openReader } from "../../store/database.ts";
import { ShardedSnapshot } from "../../store/reader/sharded-snapshot.ts";
import { ShardSnapshot } from "../../store/reader/snapshot.ts";
import { layoutOf, storeDirectory } from "../mail.ts";

const ENTRIES_AT_A_TIME = 500;
/** Behind every key: names are of octets below 0x7f. */
export const AFTER_ALL_KEYS = "\x7f";

export class MaintenanceReader {
  /** One for each shard. */
  readonly dbs: readonly Database[];
  private readonly layout: ShardLayout;
  /** Of no one moment: each question is a read of its own. */
  private readonly rows: Snapshot;

  /** @throws Error when a database cannot be opened */
  constructor(config: Config) {
    this.layout = layoutOf(config);
    const dbs: Database[] = [];
    try {
      for (let shard = 0; shard < this.layout.shards; shard++) {
        dbs.push(openReader(databasePath(storeDirectory(config), shard)));
      }
    } catch (error) {
      for (const db of dbs) db.close();
      throw error;
    }
    this.dbs = dbs;
    const parts = dbs.map((db) => new ShardSnapshot(db));
    this.rows = parts.length === 1 ? parts[0]! : new ShardedSnapshot(this.layout, (shard) => parts[shard]!);
  }

  /** The database that has a mailbox's rows. */
  dbOfMbox(mbox: number): Database {
    return this.dbs[shardOfMbox(mbox, this.layout.shards)]!;
  }

  /** The database that has what hangs on a name. */
  dbOfName(name: MboxName): Database {
    return this.dbs[shardOfName(name, this.layout)]!;
  }

  entry(name: MboxName): ListEntry | undefined {
    return this.rows.entry(name);
  }

  entryByUniqueId(uniqueId: UniqueId): ListEntry | undefined {
    return this.rows.entryByUniqueId(uniqueId);
  }

  header(mbox: number): MailboxHeader | undefined {
    return this.rows.header(mbox);
  }

  /** Every entry in name order, tombstones included. The list may change meanwhile: each step reads it as it is then. */
  *allEntries(after = "", to = AFTER_ALL_KEYS): Generator<ListEntry, void, void> {
    for (let from = after; ; ) {
      const entries = this.rows.entries(from, to, ENTRIES_AT_A_TIME);
      yield* entries;
      if (entries.length < ENTRIES_AT_A_TIME) return;
      from = keyOf(entries.at(-1)!.name);
    }
  }

  /** `top` itself, when it exists, and everything below it; undefined: everything. Tombstones are left out. */
  *tree(top: MboxName | undefined): Generator<ListEntry, void, void> {
    if (top === undefined) {
      for (const entry of this.allEntries()) if (!isTombstone(entry)) yield entry;
      return;
    }
    const entry = this.entry(top);
    if (entry) yield entry;
    const { from, to } = childRange(keyOf(top));
    for (const child of this.allEntries(from, to)) if (!isTombstone(child)) yield child;
  }

  quotas(prefix: MboxName | ""): QuotaRow[] {
    return this.rows.quotas(prefix);
  }

  close(): void {
    for (const db of this.dbs) db.close();
  }
}

/** Whether the entry is a mailbox with messages here. */
export function hasMessages(entry: ListEntry): entry is MessageBox {
  return entry.mbox !== undefined && !isTombstone(entry);
}
