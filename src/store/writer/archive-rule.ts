/** Which messages belong in the archive partition: at delivery, and when `cyr_expire -A` looks at them again. */
import type { MboxName } from "../../formats/ids.ts";
import { archiveRoot, BlobPlace, type Roots } from "../blobs/places.ts";
import type { ListEntry } from "../list-entry.ts";

export interface ArchiveRule {
  /** `archive_after`. */
  readonly afterSeconds: number;
  /** `archive_maxsize`: from this size on messages are archived, whatever else is true of them. */
  readonly maxOctets: number;
  /** `archive_keepflagged`. */
  readonly keepFlagged: boolean;
}

/** What decides. */
export interface ArchiveCandidate {
  readonly sizeOctets: number;
  /** Epoch seconds. */
  readonly internalDate: number;
  readonly isFlagged: boolean;
}

/** @param cutoff epoch seconds: what arrived before is old */
export function belongsInArchive(
  rule: ArchiveRule,
  box: Pick<ListEntry, "name" | "type">,
  deletedPrefix: string,
  { sizeOctets, internalDate, isFlagged }: ArchiveCandidate,
  cutoff: number,
): boolean {
  if (sizeOctets >= rule.maxOctets) return true;
  if (isDeleted(box.name, deletedPrefix)) return true;
  // Small, and needed at once when a client asks (Cyrus 3.6 keeps them, too).
  if (box.type[0] === "a" || box.type[0] === "c") return false;
  if (rule.keepFlagged && isFlagged) return false;
  return internalDate < cutoff;
}

function isDeleted(name: MboxName, deletedPrefix: string): boolean {
  return name.startsWith(`${deletedPrefix}.`, name.indexOf("!") + 1);
}

/** `blobPlace` of a message that comes in. */
export function placeOfNew(
  settings: {
    readonly partitions: Roots;
    readonly archive?: ArchiveRule | undefined;
    readonly deletedPrefix: string;
  },
  box: Pick<ListEntry, "name" | "type" | "partition">,
  candidate: ArchiveCandidate,
  now: number,
): number {
  const { archive, partitions, deletedPrefix } = settings;
  if (!archive || !partitions.has(archiveRoot(box.partition))) return BlobPlace.spool;
  const isArchived = belongsInArchive(archive, box, deletedPrefix, candidate, now - archive.afterSeconds);
  return isArchived ? BlobPlace.archive : BlobPlace.spool;
}

/** `blobPlace` of a copy. What has been archived is not brought back by it; the rest is looked at when its time has come. */
export function placeOfCopy(partitions: Roots, partition: string, sourcePlace: number): number {
  return sourcePlace !== BlobPlace.spool && partitions.has(archiveRoot(partition)) ? sourcePlace : BlobPlace.spool;
}
