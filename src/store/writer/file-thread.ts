/** The thread that does FileWork beside the writer. Talks to it by messages: FileThreadInput in, FileThreadOutput out. */
import { parentPort, workerData } from "node:worker_threads";
import { createLog } from "../../base/log.ts";
import type { LegacyHashing } from "../blobs/legacy-directory.ts";
import { openReader } from "../database.ts";
import { FileWork, type Finished, STAGED_MILLISECONDS } from "./file-work.ts";
import { foreignFiles, type ForeignFilesOptions } from "./foreign-files.ts";

export interface FileThreadData extends ForeignFilesOptions {
  readonly hashing: LegacyHashing | undefined;
  readonly databasePath: string;
  readonly ident: string;
}

/**
 * `wake`: something was committed. `drain`: sync at once when all is written, and say the number. `sweep`: remove staged files that are left over.
 * `stop`: sync what is written and end.
 */
export type FileThreadInput =
  | { readonly kind: "wake" | "sweep" | "stop" }
  | { readonly kind: "drain"; readonly number: number };

export type FileThreadOutput =
  | ({ readonly kind: "finished" } & Finished)
  /** Everything that was there at the last `wake` is written; what was there at the `drain` of that number is done, and durable. */
  | { readonly kind: "idle"; readonly drained: number }
  | { readonly kind: "failing"; readonly error: string }
  | { readonly kind: "stopped" };

/**
 * Files written before they are synced. A sync writes whole blocks of inodes and directories, the same ones again and again while mail goes on coming: so
 * it waits for more as long as more comes, and no longer than makes the backlog in the database large.
 */
const SYNC_FILES = 2_000;
const SYNC_OCTETS = 16 << 20;
const SYNC_MILLISECONDS = 2_000;
/** Nothing more has come for so long. */
const QUIET_MILLISECONDS = 400;
const RETRY_MILLISECONDS = 1_000;
const BLOCKED_MILLISECONDS = 5;
/** Doomed files may have to wait for their time: look again now and then. */
const LOOK_AGAIN_MILLISECONDS = 5_000;

const { databasePath, ident, hashing, ...store } = workerData as FileThreadData;
const port = parentPort!;
const log = createLog({ ident });
const db = openReader(databasePath);
const work = new FileWork(db, store.partitions, log, foreignFiles({ ...store, hashing }), hashing);

let timer: NodeJS.Timeout | undefined;
let firstUnsynced = 0;
let lastUnsynced = 0;
/** Number of the last `drain` that was asked for, and of the last one that is done. */
let drainAsked = 0;
let drained = 0;
let stopping = false;
let failing = false;

function say(output: FileThreadOutput): void {
  port.postMessage(output);
}

function later(milliseconds: number): void {
  clearTimeout(timer);
  timer = setTimeout(run, milliseconds);
}

function syncNow(): void {
  const finished = work.sync();
  say({ kind: "finished", ...finished });
}

/** When what is written is to be synced if nothing more comes, epoch milliseconds. */
function syncDue(): number {
  return Math.min(firstUnsynced + SYNC_MILLISECONDS, lastUnsynced + QUIET_MILLISECONDS);
}

/** One turn: a portion of work, a sync when it is due, then the next turn or a rest. */
function run(): void {
  try {
    if (stopping) {
      if (work.unsynced > 0) syncNow();
      finish();
      return;
    }
    const asked = drainAsked;
    const isDraining = asked > drained;
    const before = work.unsynced;
    const more = work.step(Math.floor(Date.now() / 1000));
    const now = Date.now();
    if (before === 0 && work.unsynced > 0) firstUnsynced = now;
    if (work.unsynced > before) lastUnsynced = now;
    const isMuch = work.unsynced >= SYNC_FILES || work.unsyncedOctets >= SYNC_OCTETS;
    const isSynced =
      isMuch ||
      (work.unsynced > 0 && (syncDue() <= now || work.isBlocked)) ||
      (!more && isDraining && work.unsynced > 0);
    if (isSynced) syncNow();
    if (failing) log.notice("message files can be written again");
    failing = false;
    if (more && work.isBlocked) {
      // Until the writer has deleted the rows.
      later(BLOCKED_MILLISECONDS);
      return;
    }
    // What was to be removed may have waited for the sync.
    if (more || (isSynced && isDraining)) {
      clearTimeout(timer);
      timer = undefined;
      setImmediate(run);
      return;
    }
    if (work.unsynced === 0) drained = asked;
    say({ kind: "idle", drained });
    later(work.unsynced > 0 ? Math.max(1, syncDue() - Date.now()) : LOOK_AGAIN_MILLISECONDS);
  } catch (error) {
    if (!failing)
      log.err("IOERROR: message files cannot be written; they stay in the database", { error: String(error) });
    failing = true;
    say({ kind: "failing", error: String(error) });
    if (stopping) finish();
    else later(RETRY_MILLISECONDS);
  }
}

function finish(): void {
  clearTimeout(timer);
  work.close();
  db.close();
  say({ kind: "stopped" });
  port.close();
}

function sweep(): void {
  try {
    work.sweepStaged(Date.now() - STAGED_MILLISECONDS);
  } catch (error) {
    log.warning("staged files that are left over cannot be removed", { error: String(error) });
  }
}

port.on("message", (message: FileThreadInput) => {
  if (message.kind === "sweep") {
    sweep();
    return;
  }
  if (message.kind === "stop") stopping = true;
  if (message.kind === "drain") drainAsked = message.number;
  if (!failing || stopping) later(0);
});
later(0);
