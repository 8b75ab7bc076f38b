/**
 * The verb of `cyr_expire -A`. The program has put durable copies of messages below the archive partition's `stage.`; here the rows change, the copies are
 * called for in their places, and the files in the spool are given up, to be removed when that is done. A crash leaves the message in one place or the other.
 */
import type { UniqueId } from "../../formats/ids.ts";
import { archiveRoot, BlobPlace, type ColdRow, Flag, type HotRow, spoolOnly } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import type { Verb } from "../verb.ts";
import { boxOf, isDoomed, isPending, requireAdmin } from "./verb.ts";

export interface ArchivedMessage {
  readonly uid: number;
  /** Hex. */
  readonly guid: string;
  /** Name of the copy. */
  readonly staged: string;
}

export interface ArchiveArgs {
  readonly box: UniqueId;
  /** In whose archive the copies are. */
  readonly partition: string;
  /** At most a few hundred. */
  readonly messages: readonly ArchivedMessage[];
}

/** @returns the uids that were archived; the copies of the others may go */
export const archiveMessages: Verb<ArchiveArgs, number[]> = {
  name: "maintenance.archive-messages",
  run(context, { box: id, partition, messages }) {
    requireAdmin(context);
    const { tx } = context;
    const box = boxOf(context, id);
    if (!tx.settings.partitions.has(archiveRoot(partition))) refuse("badPartition", partition);
    if (box.partition !== partition) return [];
    const writer = tx.mailbox(box.mbox);
    const done: number[] = [];
    for (const { uid, guid, staged } of messages) {
      const hot = writer.hotRow(uid);
      const cold = writer.coldRow(uid);
      if (!hot || !cold || !isInSpool(hot, cold) || Buffer.from(cold.guid).toString("hex") !== guid) continue;
      if (isPending(tx, box, uid) || isDoomed(tx, box, uid)) continue;
      writer.moveBlob(uid, BlobPlace.archive);
      tx.addPending({
        mbox: box.mbox,
        uid,
        uniqueId: box.uniqueId,
        partition: tx.placeOf(box, BlobPlace.archive),
        sizeOctets: cold.sizeOctets,
        guid: Buffer.from(guid, "hex"),
        source: { staged, root: archiveRoot(partition) },
        octets: undefined,
        cache: undefined,
        cacheOffset: 0,
        cacheGeneration: 0,
      });
      tx.doom(box.uniqueId, spoolOnly(partition), uid, tx.now);
      const known = { mailbox: box.name, uniqueid: box.uniqueId, uid, guid, cid: cold.cid };
      context.audit("archive", { ...known, sysflags: sysflags(hot.flags | Flag.archived) });
      done.push(uid);
    }
    return done;
  },
};

/** Cyrus's letters in audit lines, in its order. */
const FLAG_LETTERS = [
  ["AN", Flag.answered],
  ["FL", Flag.flagged],
  ["DE", Flag.deleted],
  ["DR", Flag.draft],
  ["SE", Flag.seen],
  ["SN", Flag.snoozed],
  ["SP", Flag.splitConversation],
  ["NC", Flag.needsCleanup],
  ["AR", Flag.archived],
  ["UN", Flag.unlinked],
  ["EX", Flag.expunged],
] as const;

function sysflags(flags: number): string {
  return FLAG_LETTERS.filter(([, flag]) => flags & flag)
    .map(([letters]) => letters)
    .join("|");
}

/** Whether there is a file to archive. */
export function isInSpool({ flags }: Pick<HotRow, "flags">, { blobPlace }: Pick<ColdRow, "blobPlace">): boolean {
  return blobPlace === BlobPlace.spool && (flags & Flag.unlinked) === 0;
}
