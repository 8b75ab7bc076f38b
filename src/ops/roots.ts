/** What imapd.conf says about where messages lie, in the store's words. */
import type { Config } from "../config/config.ts";
import {
  type ArchiveRule,
  archiveRoot,
  cacheRoot,
  headerRoot,
  type LegacyHashing,
  type Roots,
} from "../store/index.ts";

/**
 * Partition name to directory, and the directories of what belongs to partitions. Archives are there also when `archive_enabled` is off, so that what they
 * have can be read.
 */
export function partitionRoots(config: Pick<Config, "partitions" | "archive_enabled" | "metapartition_files">): Roots {
  const roots = new Map<string, string>();
  const meta: ReadonlySet<string> = new Set(config.metapartition_files);
  for (const [name, { path, archivePath, metaPath }] of config.partitions) {
    roots.set(name, path);
    if (archivePath !== undefined) roots.set(archiveRoot(name), archivePath);
    if (metaPath !== undefined && meta.has("cache")) roots.set(cacheRoot(name), metaPath);
    if (metaPath !== undefined && meta.has("header")) roots.set(headerRoot(name), metaPath);
  }
  return roots;
}

export function legacyHashing(config: Pick<Config, "hashimapspool" | "fulldirhash">): LegacyHashing {
  return { spool: config.hashimapspool, full: config.fulldirhash };
}

/** undefined: nothing is archived. */
export function archiveRule(
  config: Pick<Config, "archive_enabled" | "archive_after" | "archive_maxsize" | "archive_keepflagged">,
): ArchiveRule | undefined {
  if (!config.archive_enabled) return undefined;
  return {
    afterSeconds: config.archive_after,
    maxOctets: config.archive_maxsize * 1024,
    keepFlagged: config.archive_keepflagged,
  };
}
