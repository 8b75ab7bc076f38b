/** What must hold before a program touches mail data. */
import type { Config } from "./config.ts";
import { ConfigError } from "./error.ts";

/**
 * The partition of new mailboxes exists, or at least one partition does; a frontend of a murder needs none. Paths are
 * absolute, and there may be so many shards. Programs that need mail data call this once after loading.
 * @throws ConfigError, exit code 78
 */
export function requireMailStore(config: Config): void {
  requireAbsolutePaths(config);
  requireShards(config);
  const { defaultpartition, partitions, file } = config;
  if (defaultpartition !== undefined ? partitions.has(defaultpartition) : partitions.size > 0) return;
  if (defaultpartition === undefined && isFrontend(config)) return;
  const name = defaultpartition ?? "default";
  throw new ConfigError({
    text: `partition-${name} option not specified in configuration file`,
    ...(config.origin("defaultpartition") ?? { file }),
    hint: `add a line such as: partition-${name}: /var/spool/cyrus/mail`,
  });
}

/** Each is a process, and each reader has a connection to each. */
export const MAX_SHARDS = 16;

function requireShards(config: Config): void {
  const { store_shards: shards } = config;
  if (shards >= 1 && shards <= MAX_SHARDS) return;
  throw new ConfigError({
    text: `store_shards must be 1 to ${MAX_SHARDS}, not ${shards}`,
    ...(config.origin("store_shards") ?? { file: config.file }),
    hint: "one for every two or three cores is plenty; it cannot be changed once the store is made",
  });
}

/** A machine that keeps no mail: in a murder of the standard kind, with nobody allowed to proxy to it. */
export function isFrontend(config: Config): boolean {
  return (
    config.mupdate_server !== undefined && config.mupdate_config === "standard" && config.proxyservers === undefined
  );
}

const pathOptions = [
  "annotation_db_path",
  "backup_db_path",
  "backup_staging_path",
  "configdirectory",
  "duplicate_db_path",
  "idlesocket",
  "lmtpsocket",
  "mboxlist_db_path",
  "mboxname_lockpath",
  "newsrc_db_path",
  "notifysocket",
  "proc_path",
  "prometheus_stats_dir",
  "ptloader_sock",
  "ptscache_db_path",
  "quota_db_path",
  "sievedir",
  "statuscache_db_path",
  "sync_cache_db_path",
  "temp_path",
  "tls_sessions_db_path",
  "userdeny_db_path",
  "zoneinfo_db_path",
] as const;

/** Every directory, database and socket is named from the root, and proc_path is not the root. @throws ConfigError */
export function requireAbsolutePaths(config: Config): void {
  for (const name of pathOptions) requireAbsolute(config, name, config[name]);
  for (const { name, path, metaPath, archivePath, searchPaths } of config.partitions.values()) {
    requirePartitionName(config, name);
    requireAbsolute(config, `partition-${name}`, path);
    requireAbsolute(config, `metapartition-${name}`, metaPath);
    requireAbsolute(config, `archivepartition-${name}`, archivePath);
    for (const [tier, searchPath] of searchPaths) {
      requireAbsolute(config, `${tier}searchpartition-${name}`, searchPath);
    }
  }
  for (const [name, path] of config.backupPartitions) requireAbsolute(config, `backuppartition-${name}`, path);
  if (config.proc_path !== undefined && /^\/+$/.test(config.proc_path)) {
    throw new ConfigError({
      text: "proc_path must not be '/'",
      ...(config.origin("proc_path") ?? { file: config.file }),
      hint: "name a directory of its own, such as /run/cyrus/proc",
    });
  }
}

/** What the store puts before and behind it must be told from it. */
function requirePartitionName(config: Config, name: string): void {
  if (!/[/:]/.test(name)) return;
  throw new ConfigError({
    text: `'${name}' cannot be the name of a partition`,
    ...(config.origin(`partition-${name}`) ?? { file: config.file }),
    hint: "names of partitions have letters and digits, and no / or :",
  });
}

function requireAbsolute(config: Config, name: string, path: string | undefined): void {
  if (path === undefined || path.startsWith("/")) return;
  throw new ConfigError({
    text: `${name} must be an absolute path`,
    ...(config.origin(name) ?? { file: config.file }),
    hint: `'${path}' does not begin with /`,
  });
}
