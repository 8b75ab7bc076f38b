/** Backup server. */
import { duration, int, renamed, string, toggle } from "./define.ts";

export const backupOptions = {
  backup_compact_maxsize: int(0, {
    since: "3.0.0",
    areas: ["backup"],
    help: "KiB; chunks above this get split; <=0 off",
  }),
  backup_compact_minsize: int(0, {
    since: "3.0.0",
    areas: ["backup"],
    help: "KiB; adjacent chunks below this get merged; <=0 off",
  }),
  backup_compact_work_threshold: int(1, {
    since: "3.0.0",
    areas: ["backup"],
    help: "Chunks needing work before compaction proceeds (min 1)",
  }),
  backup_keep_previous: toggle(false, {
    since: "3.0.0",
    areas: ["backup"],
    help: "Keep pre-compact/reindex copy with timestamp suffix",
  }),
  backup_retention: duration("7d", "d", {
    since: "3.1.0",
    areas: ["backup"],
    help: "How long deleted content stays in backups; <=0 forever",
  }),
  backup_retention_days: renamed(
    "backup_retention",
    "3.1.8",
    duration(undefined, "d", { since: "3.1.8", areas: ["backup"], help: "Old name of backup_retention" }),
  ),
  backup_staging_path: string(undefined, {
    since: "3.0.0",
    areas: ["backup"],
    help: "Staging dir; else temp_path/backup",
  }),
  restore_authname: string(undefined, { since: "3.0.0", areas: ["backup"], help: "Authname of restore tool" }),
  restore_password: string(undefined, { since: "3.0.0", areas: ["backup"], help: "Password of restore tool" }),
  restore_realm: string(undefined, { since: "3.0.0", areas: ["backup"], help: "Realm of restore tool" }),
};
