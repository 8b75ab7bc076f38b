/**
 * The thread that moves the write-ahead log into the database file. PASSIVE several times a second; when the log has grown past a limit all the same
 * (constant readers keep PASSIVE from starting it anew), it asks the writer for a pause and does a RESTART.
 */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { createLog } from "../../base/log.ts";
import { Database } from "../database.ts";
import { PAGE_SIZE } from "../schema.ts";

export interface CheckpointThreadData {
  readonly databasePath: string;
  readonly ident: string;
}

/** `go`: the writer pauses now. `shorten`: the disk is full, so move what there is now and let the log begin anew. */
export type CheckpointInput = { readonly kind: "go" | "shorten" | "stop" };
export type CheckpointOutput =
  | { readonly kind: "pause" | "resume" | "stopped" }
  /** Not for a full disk, which passes. */
  | { readonly kind: "failing"; readonly error: string };

const EVERY_MILLISECONDS = 250;
/** Below this the log is left alone: moving a few pages costs a flush of the database file. */
const WORTH_OCTETS = 4 << 20;
const RESTART_OCTETS = 24 << 20;
/** How long a RESTART waits for readers while the writer pauses, by the length of the log: the longer that is, the lesser an evil is a pause. */
const BUSY_MILLISECONDS = 10;
const LONGER = [
  { octets: 48 << 20, busyMilliseconds: 50 },
  { octets: 80 << 20, busyMilliseconds: 250 },
] as const;
/** A RESTART that readers prevented is tried again so soon. */
const AGAIN_MILLISECONDS = 40;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

const { databasePath, ident } = workerData as CheckpointThreadData;
const port = parentPort!;
const log = createLog({ ident });
const db = new Database(databasePath, false);
db.sqlite.exec(`PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=${BUSY_MILLISECONDS}`);
/** Length of the log, in frames, when a RESTART last succeeded: the next write begins it anew. */
let restartedAt = -1;

function say(output: CheckpointOutput): void {
  port.postMessage(output);
}

function walOctets(): number {
  return statSync(`${databasePath}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** `busy`: readers kept it from finishing. `frames`: pages in the log. */
function checkpoint(mode: "PASSIVE" | "RESTART"): { frames: number; busy: boolean } {
  const [busy, frames] = db.get(`PRAGMA wal_checkpoint(${mode})`) as [number, number, number];
  return { frames, busy: busy !== 0 };
}

function failed(error: unknown): void {
  const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
  if (code === SQLITE_BUSY) return;
  log.err(code === SQLITE_FULL ? "disk full: checkpoint not done" : "DBERROR: checkpoint failed", {
    error: String(error),
  });
  if (code !== SQLITE_FULL) say({ kind: "failing", error: String(error) });
}

let timer: NodeJS.Timeout | undefined;
let pausing = false;
let walLength = 0;

function look(): void {
  timer = setTimeout(look, EVERY_MILLISECONDS);
  try {
    if (pausing || walOctets() < WORTH_OCTETS) return;
    const { frames } = checkpoint("PASSIVE");
    walLength = frames * PAGE_SIZE;
    if (walLength > RESTART_OCTETS && frames !== restartedAt) askForPause();
  } catch (error) {
    failed(error);
  }
}

function askForPause(): void {
  pausing = true;
  say({ kind: "pause" });
}

/** The writer pauses: the log is moved as a whole, and the next write begins it anew. */
function restart(): void {
  try {
    const longer = LONGER.findLast(({ octets }) => walLength > octets);
    db.sqlite.exec(`PRAGMA busy_timeout=${longer?.busyMilliseconds ?? BUSY_MILLISECONDS}`);
    const { frames, busy } = checkpoint("RESTART");
    if (!busy) restartedAt = frames;
    else {
      clearTimeout(timer);
      timer = setTimeout(look, AGAIN_MILLISECONDS);
    }
  } catch (error) {
    failed(error);
  }
  pausing = false;
  say({ kind: "resume" });
}

function stop(): void {
  clearTimeout(timer);
  db.close();
  say({ kind: "stopped" });
  port.close();
}

port.on("message", ({ kind }: CheckpointInput) => {
  if (kind === "stop") stop();
  else if (kind === "go") restart();
  else if (!pausing) askForPause();
});
look();
