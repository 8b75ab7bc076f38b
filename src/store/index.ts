export { readHeaderFile, type HeaderFile } from "./blobs/header-file.ts";
export { type LegacyHashing, legacyDirectory } from "./blobs/legacy-directory.ts";
export {
  cachePath,
  mailboxDirectory,
  messagePath,
  messageUid,
  STAGED_LINK,
  stageDirectory,
  stagePath,
} from "./blobs/paths.ts";
export {
  archiveRoot,
  BlobPlace,
  cacheRoot,
  hasLegacyDirectory,
  headerRoot,
  messageDirectory,
  partitionOf,
  placeOf,
  rootPath,
  type Roots,
  spoolOnly,
} from "./blobs/places.ts";
export { type MessageLocation, MessageMissing, MessageReader, type OpenMessage } from "./blobs/message-reader.ts";
export { CacheMemory } from "./cache/cache-memory.ts";
export { CacheReader } from "./cache/cache-reader.ts";
export { SchemaError, ShardsError } from "./database.ts";
export { Claims } from "./ipc/claims.ts";
export { type ChangeListener, ClaimRefused, type HeldClaim, StoreClient } from "./ipc/client.ts";
export { WriterServer } from "./ipc/server.ts";
export { childRange, keyBefore, keyOf, LAST_KEY, type NameKey, nameOf, ownerOf } from "./keys.ts";
export {
  type FormerName,
  identifiersOf,
  isIntermediate,
  isReserved,
  isTombstone,
  type ListEntry,
} from "./list-entry.ts";
export type { MailboxHeader } from "./mailbox-header.ts";
export type { QuotaRow } from "./quota-row.ts";
export type { Snapshot } from "./reader/snapshot.ts";
export { openStore, StoreReader, type StoreView } from "./reader/store-reader.ts";
export { UidMap, UidMapBuilder } from "./reader/uid-map.ts";
export { type CachePlace, COLD_SPAN, ColdBlock, type ColdRow } from "./records/cold.ts";
export {
  BlockError,
  Flag,
  HOT_ROW,
  HOT_SPAN,
  HotBlock,
  type HotRow,
  MAX_USER_FLAGS,
  SYSTEM_FLAGS,
} from "./records/hot.ts";
export {
  databasePath,
  isAboveOwners,
  oneShard,
  SHARED_SHARD,
  type ShardLayout,
  shardOfMbox,
  shardOfName,
  shardOfOwner,
} from "./shards.ts";
export * from "./user-rows.ts";
export {
  type AppendFlags,
  appendMessage,
  type EarlierCopy,
  copyMessage,
  type IncomingMessage,
  type MessageBox,
  userFlagBits,
} from "./writer/append.ts";
export { type ArchiveRule, belongsInArchive } from "./writer/archive-rule.ts";
export { directoryFollows, enterLegacyDirectory, leaveLegacyDirectory } from "./writer/legacy-moves.ts";
export type { Changes } from "./writer/changes.ts";
export type { VerbFunction, WriteRequest } from "./writer/group.ts";
export { beginHidden, showHidden } from "./writer/hidden.ts";
export type { FlagChange, MailboxWriter } from "./writer/mailbox-writer.ts";
export type { IntentHandler, RecoveryReport } from "./writer/recovery.ts";
export { destroyMailbox, type Remains, removeRows, requireNoRemains } from "./writer/remains.ts";
export { type Answer, type Asking, keepAnswers, keptAnswer, type RefusalData } from "./writer/replies.ts";
export { StoreWriter, type StoreWriterOptions, WriterRunning } from "./writer/store-writer.ts";
export type { OwnerRow } from "./writer/owners.ts";
export { Busy, type ForeignShard, type NewMailbox, type StoreSettings, Tx } from "./writer/tx.ts";
export { ShardClosed } from "./reader/sharded-snapshot.ts";
export { ShardAway } from "./shard-guard.ts";
