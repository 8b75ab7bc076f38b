/** What a writer does before it takes its first request: brings files in line with the database, and finishes or undoes work in slices. */
import type { Database } from "../database.ts";
import { type FileWork, PENDING_AFTER, pendingFromRow, STAGED_MILLISECONDS } from "./file-work.ts";
import { isMove } from "../pending.ts";
import { MoveBatch } from "./move-batch.ts";
import { HIDDEN_INTENT, undoHidden } from "./hidden.ts";
import { REPLY_SECONDS } from "./own-verbs.ts";
import { REMAINS_INTENT } from "./remains.ts";
import type { Tx } from "./tx.ts";

/**
 * Finishes (or takes back) an intent of one kind; runs in a transaction that also removes the intent row, unless the handler says "keep": what goes on
 * with the help of another shard is not recovery's to finish.
 */
export type IntentHandler = (tx: Tx, args: unknown) => "keep" | void;

const ROWS_AT_A_TIME = 64;

export interface RecoveryReport {
  /** Pending rows found; their files were written again. */
  readonly pending: number;
  /** Messages whose octets are nowhere. By protocol there are none. */
  readonly lost: number;
  readonly intents: number;
}

/** @throws Error when files cannot be written: the writer must not start then */
export function recover(
  tx: Tx,
  files: FileWork,
  intents: ReadonlyMap<string, IntentHandler>,
  nowMs: number,
): RecoveryReport {
  const { db, settings } = tx;
  const report = { pending: 0, lost: 0, intents: 0 };
  const gone = (upTo: number): void => {
    files.sync();
    db.run("BEGIN IMMEDIATE");
    db.run("DELETE FROM pending WHERE seq<=?", upTo);
    db.run("COMMIT");
  };
  let moving: MoveBatch | undefined;
  for (let after = 0; ; ) {
    const rows = db.all(PENDING_AFTER, after, ROWS_AT_A_TIME);
    if (rows.length === 0) break;
    for (const row of rows) {
      const pending = pendingFromRow(row);
      after = pending.seq;
      report.pending += 1;
      const { source } = pending;
      const fits = isMove(source) ? moving?.add(pending, source) === true : moving === undefined;
      if (!fits) {
        // See move-batch.ts.
        gone(pending.seq - 1);
        moving = isMove(source) ? new MoveBatch() : undefined;
        if (isMove(source)) moving!.add(pending, source);
      } else if (files.comesBack(pending)) gone(pending.seq - 1);
      // Always anew: a file that reads well may be well only in the page cache, after a sync that failed.
      if (!files.placeAgain(pending)) report.lost += 1;
    }
    files.flushCaches();
  }
  for (const root of settings.partitions.keys()) files.blobs.touch(root);
  files.sync();
  tx.begin("recovery", nowMs);
  db.run("BEGIN IMMEDIATE");
  db.run("DELETE FROM pending");
  tx.slots.recovered();
  db.run("DELETE FROM reply WHERE at<?", tx.now - REPLY_SECONDS);
  for (const [id, kind, args] of db.all("SELECT id, kind, args FROM intent ORDER BY id")) {
    // Nobody waits for it: the writer goes on with it beside other work.
    if (kind === REMAINS_INTENT) continue;
    const handler = kind === HIDDEN_INTENT ? undoHidden : intents.get(kind as string);
    if (!handler) throw new Error(`intent "${kind as string}" has no handler: written by a newer version?`);
    if (handler(tx, JSON.parse(args as string)) === "keep") continue;
    db.run("DELETE FROM intent WHERE id=?", id!);
    report.intents += 1;
  }
  // Nothing is pending any more: numbers begin anew.
  db.run("UPDATE doomed SET pending_seq=0");
  // Other shards' writers tell by it that they do (foreign-files.ts).
  db.run("INSERT INTO meta(key, value) VALUES ('recoveries', 1) ON CONFLICT(key) DO UPDATE SET value=value+1");
  tx.flush();
  db.run("COMMIT");
  tx.takeChanges();
  files.sweepStaged(nowMs - STAGED_MILLISECONDS);
  return report;
}

export function recoveryNeeded(db: Database): boolean {
  return db.get("SELECT 1 FROM pending UNION ALL SELECT 1 FROM intent LIMIT 1") !== undefined;
}
