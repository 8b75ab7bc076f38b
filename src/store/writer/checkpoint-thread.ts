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

/** `go`: the writer pauses now. */
export type CheckpointInput = { readonly kind: "go" | "stop" };
export type CheckpointOutput =
  | { readonly kind: "pause" | "resume" | "stopped" }
  | { readonly kind: "failing"; readonly error: string };

const EVERY_MILLISECONDS = 250;
/** Below this the log is left alone: moving a few pages costs a flush of the database file. */
const WORTH_OCTETS = 4 << 20;
const RESTART_OCTETS = 24 << 20;
/** How long a RESTART waits for readers while the writer pauses. */
const BUSY_MILLISECONDS = 10;

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

const timer = setInterval(() => {
  try {
    if (walOctets() < WORTH_OCTETS) return;
    const { frames } = checkpoint("PASSIVE");
    if (frames * PAGE_SIZE > RESTART_OCTETS && frames !== restartedAt) say({ kind: "pause" });
  } catch (error) {
    log.err("DBERROR: checkpoint failed", { error: String(error) });
    say({ kind: "failing", error: String(error) });
  }
}, EVERY_MILLISECONDS);

port.on("message", ({ kind }: CheckpointInput) => {
  if (kind === "stop") {
    clearInterval(timer);
    db.close();
    say({ kind: "stopped" });
    port.close();
    return;
  }
  try {
    const { frames, busy } = checkpoint("RESTART");
    if (!busy) restartedAt = frames;
  } catch (error) {
    log.err("DBERROR: checkpoint failed", { error: String(error) });
  }
  say({ kind: "resume" });
});
