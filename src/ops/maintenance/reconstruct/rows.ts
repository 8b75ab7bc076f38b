/** Verbs of cyr_reconstruct that put single message rows right. What the program has found on disk comes as arguments; the rest is looked at again. */
import type { UniqueId } from "../../../formats/ids.ts";
import {
  appendMessage,
  archiveRoot,
  BlobPlace,
  spoolOnly,
  type ColdRow,
  Flag,
  type MailboxWriter,
  type MessageBox,
  type Tx,
} from "../../../store/index.ts";
import { crc32 } from "node:zlib";
import { incomingMessage, type MessageArgs } from "../../messages/incoming.ts";
import { refuse } from "../../errors.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { boxOf, isDoomed, isPending, mayHaveOthersFiles, requireAdmin } from "../verb.ts";

/** A cold row as JSON: `guid` in hex. */
export type ColdData = Omit<ColdRow, "guid"> & { readonly guid: string };

export interface RowInput {
  readonly cold: ColdData;
  /** For rows that have lost their hot half; else the stored one counts. */
  readonly flags: number;
  readonly user: readonly [number, number, number, number];
  /** The next attachment is its cache record. */
  readonly hasCache: boolean;
  /** "missing": only when the row, or a half of it, is not there. "cache": only its cache record is new. */
  readonly why: "missing" | "cache";
}

interface PutRowsArgs {
  readonly box: UniqueId;
  readonly rows: readonly RowInput[];
}

/** Puts rows back. At most a few hundred at a time. @returns the uids that were written */
export const putRows: Verb<PutRowsArgs, number[]> = {
  name: "maintenance.put-rows",
  run(context, { box: id, rows }, octets) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    const writer = tx.mailbox(box.mbox);
    const done: number[] = [];
    let attachment = 0;
    for (const row of rows) {
      const cache = row.hasCache ? octets[attachment++] : undefined;
      if (putRow(context, box, writer, row, cache)) done.push(row.cold.uid);
    }
    return done;
  },
};

function putRow(
  { tx }: VerbContext,
  box: MessageBox,
  writer: MailboxWriter,
  { cold: data, flags, user, why }: RowInput,
  cache: Uint8Array | undefined,
): boolean {
  const { uid } = data;
  const hot = writer.hotRow(uid);
  const old = writer.coldRow(uid);
  if (why === "missing" ? hot && old : !hot || !old) return false;
  if (isDoomed(tx, box, uid)) return false;
  const cold: ColdRow =
    why === "cache" ? { ...old!, guid: Buffer.from(old!.guid) } : { ...data, guid: Buffer.from(data.guid, "hex") };
  if (why === "cache" && Buffer.from(cold.guid).toString("hex") !== data.guid) return false;
  if (cache) addCache(tx, box, writer, cold, cache);
  const modseq = hot?.modseq ?? tx.nextModseq(writer.header);
  if (cold.createdModseq === 0) cold.createdModseq = modseq;
  const kept = hot ?? { flags, user, lastUpdated: tx.now };
  writer.putVerbatim({ uid, modseq, flags: kept.flags, user: kept.user, lastUpdated: kept.lastUpdated }, cold);
  if (why === "missing") insertGuid(tx, writer, cold);
  return true;
}

/** Calls for a cache record to be written; the message file stays as it is. */
function addCache(tx: Tx, box: MessageBox, writer: MailboxWriter, cold: ColdRow, cache: Uint8Array): void {
  const { header } = writer;
  cold.cacheOffset = header.cacheEnd;
  cold.cacheLength = cache.length;
  cold.cacheCrc = crc32(cache);
  cold.cacheGeneration = header.cacheGeneration;
  tx.addPending({
    mbox: box.mbox,
    uid: cold.uid,
    uniqueId: box.uniqueId,
    partition: box.partition,
    sizeOctets: cold.sizeOctets,
    guid: cold.guid,
    source: undefined,
    octets: undefined,
    cache,
    cacheOffset: cold.cacheOffset,
    cacheGeneration: cold.cacheGeneration,
  });
  header.cacheEnd += cache.length;
}

function insertGuid(tx: Tx, writer: MailboxWriter, { guid, uid }: ColdRow): void {
  const { owner, mbox } = writer.header;
  tx.db.run("INSERT OR IGNORE INTO guid(owner, guid, mbox, uid) VALUES (?,?,?,?)", owner, guid, mbox, uid);
}

/** Begins a new cache file: nothing in the old one is of use. */
export const newCacheGeneration: Verb<{ readonly box: UniqueId; readonly generation: number }, boolean> = {
  name: "maintenance.new-cache-generation",
  run(context, { box: id, generation }) {
    requireAdmin(context);
    const { mbox } = boxOf(context, id);
    const writer = context.tx.mailbox(mbox);
    if (writer.header.cacheGeneration !== generation) return false;
    writer.header.cacheGeneration += 1;
    writer.header.cacheEnd = 0;
    writer.touch();
    return true;
  },
};

interface SetPlaceArgs {
  readonly box: UniqueId;
  readonly uid: number;
  /** Hex. */
  readonly guid: string;
  /** `blobPlace` in which the file was found. */
  readonly place: number;
}

/** Corrects where a message's octets are. False: it has changed meanwhile. */
export const setPlace: Verb<SetPlaceArgs, boolean> = {
  name: "maintenance.set-place",
  run(context, { box: id, uid, guid, place }) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    const writer = tx.mailbox(box.mbox);
    const cold = writer.coldRow(uid);
    if (!cold || Buffer.from(cold.guid).toString("hex") !== guid || isPending(tx, box, uid)) return false;
    if (place !== BlobPlace.spool && place !== BlobPlace.archive) refuse("badPartition");
    // Whatever was to go from there stays.
    const kept = place === BlobPlace.spool ? spoolOnly(box.partition) : archiveRoot(box.partition);
    tx.db.run("DELETE FROM doomed WHERE uniqueid=? AND uid=? AND partition=?", id, uid, kept);
    writer.moveBlob(uid, place);
    return true;
  },
};

interface UidsArgs {
  readonly box: UniqueId;
  readonly uids: readonly number[];
}

/** Expunges messages whose file is gone. @returns the uids that were still there */
export const expungeMissing: Verb<UidsArgs & { readonly unlink: boolean; readonly place: string }, number[]> = {
  name: "maintenance.expunge-missing",
  run(context, { box: id, uids, unlink, place }) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    // It has another name or partition meanwhile, and its files another directory.
    if (place !== `${box.partition} ${box.name}`) return [];
    const writer = tx.mailbox(box.mbox);
    const gone: number[] = [];
    for (const uid of uids) {
      if (isPending(tx, box, uid)) continue;
      const cold = writer.coldRow(uid);
      if (!cold) {
        // Half a row, and no message: there is nothing to be known about it.
        if (writer.hotRow(uid)) for (const row of writer.removeHidden(uid, uid)) gone.push(row.uid);
        continue;
      }
      writer.expunge([{ first: uid, last: uid }], uid, Number.MAX_SAFE_INTEGER, 0, gone);
      const hot = writer.hotRow(uid);
      if (hot && gone.at(-1) === uid) writer.putVerbatim({ ...hot, flags: hot.flags | Flag.unlinked }, cold);
      if (unlink) tx.doom(box.uniqueId, box.partition, uid, tx.now);
    }
    return gone;
  },
};

interface RelinkArgs {
  readonly box: UniqueId;
  readonly uid: number;
  /** A message of the same owner with the same octets, whose file is well. */
  readonly source: { readonly mbox: number; readonly uid: number; readonly place: number };
}

/** Makes a message's file a link to another message of the same guid. */
export const relink: Verb<RelinkArgs, boolean> = {
  name: "maintenance.relink",
  run(context, { box: id, uid, source }) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    const row = tx.mailbox(box.mbox).coldRow(uid);
    const other = tx.mailbox(source.mbox);
    const same = other.coldRow(source.uid);
    const entry = tx.entryByUniqueId(other.header.uniqueId);
    if (!row || !same || !entry || isPending(tx, box, uid)) return false;
    if (source.mbox === box.mbox && source.uid === uid) return false;
    if (Buffer.compare(row.guid, same.guid) !== 0) return false;
    const partition = tx.placeOf(entry, source.place);
    const from = { mbox: source.mbox, uniqueId: entry.uniqueId, partition, uid: source.uid };
    tx.addPending({
      mbox: box.mbox,
      uid,
      uniqueId: box.uniqueId,
      partition: tx.placeOf(box, row.blobPlace),
      sizeOctets: row.sizeOctets,
      guid: Buffer.from(row.guid),
      source: { link: { ...from, cacheOffset: 0, cacheLength: 0, cacheCrc: 0, cacheGeneration: 0 } },
      octets: undefined,
      cache: undefined,
      cacheOffset: 0,
      cacheGeneration: 0,
    });
    return true;
  },
};

interface AdoptFileArgs {
  readonly box: UniqueId;
  /** That the file is named by. */
  readonly uid: number;
  readonly message: MessageArgs;
  /** The row of that uid describes other octets: the message gets a new uid, the row is expunged. */
  readonly replace: boolean;
  /** `blobPlace` of the file. */
  readonly place: number;
}

/** Makes a message of a file that has no row. @returns its uid; undefined: it is to go, or has a row meanwhile */
export const adoptFile: Verb<AdoptFileArgs, number | null> = {
  name: "maintenance.adopt-file",
  run(context, { box: id, uid, message: args, replace, place }, octets) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    const writer = tx.mailbox(box.mbox);
    const hot = writer.hotRow(uid);
    if ((hot !== undefined) !== replace || isDoomed(tx, box, uid) || isPending(tx, box, uid)) return null;
    if (mayHaveOthersFiles(tx.db, box)) return null;
    const { message } = incomingMessage({ ...args, staged: "linked" }, octets, 0);
    const flags = { system: (hot?.flags ?? 0) & 0x1f, user: hot?.user ?? ([0, 0, 0, 0] as const) };
    if (uid > writer.header.lastUid) {
      insertInPlace(tx, box, writer, uid, place, message);
      return uid;
    }
    const added = appendMessage(tx, box, message, flags, { box, uid, blobPlace: place });
    if (hot) writer.expunge([{ first: uid, last: uid }], uid, Number.MAX_SAFE_INTEGER, 0, []);
    // The new file is a link to this one, which goes when that is durable.
    tx.doom(box.uniqueId, box.partition, uid, tx.now);
    return added;
  },
};

function insertInPlace(
  tx: Tx,
  box: MessageBox,
  writer: MailboxWriter,
  uid: number,
  blobPlace: number,
  message: ReturnType<typeof incomingMessage>["message"],
): void {
  const modseq = tx.nextModseq(writer.header);
  const { cache, content: _content, ...known } = message;
  const cold: ColdRow = {
    ...known,
    uid,
    saveDate: tx.now,
    createdModseq: modseq,
    cid: "0000000000000000",
    cacheOffset: 0,
    cacheLength: 0,
    cacheCrc: 0,
    cacheGeneration: 0,
    blobPlace,
  };
  addCache(tx, box, writer, cold, cache);
  writer.header.lastAppend = tx.now;
  writer.insert({ uid, flags: 0, modseq, lastUpdated: tx.now, user: [0, 0, 0, 0] }, cold);
  insertGuid(tx, writer, cold);
}

/** Has the header file in the mailbox's directory written anew. */
export const rewriteHeaderFile: Verb<{ readonly box: UniqueId }, void> = {
  name: "maintenance.rewrite-header-file",
  run(context, { box }) {
    requireAdmin(context);
    context.tx.headerFileDue(boxOf(context, box).mbox);
  },
};
