/** The verbs of this folder. Their names go over the socket, so they stay. */
import {
  dropUnusedFlags,
  expireMessages,
  removeDeleted,
  removeExpunged,
  removeReserved,
  removeStaleTombstones,
} from "./expire.ts";
import { fixQuota } from "./fix-quota.ts";

export const maintenanceVerbs = {
  "maintenance.drop-unused-flags": dropUnusedFlags,
  "maintenance.expire-messages": expireMessages,
  "maintenance.fix-quota": fixQuota,
  "maintenance.remove-deleted": removeDeleted,
  "maintenance.remove-expunged": removeExpunged,
  "maintenance.remove-reserved": removeReserved,
  "maintenance.remove-stale-tombstones": removeStaleTombstones,
};
