/**
 * Writes the rows of a very large mailbox straight into the store of a stopped Pasargad: SELECT reads nothing else.
 * There are no message files behind them. Over IMAP it would take minutes and a million links.
 */
import { chownSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MboxName } from "../../src/formats/ids.ts";
import { openWriter } from "../../src/store/database.ts";
import { Flag } from "../../src/store/records/hot.ts";
import { Tx } from "../../src/store/writer/tx.ts";

const rowsPerTransaction = 20_000;
const firstArrival = Date.UTC(2015, 0, 1) / 1000;
/** Seconds between two messages. */
const arrivalStep = 300;

/**
 * @param dir the server's directory in the benchmark
 * @param name internal name of a mailbox that exists and is empty
 */
export function fillMillion(dir: string, name: string, messages: number): void {
  const store = join(dir, "conf/store");
  const owner = statSync(store);
  for (const file of readdirSync(store).filter((each) => /^\d+\.db$/.test(each))) {
    if (fillIn(join(store, file), join(dir, "spool"), name as MboxName, messages)) {
      // The writer runs as another user than root.
      for (const each of readdirSync(store)) chownSync(join(store, each), owner.uid, owner.gid);
      return;
    }
  }
  throw new Error(`no mailbox ${name}`);
}

function fillIn(path: string, spool: string, name: MboxName, messages: number): boolean {
  const db = openWriter(path);
  try {
    const settings = { partitions: new Map([["default", spool]]), conversations: false, deletedPrefix: "DELETED" };
    const tx = new Tx(db, settings);
    const mbox = tx.entry(name)?.mbox;
    if (mbox === undefined) return false;
    tx.now = Math.floor(Date.now() / 1000);
    db.sqlite.exec("PRAGMA synchronous=OFF");
    for (let first = 1; first <= messages; first += rowsPerTransaction) {
      db.sqlite.exec("BEGIN IMMEDIATE");
      const last = Math.min(messages, first + rowsPerTransaction - 1);
      for (let uid = first; uid <= last; uid++) insert(tx, mbox, uid);
      tx.flush();
      db.sqlite.exec("COMMIT");
      // The log would grow as large as the database otherwise.
      db.get("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    return true;
  } finally {
    db.close();
  }
}

/** A message of 4 KB with an identity of its own; half are read, few flagged. */
function insert(tx: Tx, mbox: number, uid: number): void {
  const writer = tx.mailbox(mbox);
  const { header } = writer;
  const modseq = tx.nextModseq(header);
  const date = firstArrival + uid * arrivalStep;
  const guid = Buffer.alloc(20);
  guid.writeUInt32BE(uid, 0);
  guid.writeUInt32BE(Math.imul(uid, 2_654_435_761) >>> 0, 4);
  const flags = (uid % 2 === 0 ? Flag.seen : 0) | (uid % 50 === 0 ? Flag.flagged : 0);
  const hot = { uid, flags, modseq, lastUpdated: tx.now, user: [0, 0, 0, 0] as const };
  const cold = {
    uid,
    headerSizeOctets: 1_500,
    internalDate: date,
    internalDateNanos: 0,
    sizeOctets: 4_000,
    sentDate: date,
    gmTime: date,
    saveDate: tx.now,
    createdModseq: modseq,
    cid: "0000000000000000",
    guid,
    cacheOffset: 0,
    cacheLength: 0,
    cacheCrc: 0,
    cacheVersion: 0,
    cacheGeneration: header.cacheGeneration,
    blobPlace: 0,
  };
  writer.insert(hot, cold);
}
