/** Places and formats of databases. The formats are Cyrus's own; see each state. */
import { listed, string, toggle } from "./define.ts";

export const databasesOptions = {
  annotation_db: listed(["skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of annotations databases",
  }),
  annotation_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db"],
    help: "Global annotations db file; else configdirectory/annotations.db",
  }),
  backup_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "backup"],
    help: "Backend format of backups.db",
  }),
  backup_db_path: string(undefined, {
    since: "3.0.0",
    areas: ["db", "backup"],
    help: "backups.db file; else configdirectory/backups.db",
  }),
  conversations_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "skiplist", {
    since: "3.1.6",
    areas: ["db", "conversations"],
    help: "Backend format of user conversations databases",
  }),
  duplicate_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "lmtp"],
    help: "Backend format of deliver.db",
  }),
  duplicate_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db", "lmtp"],
    help: "Duplicate-suppression db file; else configdirectory/deliver.db",
  }),
  improved_mboxlist_sort: toggle(false, {
    since: "2.3.17",
    areas: ["db"],
    help: "Separator-aware sort of mailbox names (dump/reload needed)",
  }),
  mboxkey_db: listed(["skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of user .mboxkey (URLAUTH keys)",
  }),
  mboxlist_db: listed(["flat", "skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of mailboxes.db",
  }),
  mboxlist_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db"],
    help: "mailboxes.db file; else configdirectory/mailboxes.db",
  }),
  mboxname_lockpath: string(undefined, {
    since: "2.4.0",
    areas: ["db"],
    help: "Directory of mailbox name locks; else configdirectory/lock",
  }),
  ptscache_db: listed(["skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "ptloader"],
    help: "Backend format of ptscache.db",
  }),
  ptscache_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db", "ptloader"],
    help: "PTS cache file; real default configdirectory/ptclient/ptscache.db (manual says configdirectory/ptscache.db)",
  }),
  quota_db: listed(["flat", "skiplist", "sql", "quotalegacy", "twoskip", "zeroskip"], "quotalegacy", {
    since: "3.1.6",
    areas: ["db", "quota"],
    help: "Backend format of quota storage",
  }),
  quota_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db", "quota"],
    help: "quotas.db file, or base dir for quotalegacy",
  }),
  reverseacls: toggle(false, {
    since: "3.0.0",
    areas: ["db", "acl"],
    help: "Keep per-user reverse ACL rows in mailboxes.db (applied by ctl_cyrusdb -r)",
  }),
  reverseuniqueids: toggle(true, {
    since: "3.6.0",
    areas: ["db"],
    help: "No effect (always on since 3.6)",
    deprecated: { since: "3.6.0" },
  }),
  search_indexed_db: listed(["flat", "skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "search"],
    help: "Backend format of indexed-uid state",
  }),
  seenstate_db: listed(["flat", "skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of user .seen",
  }),
  skiplist_always_checkpoint: toggle(true, { since: "2.3.17", areas: ["db"], help: "Checkpoint skiplist on recovery" }),
  skiplist_unsafe: toggle(false, { since: "2.3.17", areas: ["db"], help: "Skip fsync (dangerous)" }),
  sortcache_db: listed(["skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "imap"],
    help: "Backend format of sort cache",
  }),
  sql_database: string(undefined, { since: "2.3.17", areas: ["db"], help: "SQL database name" }),
  sql_engine: listed(["mysql", "pgsql", "sqlite"], undefined, { since: "2.3.17", areas: ["db"], help: "SQL engine" }),
  sql_hostnames: string("", { since: "2.3.17", areas: ["db"], help: "Comma-separated host[:port]" }),
  sql_passwd: string(undefined, { since: "2.3.17", areas: ["db"], help: "SQL password" }),
  sql_user: string(undefined, { since: "2.3.17", areas: ["db"], help: "SQL user" }),
  sql_usessl: toggle(false, { since: "2.3.17", areas: ["db"], help: "Encrypt SQL connection" }),
  statuscache_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of statuscache.db",
  }),
  statuscache_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db"],
    help: "Status cache file; else configdirectory/statuscache.db",
  }),
  subscription_db: listed(["flat", "skiplist", "twoskip", "zeroskip"], "flat", {
    since: "3.1.6",
    areas: ["db"],
    help: "Backend format of user .sub",
  }),
  sync_cache_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.3.1",
    areas: ["db", "sync"],
    help: "Backend format of replication cache",
  }),
  sync_cache_db_path: string(undefined, {
    since: "3.3.1",
    areas: ["db", "sync"],
    help: "Replication cache file, one per channel",
  }),
  userdeny_db: listed(["flat", "skiplist", "sql", "twoskip", "zeroskip"], "flat", {
    since: "3.1.6",
    areas: ["db", "auth"],
    help: "Backend format of user_deny.db",
  }),
  userdeny_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db", "auth"],
    help: "Deny list; else configdirectory/user_deny.db",
  }),
  zoneinfo_db: listed(["flat", "skiplist", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["db", "http"],
    help: "Backend format of zoneinfo.db",
  }),
  zoneinfo_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["db", "http"],
    help: "Zoneinfo db; else configdirectory/zoneinfo.db",
  }),
};
