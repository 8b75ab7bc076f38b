/** Partitions, message files, expiry, conversations. */
import { duration, int, listed, oneOf, renamed, setOf, string, toggle } from "./define.ts";

export const storageOptions = {
  archive_after: duration("7d", "d", {
    since: "3.1.8",
    areas: ["storage", "expunge"],
    help: "Age at which messages are archived",
  }),
  archive_days: renamed(
    "archive_after",
    "3.1.8",
    duration(undefined, "d", { since: "3.1.8", areas: ["storage"], help: "Old name of archive_after" }),
  ),
  archive_enabled: toggle(false, {
    since: "3.0.0",
    areas: ["storage", "expunge"],
    help: "Move older mail to archive partitions (run by cyr_expire -A)",
  }),
  archive_keepflagged: toggle(false, {
    since: "3.0.0",
    areas: ["storage"],
    help: "Keep \\Flagged messages on main spool (unless oversized)",
  }),
  archive_maxsize: int(1024, { since: "3.0.0", areas: ["storage"], help: "KiB; larger messages are archived at once" }),
  caringo_hostname: string(undefined, { since: "3.0.0", areas: ["storage"], help: "Caringo host" }),
  caringo_port: int(80, { since: "3.0.0", areas: ["storage"], help: "Caringo port" }),
  conversations: toggle(false, {
    since: "3.0.0",
    areas: ["conversations"],
    help: "Maintain per-user conversation (thread/GUID) databases",
  }),
  conversations_counted_flags: string(undefined, {
    since: "3.0.0",
    areas: ["conversations"],
    help: "Flags with per-conversation counters (rebuild if changed)",
  }),
  conversations_expire_after: duration("90d", "d", {
    since: "3.1.8",
    areas: ["conversations", "expunge"],
    help: "How long message-id tracking info is kept",
  }),
  conversations_expire_days: renamed(
    "conversations_expire_after",
    "3.1.8",
    duration(undefined, "d", {
      since: "3.1.8",
      areas: ["conversations"],
      help: "Old name of conversations_expire_after",
    }),
  ),
  conversations_keep_existing: toggle(true, {
    since: "3.3.0",
    areas: ["conversations"],
    help: "Keep entries whose conversation still has emails",
  }),
  conversations_max_guidexists: int(100, {
    since: "3.3.0",
    areas: ["conversations"],
    help: "Cap of live copies (labels) per GUID",
  }),
  conversations_max_guidinfolder: int(10, {
    since: "3.3.0",
    areas: ["conversations"],
    help: "Cap of copies per GUID in one folder",
  }),
  conversations_max_guidrecords: int(5000, {
    since: "3.3.0",
    areas: ["conversations"],
    help: "Sanity cap of records per GUID",
  }),
  conversations_max_thread: int(100, {
    since: "3.1.1",
    areas: ["conversations"],
    help: "Split thread beyond this many messages",
  }),
  defaultpartition: string(undefined, {
    since: "2.3.17",
    areas: ["storage"],
    help: "Partition for new mailboxes; must be alphanumeric; else free-space choice",
  }),
  delete_mode: oneOf(["immediate", "delayed"], "delayed", {
    since: "2.5.0",
    areas: ["expunge"],
    help: "Delayed = rename under deletedprefix; immediate = remove",
  }),
  deletedprefix: string("DELETED", {
    since: "2.3.17",
    areas: ["expunge"],
    help: "Hierarchy name where delayed-delete mailboxes go",
  }),
  expunge_mode: oneOf(["immediate", "semidelayed", "delayed"], "delayed", {
    since: "3.1.1",
    areas: ["expunge"],
    help: "When files/index records are physically removed",
  }),
  fulldirhash: toggle(false, {
    since: "2.3.17",
    areas: ["storage"],
    help: "Hash user dirs on whole name (23 letters) not first letter",
  }),
  hashimapspool: toggle(false, {
    since: "2.3.17",
    areas: ["storage"],
    help: "Hash partition directories too (legacy by-name layout)",
  }),
  mailbox_default_options: int(0, {
    since: "2.3.17",
    areas: ["storage"],
    help: "Initial option bits of new mailboxes",
  }),
  mailbox_initial_flags: string(undefined, {
    since: "2.5.0",
    areas: ["storage"],
    help: "User flags preset in new mailboxes",
  }),
  mailbox_legacy_dirs: toggle(false, {
    since: "3.6.0",
    areas: ["storage"],
    help: "New top-level mailboxes use by-name directories",
  }),
  metapartition_files: setOf(
    ["header", "index", "cache", "expunge", "squat", "annotations", "lock", "dav", "archivecache"],
    [],
    { since: "3.0.0", areas: ["storage"], help: "Which metadata files live on metapartitions" },
  ),
  object_storage_dummy_spool: string(undefined, {
    since: "3.0.0",
    areas: ["storage"],
    help: "Test object store directory",
  }),
  object_storage_enabled: toggle(false, {
    since: "3.0.0",
    areas: ["storage"],
    help: "Store archived mail in object store",
  }),
  openio_account: string(undefined, { since: "3.0.0", areas: ["storage"], help: "OpenIO account" }),
  openio_autocreate: toggle(false, { since: "3.0.0", areas: ["storage"], help: "Autocreate containers" }),
  openio_namespace: string(undefined, { since: "3.0.0", areas: ["storage"], help: "OpenIO namespace" }),
  openio_proxy_timeout: duration("5s", "s", { since: "3.1.8", areas: ["storage"], help: "OpenIO proxy timeout" }),
  openio_rawx_timeout: duration("30s", "s", { since: "3.1.8", areas: ["storage"], help: "OpenIO RAWX timeout" }),
  openio_verbosity: string(undefined, { since: "3.0.0", areas: ["storage"], help: "OpenIO log verbosity" }),
  partition_select_exclude: string(undefined, { since: "2.5.0", areas: ["storage"], help: "Partitions never picked" }),
  partition_select_mode: listed(
    [
      "random",
      "freespace-most",
      "freespace-percent-most",
      "freespace-percent-weighted",
      "freespace-percent-weighted-delta",
    ],
    "freespace-most",
    { since: "2.5.0", areas: ["storage"], help: "How a partition is picked for new mailboxes" },
  ),
  partition_select_soft_usage_limit: int(0, {
    since: "2.5.0",
    areas: ["storage"],
    help: "Percent usage above which partition avoided",
  }),
  partition_select_usage_reinit: int(0, {
    since: "2.5.0",
    areas: ["storage"],
    help: "Operations before usage data is refreshed",
  }),
  singleinstancestore: toggle(true, {
    since: "2.3.17",
    areas: ["storage", "imap", "lmtp", "nntp"],
    help: "Hard-link identical copies within a partition",
  }),
};
