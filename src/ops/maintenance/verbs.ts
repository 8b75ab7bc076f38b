/** The verbs of this folder. Their names go over the socket, so they stay. */
import { fixAnnotationUse } from "./annotation-use.ts";
import { archiveMessages } from "./archive.ts";
import {
  dropUnusedFlags,
  expireMessages,
  removeDeleted,
  removeExpunged,
  removeReserved,
  removeStaleTombstones,
} from "./expire.ts";
import { fixQuota } from "./fix-quota.ts";
import {
  adoptMailbox,
  removeStaleGuids,
  restoreEntries,
  restoreOwners,
  restoreParents,
  restoreQuotas,
  restoreRows,
} from "./reconstruct/adopt.ts";
import { recount } from "./reconstruct/recount.ts";
import {
  adoptFile,
  expungeMissing,
  newCacheGeneration,
  putRows,
  relink,
  rewriteHeaderFile,
  setPlace,
} from "./reconstruct/rows.ts";
import { salvageBlocks } from "./reconstruct/salvage.ts";

export const maintenanceVerbs = {
  "maintenance.adopt-file": adoptFile,
  "maintenance.archive-messages": archiveMessages,
  "maintenance.adopt-mailbox": adoptMailbox,
  "maintenance.expunge-missing": expungeMissing,
  "maintenance.new-cache-generation": newCacheGeneration,
  "maintenance.put-rows": putRows,
  "maintenance.recount": recount,
  "maintenance.relink": relink,
  "maintenance.remove-stale-guids": removeStaleGuids,
  "maintenance.restore-entries": restoreEntries,
  "maintenance.restore-owners": restoreOwners,
  "maintenance.restore-parents": restoreParents,
  "maintenance.restore-quotas": restoreQuotas,
  "maintenance.restore-rows": restoreRows,
  "maintenance.rewrite-header-file": rewriteHeaderFile,
  "maintenance.set-place": setPlace,
  "maintenance.salvage-blocks": salvageBlocks,
  "maintenance.drop-unused-flags": dropUnusedFlags,
  "maintenance.expire-messages": expireMessages,
  "maintenance.fix-annotation-use": fixAnnotationUse,
  "maintenance.fix-quota": fixQuota,
  "maintenance.remove-deleted": removeDeleted,
  "maintenance.remove-expunged": removeExpunged,
  "maintenance.remove-reserved": removeReserved,
  "maintenance.remove-stale-tombstones": removeStaleTombstones,
};
