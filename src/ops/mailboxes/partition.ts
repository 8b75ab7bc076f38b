/**
 * Moving a mailbox to another partition. Its message files are called for in the new place, each from its file in the old one; the entry then names the
 * new partition, and the old directory goes when everything is written. Files that a cut leaves in the new place are written over by the next try.
 */
import {
  archiveRoot,
  BlobPlace,
  COLD_SPAN,
  ColdBlock,
  enterLegacyDirectory,
  Flag,
  HOT_SPAN,
  HotBlock,
  leaveLegacyDirectory,
} from "../../store/index.ts";
import { blockId } from "../../store/keys.ts";
import { auditLine } from "./audit.ts";
import type { LocalEntry, Sliced, VerbContext } from "./verb.ts";

/** Blocks of hot rows a slice goes through. */
const BLOCKS_A_SLICE = 5;
/** So long after a move in slices began the new directory is looked at: it goes when the mailbox has not come to live in it. */
const CUT_SECONDS = 3_600;

export function* movePartition(context: VerbContext, entry: LocalEntry, partition: string): Sliced<void> {
  const { tx } = context;
  const { mbox, uniqueId } = entry;
  const { lastUid, cacheGeneration } = tx.mailbox(mbox).header;
  tx.lock(mbox);
  tx.onFailure((again) => again.unlock(mbox));
  const end = blockId(mbox, lastUid, HOT_SPAN);
  const atOnce = tx.slice(BLOCKS_A_SLICE);
  let isSliced = false;
  for (let from = blockId(mbox, 0, HOT_SPAN); from <= end; ) {
    const sql = "SELECT id, rows FROM hot WHERE id>=? AND id<=? ORDER BY id LIMIT ?";
    const blocks = tx.db.all(sql, from, end, atOnce);
    for (const [id, rows] of blocks) {
      const hot = HotBlock.decode(rows as Uint8Array);
      for (let index = 0; index < hot.count; index++) {
        if (!(hot.flags(index) & Flag.unlinked)) callForFile(context, entry, hot.uid(index), partition);
      }
      from = (id as number) + 1;
    }
    if (blocks.length < atOnce) break;
    if (!isSliced) tx.doom(uniqueId, partition, 0, tx.now + CUT_SECONDS);
    isSliced = true;
    yield;
  }
  const { header } = tx.mailbox(mbox);
  // The cache file stays behind; records of another generation are made again from the messages.
  header.cacheGeneration = cacheGeneration + 1;
  header.cacheEnd = 0;
  tx.mailbox(mbox).touch();
  const folderModseq = tx.nextFolderModseq(entry.name);
  const moved = { ...entry, partition, folderModseq, mtime: tx.now };
  tx.putEntry(moved);
  enterLegacyDirectory(tx, moved);
  leaveLegacyDirectory(tx, entry);
  tx.doom(uniqueId, entry.partition, 0, tx.now);
  tx.unlock(mbox);
  const fields = {
    mailbox: entry.name,
    uniqueid: uniqueId,
    oldpart: entry.partition,
    newpart: partition,
  };
  context.audit(auditLine("partitionmove", fields));
}

function callForFile({ tx }: VerbContext, entry: LocalEntry, uid: number, partition: string): void {
  const { mbox, uniqueId } = entry;
  const row = tx.db.get("SELECT rows FROM cold WHERE id=?", blockId(mbox, uid, COLD_SPAN));
  if (!row) return;
  const block = ColdBlock.decode(row[0] as Uint8Array);
  const index = block.find(uid);
  if (index < 0) return;
  const { guid, sizeOctets, blobPlace } = block.row(index);
  const old = tx.placeOf(entry, blobPlace);
  // Also when its own row is pending: files are made in order. What that row names as its source may be gone before it is this one's turn.
  const link = { mbox, uniqueId, partition: old, uid, cacheOffset: 0, cacheLength: 0, cacheCrc: 0, cacheGeneration: 0 };
  tx.addPending({
    mbox,
    uid,
    uniqueId,
    // By identity also where directories have names: what a move that was cut leaves there is found again.
    partition: blobPlace === BlobPlace.archive ? archiveRoot(partition) : partition,
    sizeOctets,
    guid,
    source: { link },
    octets: undefined,
    cache: undefined,
    cacheOffset: 0,
    cacheGeneration: 0,
  });
}
