/** Reads a closed store, and recounts everything that it keeps beside what it derives from. SQL and decoding are its own. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Observed, ObservedMailbox, ObservedMessage, ObservedQuota } from "../checker/observed.ts";
import {
  annotationCrc,
  basicCrc,
  blockRange,
  type ColdRecord,
  decodeCold,
  decodeHot,
  flagNamesOf,
  type HotRecord,
  hotSpan,
} from "./decode.ts";

interface ListRow {
  readonly name: string;
  readonly uniqueid: string;
  readonly mbox: number;
  readonly uidvalidity: number;
  readonly acl: string;
  readonly partition: string;
}
interface MailboxRow {
  readonly mbox: number;
  readonly uniqueid: string;
  readonly owner: number;
  readonly uidvalidity: number;
  readonly last_uid: number;
  readonly highestmodseq: number;
  readonly exists_count: number;
  readonly unseen_count: number;
  readonly deleted_count: number;
  readonly answered_count: number;
  readonly flagged_count: number;
  readonly expunged_count: number;
  readonly size_octets: number;
  readonly flag_names: string;
  readonly sync_crc: number;
  readonly sync_crc_annot: number;
}
interface HotBlockRow {
  readonly id: number;
  readonly maxmodseq: number;
  readonly unseen: number;
  readonly live_low: number;
  readonly live_high: number;
  readonly rows: Uint8Array;
}

/** @param spools partition name to directory */
export function readStore(databasePath: string, spools: ReadonlyMap<string, string>): Observed {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return new Reader(database, spools).read();
  } finally {
    database.close();
  }
}

/** Header files are old or new, never half, whatever happened: they are what is left when the database is gone. */
export function inspectHeaderFiles(spool: string): string[] {
  const files = existsSync(spool) ? readdirSync(spool, { recursive: true, encoding: "utf8" }) : [];
  return files
    .filter((file) => file.endsWith("/pasargad.header") && !isWhole(readFileSync(join(spool, file), "latin1")))
    .map((file) => `${file} is neither old nor new`);
}
/** JSON and its CRC on a line of its own. */
function isWhole(text: string): boolean {
  const end = text.lastIndexOf("\n", text.length - 2) + 1;
  return end > 0 && text.slice(end).trim() === crc32(text.slice(0, end)).toString(16);
}

class Reader {
  private readonly database: DatabaseSync;
  private readonly spools: ReadonlyMap<string, string>;
  private readonly problems: string[] = [];
  /** Message files that rows account for. */
  private readonly files = new Set<string>();
  private readonly guids = new Set<string>();

  constructor(database: DatabaseSync, spools: ReadonlyMap<string, string>) {
    this.database = database;
    this.spools = spools;
  }
  private all<T>(sql: string, ...values: (string | number)[]): T[] {
    return this.database.prepare(sql).all(...values) as T[];
  }

  read(): Observed {
    for (const { integrity_check: line } of this.all<{ integrity_check: string }>("PRAGMA integrity_check"))
      if (line !== "ok") this.problems.push(`SQLite: ${line}`);
    for (const [pragma, expected] of [["page_size", 8192] as const, ["user_version", 2] as const]) {
      const value = Object.values(this.all<Record<string, number>>(`PRAGMA ${pragma}`)[0]!)[0];
      if (value !== expected) this.problems.push(`${pragma} is ${value}`);
    }
    for (const table of ["pending", "doomed WHERE not_before <= unixepoch()", "header_due", "intent"]) {
      const [row] = this.all<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
      if (row!.n > 0) this.problems.push(`${row!.n} rows are left in ${table} after recovery`);
    }
    const mailboxes = new Map<string, ObservedMailbox>();
    for (const entry of this.all<ListRow>(
      "SELECT * FROM list WHERE mbox IS NOT NULL AND substr(type, 2) NOT LIKE '%d%'",
    )) {
      const mailbox = this.readMailbox(entry);
      if (mailbox) mailboxes.set(mailbox.name, mailbox);
    }
    for (const { uniqueid } of this.all<MailboxRow>(
      "SELECT uniqueid FROM mailbox WHERE mbox NOT IN (SELECT mbox FROM list WHERE mbox NOTNULL)",
    ))
      this.problems.push(`mailbox ${uniqueid} is in no list entry`);
    this.checkIndexes();
    this.checkFiles();
    return { mailboxes, quotas: this.readQuotas(), problems: this.problems };
  }

  private readMailbox(entry: ListRow): ObservedMailbox | undefined {
    const name = entry.name.replaceAll("\x1f", ".");
    const [row] = this.all<MailboxRow>("SELECT * FROM mailbox WHERE mbox = ?", entry.mbox);
    if (row?.uniqueid !== entry.uniqueid) {
      this.problems.push(`${name}: the list says ${entry.uniqueid}, the mailbox ${row?.uniqueid ?? "is not there"}`);
      return undefined;
    }
    if (row.uidvalidity !== entry.uidvalidity)
      this.problems.push(`${name}: uidvalidity differs between list and mailbox`);
    const hot = this.readHot(row.mbox);
    const cold = this.readCold(row.mbox);
    const table = JSON.parse(row.flag_names) as (string | null)[];
    const messages = new Map<number, ObservedMessage>();
    let syncCrc = 0;
    let annotCrc = 12345678;
    for (const record of hot) {
      const fixed = cold.get(record.uid);
      cold.delete(record.uid);
      if (!fixed) {
        this.problems.push(`${name} uid ${record.uid}: there is no cold row`);
        continue;
      }
      if (record.uid > row.last_uid) this.problems.push(`${name} uid ${record.uid}: a hidden row is left`);
      this.guids.add(`${row.owner} ${fixed.guid} ${row.mbox} ${record.uid}`);
      const path = this.path(entry, `${record.uid}.`);
      this.files.add(path);
      if (record.expunged) continue;
      this.checkSuffix(name, record, fixed);
      const flags = flagNamesOf(record, table);
      syncCrc = (syncCrc ^ basicCrc(record, fixed, flags)) >>> 0;
      annotCrc = (annotCrc ^ annotationCrc(fixed)) >>> 0;
      messages.set(record.uid, {
        uid: record.uid,
        modseq: record.modseq,
        flags: new Set(flags),
        internaldate: fixed.internaldate,
        sizeOctets: fixed.sizeOctets,
        guid: fixed.guid,
        digest: existsSync(path) ? createHash("sha1").update(readFileSync(path)).digest("hex") : undefined,
      });
    }
    for (const uid of cold.keys()) this.problems.push(`${name} uid ${uid}: there is no hot row`);
    const tombstones = hot.length - messages.size;
    for (const [what, is, was] of [
      ["sync CRC", row.sync_crc, syncCrc],
      ["annotation CRC", row.sync_crc_annot, annotCrc],
      ["expunged count", row.expunged_count, tombstones],
    ] as const)
      if (is !== was) this.problems.push(`${name}: stored ${what} is ${is}, recounted ${was}`);
    this.checkHeaderFile(name, entry, table);
    return {
      name,
      uniqueid: row.uniqueid,
      uidvalidity: row.uidvalidity,
      acl: entry.acl,
      lastUid: row.last_uid,
      highestModseq: row.highestmodseq,
      messages,
      counts: {
        exists: row.exists_count,
        unseen: row.unseen_count,
        deleted: row.deleted_count,
        answered: row.answered_count,
        flagged: row.flagged_count,
        sizeOctets: row.size_octets,
      },
    };
  }

  private readHot(mbox: number): HotRecord[] {
    const rows: HotRecord[] = [];
    const [from, to] = blockRange(mbox);
    for (const block of this.all<HotBlockRow>("SELECT * FROM hot WHERE id BETWEEN ? AND ? ORDER BY id", from, to)) {
      const records = decodeHot(block.id, block.rows, this.problems);
      const live = records.filter(({ expunged }) => !expunged);
      const bits = [0, 0];
      for (const { uid } of live) bits[uid % hotSpan < 48 ? 0 : 1]! += 2 ** ((uid % hotSpan) % 48);
      const head = [block.maxmodseq, block.unseen, block.live_low, block.live_high];
      const unseen = live.filter(({ flags }) => (flags & 0x10) === 0).length;
      const counted = [Math.max(0, ...records.map(({ modseq }) => modseq)), unseen, ...bits];
      if (head.join() !== counted.join())
        this.problems.push(`hot block ${block.id}: head is ${head.join()}, recounted ${counted.join()}`);
      rows.push(...records);
    }
    return rows;
  }
  private readCold(mbox: number): Map<number, ColdRecord> {
    const [from, to] = blockRange(mbox);
    const blocks = this.all<{ id: number; rows: Uint8Array }>("SELECT * FROM cold WHERE id BETWEEN ? AND ?", from, to);
    const records = blocks.flatMap(({ id, rows }) => decodeCold(id, rows, this.problems));
    return new Map(records.map((record) => [record.uid, record]));
  }
  private checkSuffix(name: string, hot: HotRecord, cold: ColdRecord): void {
    const date = String(cold.internaldate);
    if (hot.dateDigits !== date.length || hot.suffixCrc !== crc32(`) ${date} ${cold.guid}`))
      this.problems.push(`${name} uid ${hot.uid}: the kept end of the sync CRC's text differs`);
  }
  private path({ uniqueid, partition }: ListRow, file: string): string {
    return join(this.spools.get(partition)!, "uuid", uniqueid[0]!, uniqueid[1]!, uniqueid, file);
  }
  private checkHeaderFile(name: string, entry: ListRow, table: readonly (string | null)[]): void {
    const path = this.path(entry, "pasargad.header");
    if (!existsSync(path)) {
      this.problems.push(`${name}: there is no header file`);
      return;
    }
    const text = readFileSync(path, "latin1");
    if (!isWhole(text)) {
      this.problems.push(`${name}: the CRC of the header file differs`);
      return;
    }
    const header = JSON.parse(text.slice(0, text.lastIndexOf("\n", text.length - 2))) as Record<string, unknown>;
    const expected = {
      name,
      uniqueId: entry.uniqueid,
      uidValidity: entry.uidvalidity,
      acl: entry.acl,
      flagNames: table,
    };
    for (const [field, value] of Object.entries(expected))
      if (JSON.stringify(header[field]) !== JSON.stringify(value))
        this.problems.push(
          `${name}: the header file says ${field} ${JSON.stringify(header[field])}, not ${JSON.stringify(value)}`,
        );
  }

  private checkIndexes(): void {
    const stored = this.all<{ owner: number; guid: Uint8Array; mbox: number; uid: number }>("SELECT * FROM guid");
    const keys = new Set(
      stored.map(({ owner, guid, mbox, uid }) => `${owner} ${Buffer.from(guid).toString("hex")} ${mbox} ${uid}`),
    );
    for (const key of this.guids) if (!keys.has(key)) this.problems.push(`guid index lacks ${key}`);
    for (const key of keys) if (!this.guids.has(key)) this.problems.push(`guid index has ${key}, which no row has`);
    const rights = new Set<string>();
    for (const { name, acl } of this.all<ListRow>("SELECT name, acl FROM list"))
      for (const [i, part] of acl.split("\t").entries()) if (i % 2 === 0 && part !== "") rights.add(`${part} ${name}`);
    const racl = this.all<{ identifier: string; name: string }>("SELECT * FROM racl");
    const raclKeys = new Set(racl.map(({ identifier, name }) => `${identifier} ${name}`));
    if (rights.size !== raclKeys.size || [...rights].some((key) => !raclKeys.has(key)))
      this.problems.push(`rights index has ${raclKeys.size} entries, the ACLs give ${rights.size}`);
  }
  /** Files that belong to no row would come back to life with a later message of their uid. */
  private checkFiles(): void {
    for (const [partition, spool] of this.spools) this.checkFilesOf(partition, join(spool, "uuid"));
  }
  private checkFilesOf(partition: string, base: string): void {
    const rows = this.all<ListRow>("SELECT * FROM list WHERE mbox NOTNULL AND partition = ?", partition);
    const known = new Set(rows.map(({ uniqueid }) => uniqueid));
    // What a move that was cut has left, to be looked at later.
    const later = this.all<ListRow>("SELECT uniqueid FROM doomed WHERE uid = 0 AND partition = ?", partition);
    for (const { uniqueid } of later) known.add(uniqueid);
    for (const x of existsSync(base) ? readdirSync(base) : [])
      for (const y of readdirSync(join(base, x)))
        for (const uniqueid of readdirSync(join(base, x, y))) {
          if (!known.has(uniqueid))
            this.problems.push(`the directory of ${uniqueid} is left, which is no mailbox of ${partition}`);
          else
            for (const file of readdirSync(join(base, x, y, uniqueid)))
              if (
                /^\d+\.$/.test(file) &&
                !later.some((one) => one.uniqueid === uniqueid) &&
                !this.files.has(join(base, x, y, uniqueid, file))
              )
                this.problems.push(`file ${uniqueid}/${file} belongs to no row`);
        }
  }
  private readQuotas(): Map<string, ObservedQuota> {
    const rows = this.all<{ root: string; storage_limit: number; storage_used: number; message_used: number }>(
      "SELECT * FROM quota",
    );
    return new Map(
      rows.map(({ root, storage_limit, storage_used }) => [
        root.replaceAll("\x1f", "."),
        { limitOctets: storage_limit * 1024, usedOctets: storage_used },
      ]),
    );
  }
}
