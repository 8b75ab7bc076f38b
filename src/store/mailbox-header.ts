/** The header of a mailbox: one row of table `mailbox`, as an object whose fields are its columns. */
import type { Modseq, Uid, UniqueId } from "../formats/ids.ts";
import type { Database, Value } from "./database.ts";

export interface MailboxHeader {
  readonly mbox: number;
  readonly uniqueId: UniqueId;
  owner: number;
  uidValidity: number;
  lastUid: number;
  highestModseq: number;
  deletedModseq: number;
  xconvModseq: number;
  raclModseq: number;
  exists: number;
  unseen: number;
  deleted: number;
  answered: number;
  flagged: number;
  expunged: number;
  sizeOctets: number;
  annotOctets: number;
  recentUid: number;
  recentTime: number;
  lastAppend: number;
  pop3LastLogin: number;
  pop3ShowAfter: number;
  /** Cyrus's letters: P new POP3 uidl, S shared seen, D duplicate deliveries wanted, A has alarms. */
  options: string;
  /** The flag table: position n is user flag bit n; null is a free place. */
  flagNames: readonly (string | null)[];
  syncCrc: number;
  syncCrcAnnot: number;
  /** Modseq of the last change of which messages there are; names a state of the uid map. */
  membership: number;
  cacheEnd: number;
  cacheGeneration: number;
}

/** Columns in table order; the reading and writing statements are made from this. */
const columns = [
  ["mbox", "mbox"],
  ["uniqueid", "uniqueId"],
  ["owner", "owner"],
  ["uidvalidity", "uidValidity"],
  ["last_uid", "lastUid"],
  ["highestmodseq", "highestModseq"],
  ["deletedmodseq", "deletedModseq"],
  ["xconvmodseq", "xconvModseq"],
  ["raclmodseq", "raclModseq"],
  ["exists_count", "exists"],
  ["unseen_count", "unseen"],
  ["deleted_count", "deleted"],
  ["answered_count", "answered"],
  ["flagged_count", "flagged"],
  ["expunged_count", "expunged"],
  ["size_octets", "sizeOctets"],
  ["annot_octets", "annotOctets"],
  ["recent_uid", "recentUid"],
  ["recent_time", "recentTime"],
  ["last_append", "lastAppend"],
  ["pop3_last_login", "pop3LastLogin"],
  ["pop3_show_after", "pop3ShowAfter"],
  ["options", "options"],
  ["flag_names", "flagNames"],
  ["sync_crc", "syncCrc"],
  ["sync_crc_annot", "syncCrcAnnot"],
  ["membership", "membership"],
  ["cache_end", "cacheEnd"],
  ["cache_generation", "cacheGeneration"],
] as const satisfies readonly (readonly [string, keyof MailboxHeader])[];

export const HEADER_COLUMNS = columns.map(([column]) => column).join(", ");
const SELECT_BY_MBOX = `SELECT ${HEADER_COLUMNS} FROM mailbox WHERE mbox=?`;
const SELECT_BY_UNIQUEID = `SELECT ${HEADER_COLUMNS} FROM mailbox WHERE uniqueid=?`;
const INSERT = `INSERT INTO mailbox(${HEADER_COLUMNS}) VALUES (${columns.map(() => "?").join(",")})`;
const UPDATE = `UPDATE mailbox SET ${columns
  .slice(2)
  .map(([column]) => `${column}=?`)
  .join(",")} WHERE mbox=?`;

export function headerFromRow(row: readonly Value[]): MailboxHeader {
  const n = row as readonly number[];
  return {
    mbox: n[0]!,
    uniqueId: row[1] as UniqueId,
    owner: n[2]!,
    uidValidity: n[3]!,
    lastUid: n[4]!,
    highestModseq: n[5]!,
    deletedModseq: n[6]!,
    xconvModseq: n[7]!,
    raclModseq: n[8]!,
    exists: n[9]!,
    unseen: n[10]!,
    deleted: n[11]!,
    answered: n[12]!,
    flagged: n[13]!,
    expunged: n[14]!,
    sizeOctets: n[15]!,
    annotOctets: n[16]!,
    recentUid: n[17]!,
    recentTime: n[18]!,
    lastAppend: n[19]!,
    pop3LastLogin: n[20]!,
    pop3ShowAfter: n[21]!,
    options: row[22] as string,
    flagNames: row[23] === "[]" ? [] : (JSON.parse(row[23] as string) as (string | null)[]),
    syncCrc: n[24]!,
    syncCrcAnnot: n[25]!,
    membership: n[26]!,
    cacheEnd: n[27]!,
    cacheGeneration: n[28]!,
  };
}

function valuesOf(header: MailboxHeader): Value[] {
  return columns.map(([, field]) =>
    field === "flagNames" ? JSON.stringify(header.flagNames) : (header[field] as Value),
  );
}

export function readHeader(db: Database, mbox: number): MailboxHeader | undefined {
  const row = db.get(SELECT_BY_MBOX, mbox);
  return row && headerFromRow(row);
}

export function readHeaderByUniqueId(db: Database, uniqueId: UniqueId): MailboxHeader | undefined {
  const row = db.get(SELECT_BY_UNIQUEID, uniqueId);
  return row && headerFromRow(row);
}

export function insertHeader(db: Database, header: MailboxHeader): void {
  db.run(INSERT, ...valuesOf(header));
}

export function updateHeader(db: Database, header: MailboxHeader): void {
  const values = valuesOf(header).slice(2);
  db.run(UPDATE, ...values, header.mbox);
}

/** What SELECT announces as UIDNEXT. */
export const uidNext = (header: MailboxHeader): Uid => (header.lastUid + 1) as Uid;
export const highestModseq = (header: MailboxHeader): Modseq => header.highestModseq as Modseq;
