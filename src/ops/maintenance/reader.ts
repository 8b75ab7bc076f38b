/**
 * Reading for administration programs: whole tables in steps, rows as they are stored. A connection of its own, beside the one of `Mail`; each call is one
 * short read, so that a walk over everything never holds a snapshot open.
 */
import { join } from "node:path";
import type { MboxName } from "../../formats/ids.ts";
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
} from "../../store/index.ts";
import { type Database, openReader } from "../../store/database.ts";
import { readEntries, readEntry } from "../../store/list-entry.ts";
import { readHeader } from "../../store/mailbox-header.ts";
import { readQuotas } from "../../store/quota-row.ts";

const ENTRIES_AT_A_TIME = 500;
/** Behind every key: names are of octets below 0x7f. */
export const AFTER_ALL_KEYS = "\x7f";

export class MaintenanceReader {
  readonly db: Database;

  /** @throws Error when there is no database */
  constructor(config: Config) {
    this.db = openReader(databasePath(join(config.configdirectory, "store"), 0));
  }

  entry(name: MboxName): ListEntry | undefined {
    const entry = readEntry(this.db, name);
    return entry && !isTombstone(entry) ? entry : undefined;
  }

  header(mbox: number): MailboxHeader | undefined {
    return readHeader(this.db, mbox);
  }

  /** Every entry in name order, tombstones included. The list may change meanwhile: each step reads it as it is then. */
  *allEntries(after = "", to = AFTER_ALL_KEYS): Generator<ListEntry, void, void> {
    for (let from = after; ; ) {
      const entries = readEntries(this.db, from, to, ENTRIES_AT_A_TIME);
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
    return readQuotas(this.db, prefix);
  }

  close(): void {
    this.db.close();
  }
}

/** Whether the entry is a mailbox with messages here. */
export function hasMessages(entry: ListEntry): entry is MessageBox {
  return entry.mbox !== undefined && !isTombstone(entry);
}
