/** What the toy store asks of the disk beside SQLite. */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";

/** Makes the names in a directory durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Path of a message file below the root: `spool/uuid/X/Y/UNIQUEID/UID.`. */
export function messagePath(uniqueid: string, uid: number): string {
  return join("spool", "uuid", uniqueid[0]!, uniqueid[1]!, uniqueid, `${uid}.`);
}
export function sha1(octets: Uint8Array): string {
  return createHash("sha1").update(octets).digest("hex");
}

const callSyncfs = koffi.load("libc.so.6").func("int syncfs(int)") as (fd: number) => number;
/** Writes everything of the descriptor's filesystem to disk. @throws Error when the system says that it could not */
export function syncfs(fd: number): void {
  if (callSyncfs(fd) !== 0) throw new Error("syncfs failed");
}
