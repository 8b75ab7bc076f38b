/** Putting a message into a mailbox: row, guid index and the pending file, in one step of a transaction. */
import type { ListEntry } from "../list-entry.ts";
import type { PendingSource } from "../pending.ts";
import type { ColdRow } from "../records/cold.ts";
import { Flag, MAX_USER_FLAGS } from "../records/hot.ts";
import { crc32 } from "node:zlib";
import { BlobPlace } from "../blobs/places.ts";
import { type ArchiveCandidate, placeOfCopy, placeOfNew } from "./archive-rule.ts";
import type { MailboxWriter } from "./mailbox-writer.ts";
import type { Tx } from "./tx.ts";

/** A message as a worker took it in: parsed, hashed, with its cache record. */
export interface IncomingMessage {
  readonly sizeOctets: number;
  readonly headerSizeOctets: number;
  /** SHA-1, 20 octets. */
  readonly guid: Uint8Array;
  /** Epoch seconds. */
  readonly internalDate: number;
  readonly internalDateNanos: number;
  readonly sentDate: number;
  readonly gmTime: number;
  readonly cacheVersion: number;
  /** Ready-to-send octets (formats/mime). */
  readonly cache: Uint8Array;
  /** The message itself, or the name of a file below the partition's `stage./` that is already durable. */
  readonly content: { readonly octets: Uint8Array } | { readonly staged: string };
}

/** A list entry of a mailbox that has messages. */
export type MessageBox = ListEntry & { readonly mbox: number };

export interface AppendFlags {
  /** System flags (records/hot.ts, Flag). */
  readonly system: number;
  readonly user: readonly [number, number, number, number];
}

/** A message whose file has the same octets. Without `blobPlace` its row says where that is. */
export interface EarlierCopy {
  readonly box: MessageBox;
  readonly uid: number;
  readonly blobPlace?: number;
}

/**
 * Appends with the next uid and modseq. `lastCopy` is an earlier append of the same message in the same transaction, whose file is linked instead of
 * written again (single-instance store). Returns the uid.
 */
export function appendMessage(
  tx: Tx,
  box: MessageBox,
  message: IncomingMessage,
  flags: AppendFlags,
  lastCopy?: EarlierCopy,
): number {
  const writer = tx.mailbox(box.mbox);
  const { header } = writer;
  const uid = header.lastUid + 1;
  const cacheOffset = header.cacheEnd;
  const cacheCrc = crc32(message.cache);
  const cold: ColdRow = {
    uid,
    headerSizeOctets: message.headerSizeOctets,
    internalDate: message.internalDate,
    internalDateNanos: message.internalDateNanos,
    sizeOctets: message.sizeOctets,
    sentDate: message.sentDate,
    gmTime: message.gmTime,
    saveDate: tx.now,
    createdModseq: 0,
    cid: "0000000000000000",
    guid: message.guid,
    cacheOffset,
    cacheLength: message.cache.length,
    cacheCrc,
    cacheVersion: message.cacheVersion,
    cacheGeneration: header.cacheGeneration,
    blobPlace: tx.settings.archive
      ? placeOfNew(tx.settings, box, candidateOf(message, flags), tx.now)
      : BlobPlace.spool,
  };
  const { content } = message;
  let source: PendingSource | undefined;
  let octets: Uint8Array | undefined;
  if (lastCopy && lastCopy.box.partition === box.partition) {
    const { mbox, uniqueId } = lastCopy.box;
    source = {
      link: {
        mbox,
        uniqueId,
        partition: tx.placeOf(lastCopy.box, blobPlaceOf(tx, lastCopy)),
        uid: lastCopy.uid,
        cacheOffset: 0,
        cacheLength: 0,
        cacheCrc: 0,
        cacheGeneration: 0,
      },
    };
  } else if ("staged" in content) source = { staged: content.staged };
  else octets = content.octets;
  header.lastAppend = tx.now;
  insertRow(tx, writer, cold, flags);
  tx.addPending({
    mbox: box.mbox,
    uid,
    uniqueId: box.uniqueId,
    partition: tx.placeOf(box, cold.blobPlace),
    sizeOctets: message.sizeOctets,
    guid: message.guid,
    source,
    octets,
    cache: message.cache,
    cacheOffset,
    cacheGeneration: header.cacheGeneration,
  });
  header.cacheEnd += message.cache.length;
  return uid;
}

/** Copies a message of another mailbox (or the same) to `uid` of `box`: a link to its file, its cache record copied along, dates kept. */
export function copyMessage(
  tx: Tx,
  source: MessageBox,
  cold: ColdRow,
  box: MessageBox,
  uid: number,
  flags: AppendFlags,
): void {
  const writer = tx.mailbox(box.mbox);
  const { header } = writer;
  const row: ColdRow = {
    ...cold,
    uid,
    guid: Buffer.from(cold.guid),
    saveDate: tx.now,
    createdModseq: 0,
    cacheOffset: header.cacheEnd,
    cacheGeneration: header.cacheGeneration,
    blobPlace: placeOfCopy(tx.settings.partitions, box.partition, cold.blobPlace),
  };
  insertRow(tx, writer, row, flags);
  const { mbox, uniqueId } = source;
  const partition = tx.placeOf(source, cold.blobPlace);
  const { cacheOffset, cacheLength, cacheCrc, cacheGeneration } = cold;
  tx.addPending({
    mbox: box.mbox,
    uid,
    uniqueId: box.uniqueId,
    partition: tx.placeOf(box, row.blobPlace),
    sizeOctets: cold.sizeOctets,
    guid: row.guid,
    source: { link: { mbox, uniqueId, partition, uid: cold.uid, cacheOffset, cacheLength, cacheCrc, cacheGeneration } },
    octets: undefined,
    cache: undefined,
    cacheOffset: header.cacheEnd,
    cacheGeneration: header.cacheGeneration,
  });
  header.cacheEnd += cacheLength;
}

function candidateOf({ sizeOctets, internalDate }: IncomingMessage, { system }: AppendFlags): ArchiveCandidate {
  return { sizeOctets, internalDate, isFlagged: (system & Flag.flagged) !== 0 };
}

function blobPlaceOf(tx: Tx, { box, uid, blobPlace }: EarlierCopy): number {
  if (blobPlace !== undefined) return blobPlace;
  return tx.settings.archive ? (tx.mailbox(box.mbox).coldRow(uid)?.blobPlace ?? BlobPlace.spool) : BlobPlace.spool;
}

function insertRow(tx: Tx, writer: MailboxWriter, cold: ColdRow, flags: AppendFlags): void {
  const { header } = writer;
  const modseq = tx.nextModseq(header);
  cold.createdModseq = modseq;
  writer.insert({ uid: cold.uid, flags: flags.system, modseq, lastUpdated: tx.now, user: flags.user }, cold);
  tx.db.run(
    "INSERT OR IGNORE INTO guid(owner, guid, mbox, uid) VALUES (?,?,?,?)",
    header.owner,
    cold.guid,
    header.mbox,
    cold.uid,
  );
}

/**
 * Bits of `names` in the mailbox's flag table, which grows as needed. Names are compared without case (RFC 3501 §9, keywords are atoms; Cyrus folds).
 * Returns undefined when the table would pass MAX_USER_FLAGS; nothing has changed then.
 */
export function userFlagBits(
  tx: Tx,
  writer: MailboxWriter,
  names: readonly string[],
): [number, number, number, number] | undefined {
  const bits: [number, number, number, number] = [0, 0, 0, 0];
  if (names.length === 0) return bits;
  const { header } = writer;
  const table = [...header.flagNames];
  const places = new Map(table.map((name, place) => [name?.toLowerCase(), place] as const));
  for (const name of names) {
    let place = places.get(name.toLowerCase());
    if (place === undefined) {
      place = table.indexOf(null);
      if (place < 0) place = table.length;
      if (place >= MAX_USER_FLAGS) return undefined;
      table[place] = name;
      places.set(name.toLowerCase(), place);
    }
    bits[place >> 5]! |= 1 << (place & 31);
  }
  if (table.length !== header.flagNames.length || table.some((name, place) => name !== header.flagNames[place])) {
    header.flagNames = table;
    tx.headerFileDue(header.mbox);
    writer.touch();
  }
  for (let word = 0; word < 4; word++) bits[word] = bits[word]! >>> 0;
  return bits;
}
