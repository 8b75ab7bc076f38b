/**
 * A shard opened for writing: lock, database, recovery, engine, and the two threads. `cyr_stored` has one for each shard; a program that finds no writer
 * running opens one itself, without threads (`threads: false`), and calls `settle` before it ends.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeSync, ftruncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Log } from "../../base/log.ts";
import { syncFilesystem, tryFlock } from "../../base/native/index.ts";
import { type Database, openReader, openWriter } from "../database.ts";
import type { CheckpointInput, CheckpointOutput, CheckpointThreadData } from "./checkpoint-thread.ts";
import { endThread } from "./end-thread.ts";
import { FileThreadDoor } from "./file-thread-door.ts";
import { FileWork } from "./file-work.ts";
import { foreignFiles } from "./foreign-files.ts";
import type { Changes } from "./changes.ts";
import { GroupEngine, type GroupHooks, type VerbFunction, type WriteRequest } from "./group.ts";
import { NOTHING, ownVerbs, RemainsVerb, REMOVE_REMAINS, SWEEP_REPLIES } from "./own-verbs.ts";
import { areRemains } from "./remains.ts";
import { type Answer, keptAnswer } from "./replies.ts";
import { type IntentHandler, recover, type RecoveryReport } from "./recovery.ts";
import { databasePath } from "../shards.ts";
import { type StoreSettings, Tx } from "./tx.ts";

export { databasePath };

export interface StoreWriterOptions extends StoreSettings {
  /** `configdirectory/store`. */
  readonly directory: string;
  readonly shard: number;
  /** Of how many; fixed when the store is made. Default 1. */
  readonly shards?: number;
  readonly verbs: ReadonlyMap<string, VerbFunction>;
  readonly intents: ReadonlyMap<string, IntentHandler>;
  readonly log: Log;
  readonly ident: string;
  /** False: file work and checkpoints are done inline by `settle`. */
  readonly threads: boolean;
  readonly refusalOf: GroupHooks["refusalOf"];
  readonly published: (changes: Changes) => void;
  readonly fatal: (error: unknown) => void;
}

/** Another process has the shard open for writing. */
export class WriterRunning extends Error {}

/** How long an orderly end waits for files to become durable. */
const SETTLE_MILLISECONDS = 3_000;
/** What is kept for those who may come back is looked through so often. */
const SWEEP_MILLISECONDS = 3_600_000;
/** After a full disk, and the like, what the writer asks of itself is asked again. */
const AGAIN_MILLISECONDS = 1_000;
/** In whose name the writer asks. */
const OWN_CLIENT = "the store";

export class StoreWriter {
  readonly engine: GroupEngine;
  readonly recovery: RecoveryReport;
  private readonly options: StoreWriterOptions;
  private readonly lockFd: number;
  private readonly db: Database;
  private readonly tx: Tx;
  private readonly inline: FileWork | undefined;
  private readonly inlineDb: Database | undefined;
  private fileThread: FileThreadDoor | undefined;
  private checkpointThread: Worker | undefined;
  private threadsEnd: Promise<boolean> | undefined;
  private readonly sweepTimer: NodeJS.Timeout;
  private readonly remains = new RemainsVerb();
  private removingRemains = false;
  private ended = false;

  private constructor(options: StoreWriterOptions, lockFd: number, db: Database) {
    this.options = options;
    this.lockFd = lockFd;
    this.db = db;
    const tx = new Tx(db, options);
    this.tx = tx;
    const reader = openReader(db.path);
    const files = new FileWork(reader, options.partitions, options.log, foreignFiles(options), options.hashing);
    this.recovery = recover(tx, files, options.intents, Date.now());
    tx.guard?.markUp();
    if (options.threads) {
      files.close();
      reader.close();
    } else {
      this.inline = files;
      this.inlineDb = reader;
    }
    const hooks: GroupHooks = {
      diskFull: () => this.checkpointThread?.postMessage({ kind: "shorten" } satisfies CheckpointInput),
      refusalOf: options.refusalOf,
      filesWanted: (lastPendingSeq) => this.fileThread?.wanted(lastPendingSeq),
      published: (changes) => {
        options.published(changes);
        if (changes.list) this.removeRemains();
      },
      fatal: (error) => this.fail(error),
    };
    const verbs = new Map<string, VerbFunction>([...options.verbs, ...ownVerbs, [REMOVE_REMAINS, this.remains.run]]);
    this.engine = new GroupEngine(tx, verbs, hooks, options.log);
    if (options.threads) this.startThreads();
    this.sweepTimer = setInterval(() => this.sweep(), SWEEP_MILLISECONDS).unref();
    this.removeRemains();
  }

  /**
   * Opens the shard; what an earlier life left unfinished is put right before this returns.
   * @throws WriterRunning, SchemaError, ShardsError, or an error of the filesystem
   */
  static open(options: StoreWriterOptions): StoreWriter {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const lockFd = takeLock(join(options.directory, `${options.shard}.lock`));
    try {
      const path = databasePath(options.directory, options.shard);
      const db = openWriter(path, { shard: options.shard, shards: options.shards ?? 1 });
      syncDirectory(options.directory);
      return new StoreWriter(options, lockFd, db);
    } catch (error) {
      closeSync(lockFd);
      throw error;
    }
  }

  submit(request: WriteRequest): void {
    this.engine.submit(request);
    if (!this.inline) return;
    // Without the thread nobody else writes files, and the request would wait for them.
    if (this.engine.isBehind()) this.settleInline(this.inline);
    else this.engine.runNow();
  }

  /** See GroupEngine.takeOver. */
  takeOver(client: string, id: number, answer: WriteRequest["answer"]): boolean {
    return this.engine.takeOver(client, id, answer);
  }

  /** Answers given to a client's request of this id by an earlier life of the writer, if still kept. */
  storedAnswer(client: string, id: number): Answer | undefined {
    return keptAnswer(this.db, { client, id });
  }

  /** Drops the answers kept for a client that has gone for good. */
  forgetClient(client: string): void {
    this.engine.forget(client);
  }

  /**
   * Resolves when every file that an answered request called for is durable, and its row in `pending` gone, whatever is asked meanwhile.
   * @throws Error when the store cannot be written any more
   */
  async settle(): Promise<void> {
    if (this.inline) {
      this.settleInline(this.inline);
      return;
    }
    await this.fileThread!.drained();
    // The next group deletes the rows of what is done.
    for (;;) {
      const answer = await this.askOwn(NOTHING);
      if ("result" in answer) return;
      if (answer.refusal.code === "storeUnavailable") throw new Error("the store cannot be written any more");
      await delay(AGAIN_MILLISECONDS);
    }
  }

  /** Ends in order: no more requests, files durable, log moved into the database, lock freed. */
  async close(): Promise<void> {
    clearInterval(this.sweepTimer);
    let areThreadsOver = true;
    if (this.inline) {
      this.settleInline(this.inline);
      this.inline.close();
      this.inlineDb!.close();
    } else {
      if (!this.threadsEnd) await this.settleForTheEnd();
      areThreadsOver = await this.endThreads();
    }
    this.ended = true;
    this.engine.stop();
    this.tx.close();
    try {
      this.db.sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // The log stays, and the next start moves it.
      this.options.log.err("DBERROR: checkpoint failed", { error: String(error) });
    }
    this.db.close();
    // What a thread still writes must not meet another writer: then the lock goes with the process.
    if (areThreadsOver) closeSync(this.lockFd);
  }

  /** What cannot be done now is recovery's business. */
  private async settleForTheEnd(): Promise<void> {
    const settled = this.engine.idle().then(() => this.settle());
    try {
      await Promise.race([settled, delay(SETTLE_MILLISECONDS, undefined, { ref: false })]);
    } catch (error) {
      this.options.log.err("message files are left to the next start", { error: String(error) });
    }
  }

  /**
   * For a process that exits with the store open, as after an error: what is not done is recovery's business. A thread that the exit finds in a call of
   * native code aborts the process (SIGABRT, no exit code), so they end before.
   */
  async abandon(): Promise<void> {
    await this.endThreads();
  }

  private fail(error: unknown): void {
    void this.abandon().then(() => this.options.fatal(error));
  }

  /** False: one goes on. */
  private endThreads(): Promise<boolean> {
    if (!this.fileThread || !this.checkpointThread) return Promise.resolve(true);
    this.threadsEnd ??= Promise.all([this.fileThread.end(), this.endCheckpoints(this.checkpointThread)]).then((ends) =>
      ends.every((isOver) => isOver),
    );
    return this.threadsEnd;
  }

  private endCheckpoints(thread: Worker): Promise<boolean> {
    const ended = endThread(thread, "checkpoint thread", this.options.log);
    thread.postMessage({ kind: "stop" } satisfies CheckpointInput);
    return ended;
  }

  private askOwn(verb: string): Promise<Answer> {
    return new Promise((answer) => this.submitOwn(verb, answer));
  }

  private submitOwn(verb: string, answer: WriteRequest["answer"]): void {
    const request = { client: OWN_CLIENT, id: 0, verb, args: undefined, octets: [], caller: undefined, confirmed: 0 };
    this.engine.submit({ ...request, answer });
  }

  /** Goes on with what is left of mailboxes that are gone, if there is anything. */
  private removeRemains(): void {
    if (this.removingRemains || this.ended || !this.areRemains()) return;
    this.removingRemains = true;
    this.removeSlice();
  }

  /** One slice a group; in the answer itself, so that a program's store does not end before all is done. */
  private removeSlice(): void {
    this.submitOwn(REMOVE_REMAINS, (answer) => {
      if ("result" in answer && answer.result === true) {
        this.removeSlice();
        return;
      }
      this.removingRemains = false;
      if ("result" in answer) this.removeRemains();
      else {
        this.remains.forget();
        setTimeout(() => this.removeRemains(), AGAIN_MILLISECONDS).unref();
      }
    });
  }

  private areRemains(): boolean {
    try {
      return areRemains(this.tx);
    } catch (error) {
      // What was committed is answered all the same; the next change of the list looks again.
      this.options.log.err("DBERROR: it cannot be told whether there is something left to remove", {
        error: String(error),
      });
      return false;
    }
  }

  private sweep(): void {
    void this.askOwn(SWEEP_REPLIES).then((answer) => {
      if ("refusal" in answer)
        this.options.log.warning("kept answers are not looked through now", { error: answer.refusal.code });
    });
    this.fileThread?.sweep();
  }

  private settleInline(files: FileWork): void {
    this.engine.runNow();
    const nowSeconds = Math.floor(Date.now() / 1000);
    while (files.step(nowSeconds) || files.unsynced > 0) {
      this.engine.filesDone(files.sync());
      this.engine.runNow();
    }
  }

  private startThreads(): void {
    const { ident, directory, shard, shards, partitions, hashing } = this.options;
    const path = this.db.path;
    const fileData = { databasePath: path, directory, shard, shards, partitions, hashing, ident };
    this.fileThread = FileThreadDoor.start(fileData, this.options.log, {
      finished: (finished) => this.engine.filesDone(finished),
      failing: () => this.engine.filesFail(),
      fatal: (error) => this.fail(error),
    });
    const checkpointData: CheckpointThreadData = { databasePath: path, ident };
    this.checkpointThread = new Worker(new URL(import.meta.resolve("./checkpoint-thread.ts")), {
      workerData: checkpointData,
    });
    this.checkpointThread.on("error", (error) => this.fail(error));
    let resume: (() => void) | undefined;
    this.checkpointThread.on("message", (message: CheckpointOutput) => {
      if (message.kind === "pause") {
        resume ??= this.engine.pause();
        this.checkpointThread?.postMessage({ kind: "go" } satisfies CheckpointInput);
      } else if (message.kind === "resume") {
        resume?.();
        resume = undefined;
      } else if (message.kind === "failing") {
        // Its sync was to cover the log, too: whether what the writer syncs next reaches the disk cannot be known.
        this.engine.stop();
        this.fail(new Error(message.error));
      }
    });
  }
}

/** Who holds the lock is written in it, for the message. */
function takeLock(path: string): number {
  const fd = openSync(path, "a+", 0o600);
  if (!tryFlock(fd, "exclusive")) {
    const holder = readFileSync(path, "utf8").trim();
    closeSync(fd);
    throw new WriterRunning(`${path}: the store is open for writing in process ${holder || "unknown"}`);
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`);
  return fd;
}

/** The names of a database just made must be durable before anything in it is acknowledged. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    syncFilesystem(fd);
  } finally {
    closeSync(fd);
  }
}
