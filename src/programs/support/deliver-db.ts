/** Looking at a deliver.db, whichever program wrote it, without changing what is there. */
import { closeSync, copyFileSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Log } from "../../base/log.ts";
import { isTwoskip } from "../../formats/twoskip/index.ts";
import { listDuplicates } from "../../ops/delivery/index.ts";

/** Enough for either signature. */
const HEAD_OCTETS = 64;
const SQLITE_SIGNATURE = "SQLite format 3\0";
/** "dlvr", which a deliver.db of ours has as its application_id. */
const APPLICATION_ID = 0x646c7672;

/**
 * All that it remembers, in order of ids; nothing when there is no file, or an empty one. A worker sets aside what it finds
 * in the place of its deliver.db; who only wants to look must not, for the file may be anything, and in use.
 * @throws Error when it cannot be read, or is something else
 */
export function readDeliveries(path: string, log: Log): ReturnType<typeof listDuplicates> {
  const head = headOf(path);
  if (head.length === 0) return [];
  if (isTwoskip(head)) return listCopy(path, log);
  if (!head.toString("latin1").startsWith(SQLITE_SIGNATURE)) throw new Error(`${path} is no deliver.db`);
  return isOurs(path) ? listDuplicates(path, log) : [];
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(HEAD_OCTETS);
  // existsSync would take a directory that we may not search for a file that is not there.
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return head.subarray(0, 0);
  // Reading from a pipe would wait for ever.
  if (!stat.isFile()) throw new Error(`${path} is no file`);
  const fd = openSync(path, "r");
  try {
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

/** @returns false for one that somebody is just making @throws Error for a database of something else */
function isOurs(path: string): boolean {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const id = db.prepare("PRAGMA application_id").get()?.["application_id"];
    if (id === APPLICATION_ID) return true;
    if (id === 0 && db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined) return false;
    throw new Error(`${path} is a database of something else, not a deliver.db`);
  } finally {
    db.close();
  }
}

/** What is listed from a file of Cyrus's is taken over into a new one: here that happens to a copy. */
function listCopy(path: string, log: Log): ReturnType<typeof listDuplicates> {
  const directory = mkdtempSync(join(tmpdir(), "ctl_deliver-"));
  try {
    const copy = join(directory, "deliver.db");
    copyFileSync(path, copy);
    return listDuplicates(copy, log);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
