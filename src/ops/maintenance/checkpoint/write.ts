/**
 * Writes a checkpoint (format.ts): everything into new files first, synced, then the generations change places. Mailboxes that did not change since the
 * last one cost a line of text and no reading of rows.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { unlinkIfThere } from "../../../base/files.ts";
import { syncFilesystem, tryFlock } from "../../../base/native/index.ts";
import { isTombstone, type ListEntry, type MailboxHeader, shardOfMbox } from "../../../store/index.ts";
import type { Database, Value } from "../../../store/database.ts";
import { blockFirstUid, blockId } from "../../../store/keys.ts";
import { COLD_SPAN } from "../../../store/records/cold.ts";
import { HOT_SPAN } from "../../../store/records/hot.ts";
import type { MaintenanceReader } from "../reader.ts";
import {
  type GoneLine,
  generations,
  KEPT,
  LineSum,
  type MailboxLine,
  type RowFiles,
  rowsDirectory,
  rowsPath,
} from "./format.ts";
import { EarlierRows } from "./earlier-rows.ts";
import { CheckpointReader } from "./read.ts";

const WRITE_OCTETS = 256 << 10;
const BLOCKS_AT_A_TIME = 500;
/** Of tables whose rows may be large. */
const ROWS_AT_A_TIME = 200;
/** Beyond so many additions the rows of a mailbox are written anew. */
const MAX_FILES = 24;
const NEW = "db.backup.new";

export interface CheckpointCounts {
  mailboxes: number;
  /** Mailboxes whose rows were written. */
  changed: number;
  rowOctets: number;
}

/** @returns undefined when another process writes one now. @throws Error of the filesystem; the earlier generations stay as they were then */
export async function writeCheckpoint(
  reader: MaintenanceReader,
  configDirectory: string,
): Promise<CheckpointCounts | undefined> {
  const unlock = lock(configDirectory);
  if (!unlock) return undefined;
  try {
    return await writeGeneration(reader, configDirectory);
  } finally {
    unlock();
  }
}

function lock(configDirectory: string): (() => void) | undefined {
  const fd = openSync(join(configDirectory, "store", "checkpoint.lock"), "a", 0o600);
  if (tryFlock(fd, "exclusive")) return () => closeSync(fd);
  closeSync(fd);
  return undefined;
}

async function writeGeneration(reader: MaintenanceReader, configDirectory: string): Promise<CheckpointCounts> {
  const directory = join(configDirectory, NEW);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let before = CheckpointReader.newest(configDirectory);
  if (before && !areSameDatabases(reader, before)) {
    keep(configDirectory, before);
    before = undefined;
  }
  const counts: CheckpointCounts = { mailboxes: 0, changed: 0, rowOctets: 0 };
  const doomed = await writeMailboxes(reader, configDirectory, directory, before, counts);
  const { dbs } = reader;
  writeTable(dbs, join(directory, "quotas"), "quota", ["root"]);
  writeTable(dbs, join(directory, "annotations"), "annotation", ["uniqueid", "uid", "entry", "userid"]);
  writeTable(dbs, join(directory, "subscriptions"), "sub", ["userid", "name"]);
  writeTable(dbs, join(directory, "seen"), "seen", ["userid", "uniqueid"]);
  writeTable(dbs, join(directory, "owners"), "owner", ["id"]);
  rotate(configDirectory);
  for (const file of doomed) unlinkIfThere(rowsPath(configDirectory, file));
  return counts;
}

/** Numbers of mailboxes are never given out twice: a database that has not got as far as the checkpoint is another one, begun after a loss. */
function areSameDatabases({ dbs }: MaintenanceReader, before: CheckpointReader): boolean {
  const next = dbs.map(
    (db) => (db.get("SELECT value FROM meta WHERE key='next_mbox'")?.[0] as number | undefined) ?? 1,
  );
  for (const { header } of before.mailboxes()) {
    if (header && header.mbox >= next[shardOfMbox(header.mbox, dbs.length)]!) return false;
  }
  return true;
}

function keep(configDirectory: string, before: CheckpointReader): void {
  const kept = join(configDirectory, KEPT);
  rmSync(kept, { recursive: true, force: true });
  renameSync(before.directory, kept);
}

/** Returns the row files that no generation refers to once this one is in place. */
async function writeMailboxes(
  reader: MaintenanceReader,
  configDirectory: string,
  directory: string,
  before: CheckpointReader | undefined,
  counts: CheckpointCounts,
): Promise<string[]> {
  const earlier = new EarlierRows(before, reader.allEntries());
  const out = new TextFile(join(directory, "mailboxes"));
  const gone: string[] = [];
  for (const entry of reader.allEntries()) {
    counts.mailboxes += 1;
    const header = entry.mbox === undefined || isTombstone(entry) ? undefined : reader.header(entry.mbox);
    if (!header) {
      out.line({ entry } satisfies MailboxLine);
      continue;
    }
    const last = earlier.of(entry);
    const rows = writeRows(reader.dbOfMbox(header.mbox), configDirectory, entry, header, last, counts);
    if (last && rows.files[0] !== last.files[0]) gone.push(...last.files);
    out.line({ entry, header, rows } satisfies MailboxLine);
    if (counts.mailboxes % 50 === 0) await nextTurn();
  }
  earlier.end();
  gone.push(...earlier.gone);
  if (gone.length > 0) out.line({ gone } satisfies GoneLine);
  out.close();
  return before?.goneFiles() ?? [];
}

/** Rows of one mailbox: nothing, the blocks that changed, or all of them. */
function writeRows(
  db: Database,
  configDirectory: string,
  entry: ListEntry,
  header: MailboxHeader,
  last: RowFiles | undefined,
  counts: CheckpointCounts,
): RowFiles {
  const { highestModseq, lastUid, deletedModseq } = header;
  const isSame =
    last?.highestModseq === highestModseq && last.lastUid === lastUid && last.deletedModseq === deletedModseq;
  if (last && isSame && last.files.every((file) => existsSync(rowsPath(configDirectory, file)))) return last;
  const isWhole =
    last === undefined ||
    isSame ||
    last.files.length >= MAX_FILES ||
    last.deltaOctets > last.baseOctets ||
    last.lastUid > lastUid ||
    last.highestModseq > highestModseq;
  counts.changed += 1;
  const since = isWhole ? undefined : last;
  let number = Number(last?.files.at(-1)?.split(".")[1] ?? 0) + 1;
  while (existsSync(rowsPath(configDirectory, `${entry.uniqueId}.${number}`))) number += 1;
  const file = `${entry.uniqueId}.${number}`;
  const octets = writeBlocks(db, rowsPath(configDirectory, file), header, since);
  counts.rowOctets += octets;
  return {
    files: since ? [...since.files, file] : [file],
    baseOctets: since?.baseOctets ?? octets,
    deltaOctets: since ? since.deltaOctets + octets : 0,
    highestModseq,
    lastUid,
    deletedModseq,
  };
}

function writeBlocks(
  db: Database,
  path: string,
  { mbox, lastUid }: MailboxHeader,
  since: RowFiles | undefined,
): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const out = new OutputFile(path);
  let octets = 0;
  const put = (kind: "hot" | "cold", id: number, span: number, rows: Uint8Array): void => {
    out.write(Buffer.from(`${kind} ${blockFirstUid(id, span)} ${rows.length}\n`, "latin1"));
    out.write(rows);
    octets += rows.length;
  };
  walkBlocks(
    db,
    "hot",
    blockId(mbox, 0, HOT_SPAN),
    blockId(mbox, lastUid, HOT_SPAN),
    since?.highestModseq ?? -1,
    (id, rows) => put("hot", id, HOT_SPAN, rows),
  );
  // What a message brought with it does not change: only blocks with messages that came since.
  const from = blockId(mbox, since ? since.lastUid + 1 : 0, COLD_SPAN);
  walkBlocks(db, "cold", from, blockId(mbox, lastUid, COLD_SPAN), undefined, (id, rows) =>
    put("cold", id, COLD_SPAN, rows),
  );
  out.close();
  return octets;
}

function walkBlocks(
  db: Database,
  table: "hot" | "cold",
  first: number,
  last: number,
  modseq: number | undefined,
  visit: (id: number, rows: Uint8Array) => void,
): void {
  const newer = modseq === undefined ? "" : " AND maxmodseq>?";
  const sql = `SELECT id, rows FROM ${table} WHERE id>=? AND id<=?${newer} ORDER BY id LIMIT ${BLOCKS_AT_A_TIME}`;
  for (let from = first; ; ) {
    const blocks = modseq === undefined ? db.all(sql, from, last) : db.all(sql, from, last, modseq);
    for (const [id, rows] of blocks) visit(id as number, rows as Uint8Array);
    if (blocks.length < BLOCKS_AT_A_TIME) return;
    from = (blocks.at(-1)![0] as number) + 1;
  }
}

/**
 * A table, shard after shard, as lines of JSON arrays, columns in table order; octets as {"b64": TEXT}. Each read is a short one: while one goes on, the log
 * cannot begin anew.
 * @param key the columns that tell rows apart
 */
function writeTable(dbs: readonly Database[], path: string, table: string, key: readonly string[]): void {
  const out = new TextFile(path);
  const columns = dbs[0]!.all(`SELECT name FROM pragma_table_info('${table}')`).map(([name]) => name as string);
  out.line(columns);
  const places = key.map((name) => columns.indexOf(name));
  const [names, marks] = [key.join(","), key.map(() => "?").join(",")];
  const order = `ORDER BY ${names} LIMIT ${ROWS_AT_A_TIME}`;
  for (const db of dbs) {
    let rows = db.all(`SELECT * FROM ${table} ${order}`);
    while (rows.length > 0) {
      for (const row of rows) out.line(row.map(plain));
      const last = rows.at(-1)!;
      if (rows.length < ROWS_AT_A_TIME) break;
      const sql = `SELECT * FROM ${table} WHERE (${names})>(${marks}) ${order}`;
      rows = db.all(sql, ...places.map((place) => last[place]!));
    }
  }
  out.close();
}

function plain(value: Value): unknown {
  return value instanceof Uint8Array ? { b64: Buffer.from(value).toString("base64") } : value;
}

/** The new generation takes the first place, once it is durable. */
function rotate(configDirectory: string): void {
  const fd = openSync(configDirectory, "r");
  try {
    syncFilesystem(fd);
    const [first, second] = generations.map((name) => join(configDirectory, name)) as [string, string];
    rmSync(second, { recursive: true, force: true });
    if (existsSync(first)) renameSync(first, second);
    renameSync(join(configDirectory, NEW), first);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes row files that no generation refers to: what a checkpoint that was cut short left. For `cyr_cyrusdb -r`. */
export function removeStrayRows(configDirectory: string): number {
  const unlock = lock(configDirectory);
  if (!unlock) return 0;
  try {
    return removeStray(configDirectory);
  } finally {
    unlock();
  }
}

function removeStray(configDirectory: string): number {
  const known = new Set<string>();
  for (const generation of [...generations, KEPT]) {
    const reader = CheckpointReader.open(configDirectory, generation);
    if (!reader) continue;
    const { files, gone } = reader.rowFiles();
    for (const rows of files.values()) for (const file of rows.files) known.add(file);
    for (const file of gone) known.add(file);
  }
  rmSync(join(configDirectory, NEW), { recursive: true, force: true });
  const root = rowsDirectory(configDirectory);
  // Without a whole generation to compare with, everything may be of use.
  if (known.size === 0 || !existsSync(root)) return 0;
  let removed = 0;
  for (const file of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || known.has(file.name)) continue;
    unlinkSync(join(file.parentPath, file.name));
    removed += 1;
  }
  return removed;
}

class OutputFile {
  private readonly fd: number;
  private pieces: Uint8Array[] = [];
  private length = 0;

  constructor(path: string) {
    this.fd = openSync(path, "w", 0o600);
  }

  write(octets: Uint8Array): void {
    this.pieces.push(octets);
    this.length += octets.length;
    if (this.length >= WRITE_OCTETS) this.flush();
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }

  private flush(): void {
    const all = Buffer.concat(this.pieces);
    for (let at = 0; at < all.length; ) at += writeSync(this.fd, all, at, all.length - at);
    this.pieces = [];
    this.length = 0;
  }
}

class TextFile {
  private readonly file: OutputFile;
  private readonly sum = new LineSum();

  constructor(path: string) {
    this.file = new OutputFile(path);
  }

  line(value: unknown): void {
    const line = JSON.stringify(value);
    this.sum.add(line);
    this.file.write(Buffer.from(`${line}\n`));
  }

  close(): void {
    this.file.write(Buffer.from(`${this.sum.end}\n`));
    this.file.close();
  }
}
