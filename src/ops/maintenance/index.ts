export { checkStore, copyDatabase } from "./check-store.ts";
export { Checkpoints, type SavedRows } from "./checkpoint/read.ts";
export { type CheckpointCounts, removeStrayRows, writeCheckpoint } from "./checkpoint/write.ts";
export { parseDuration } from "./duration.ts";
export {
  type ExpiryCounts,
  type ExpiryOptions,
  expireMailboxes,
  removeDeletedMailboxes,
  removeTombstones,
} from "./expiry-run.ts";
export { correctUse } from "./correct-use.ts";
export type { FixQuotaResult, QuotaUsed } from "./fix-quota.ts";
export { quotasAsJson, quotaTable } from "./quota-report.ts";
export { hasMessages, MaintenanceReader } from "./reader.ts";
export { Tools } from "./tools.ts";
export { MailboxCheck, type ReconstructOptions } from "./reconstruct/mailbox.ts";
export { rebuildList } from "./reconstruct/rebuild.ts";
