/**
 * Where messages lie. A *place* is how rows of `pending` and `doomed` name it: a partition, `PARTITION/archive` for its archive partition, and, for
 * mailboxes with legacy directories (type letter l), `:DIRECTORY` behind that. Rows of `pending` are carried out in order and again after a crash, so
 * they say the directory as it was when they were written; nobody has to know then what a mailbox was called.
 *
 *     default            PARTITION/uuid/X/Y/UNIQUEID
 *     default/archive    ARCHIVEPARTITION/uuid/X/Y/UNIQUEID
 *     default:user/fred  PARTITION/user/fred
 *
 * *Roots* are directories by name: partitions, and what belongs to them, as far as the configuration gives it a directory of its own.
 */
import { join } from "node:path";
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { type LegacyHashing, legacyDirectory, noHashing } from "./legacy-directory.ts";
import { mailboxDirectory } from "./paths.ts";

export type Roots = ReadonlyMap<string, string>;

/** Values of a cold row's `blobPlace`. */
export const BlobPlace = { spool: 0, archive: 1 } as const;

const ARCHIVE = "/archive";
const SPOOL = "/spool";
const CACHE = "/cache";
const HEADER = "/header";

/** Names of the roots that may belong to a partition. */
export const archiveRoot = (partition: string): string => partition + ARCHIVE;
export const cacheRoot = (partition: string): string => partition + CACHE;
export const headerRoot = (partition: string): string => partition + HEADER;
/** In table `doomed`: only the file in the spool goes, while a bare partition means all that there is of a message. */
export const spoolOnly = (partition: string): string => partition + SPOOL;

/** What decides where a mailbox's messages lie. */
export interface PlacedMailbox {
  readonly name: MboxName;
  readonly type: string;
  readonly partition: string;
}

export const hasLegacyDirectory = ({ type }: Pick<PlacedMailbox, "type">): boolean => type.includes("l", 1);

/** The place of a message of that mailbox. */
export function placeOf(mailbox: PlacedMailbox, blobPlace: number, hashing: LegacyHashing = noHashing): string {
  const root = blobPlace === BlobPlace.archive ? mailbox.partition + ARCHIVE : mailbox.partition;
  if (!hasLegacyDirectory(mailbox)) return root;
  const directory = legacyDirectory(mailbox.name, hashing);
  return directory === undefined ? root : `${root}:${directory}`;
}

/** `default` of `default/archive:user/fred`. */
export function partitionOf(place: string): string {
  const end = place.search(/[/:]/);
  return end < 0 ? place : place.slice(0, end);
}

export function rootNameOf(place: string): string {
  const end = place.indexOf(":");
  return end < 0 ? place : place.slice(0, end);
}

export const isArchive = (place: string): boolean => rootNameOf(place).endsWith(ARCHIVE);

/** The legacy directory, below the root; undefined: the mailbox's own, by its identity. */
export function directoryOf(place: string): string | undefined {
  const end = place.indexOf(":");
  return end < 0 ? undefined : place.slice(end + 1);
}

/** The same place in the archive of its partition, or out of it. */
export function withBlobPlace(place: string, blobPlace: number): string {
  const directory = directoryOf(place);
  const root = blobPlace === BlobPlace.archive ? partitionOf(place) + ARCHIVE : partitionOf(place);
  return directory === undefined ? root : `${root}:${directory}`;
}

/**
 * A root's directory. What has none of its own is in the partition's.
 * @throws Error for a partition that is not in the configuration
 */
export function rootPath(roots: Roots, name: string): string {
  const root = roots.get(name) ?? roots.get(partitionOf(name));
  if (root === undefined) throw new Error(`partition-${name} is not in the configuration, but has messages`);
  return root;
}

/** The key of `roots` whose directory a name means: for descriptors and syncs. */
export const effectiveRoot = (roots: Roots, name: string): string => (roots.has(name) ? name : partitionOf(name));

/** The directory of a mailbox's message files. @throws Error as rootPath, and on what must not be part of a path */
export function messageDirectory(roots: Roots, place: string, uniqueId: UniqueId): string {
  const end = place.indexOf(":");
  if (end < 0) return mailboxDirectory(roots.get(place) ?? rootPath(roots, place), uniqueId);
  return join(rootPath(roots, place.slice(0, end)), place.slice(end + 1));
}
