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
import type { FileThreadData, FileThreadInput, FileThreadOutput } from "./file-thread.ts";
import { FileWork } from "./file-work.ts";
import { foreignFiles } from "./foreign-files.ts";
import type { Changes } from "./changes.ts";
import { GroupEngine, type GroupHooks, type VerbFunction, type WriteRequest } from "./group.ts";
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

/** So many files, or so long after the first, the file thread is woken. */
const WAKE_FILES = 200;
const WAKE_MILLISECONDS = 200;
/** How long an orderly end waits for files to become durable. */
const SETTLE_MILLISECONDS = 3_000;

export class StoreWriter {
  readonly engine: GroupEngine;
  readonly recovery: RecoveryReport;
  private readonly options: StoreWriterOptions;
  private readonly lockFd: number;
  private readonly db: Database;
  private readonly tx: Tx;
  private readonly inline: FileWork | undefined;
  private readonly inlineDb: Database | undefined;
  private fileThread: Worker | undefined;
  private checkpointThread: Worker | undefined;
  private readonly drainWaiters: (() => void)[] = [];
  private fileThreadIdle = true;
  private wakePending = false;
  private wakeTimer: NodeJS.Timeout | undefined;
  /** Pending number given out when the thread was woken last. */
  private wokenAt = 0;

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
      filesWanted: (lastPendingSeq) => this.filesWanted(lastPendingSeq),
      published: options.published,
      fatal: options.fatal,
    };
    this.engine = new GroupEngine(tx, options.verbs, hooks, options.log);
    if (options.threads) this.startThreads();
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

  /** Resolves when table `pending` is empty and every file it called for is durable. */
  async settle(): Promise<void> {
    if (this.inline) {
      this.settleInline(this.inline);
      return;
    }
    await this.engine.idle();
    await new Promise<void>((resolve) => {
      this.drainWaiters.push(resolve);
      this.tellFiles({ kind: "drain" });
    });
    await this.engine.idle();
  }

  /** Ends in order: no more requests, files durable, log moved into the database, lock freed. */
  async close(): Promise<void> {
    if (this.inline) {
      this.settleInline(this.inline);
      this.inline.close();
      this.inlineDb!.close();
    } else {
      // Files that cannot be written now are recovery's business.
      await Promise.race([this.settle(), delay(SETTLE_MILLISECONDS, undefined, { ref: false })]);
      await Promise.all([this.endThread(this.fileThread), this.endThread(this.checkpointThread)]);
    }
    this.engine.stop();
    this.tx.close();
    try {
      this.db.sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // The log stays, and the next start moves it.
      this.options.log.err("DBERROR: checkpoint failed", { error: String(error) });
    }
    this.db.close();
    closeSync(this.lockFd);
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
    const fileData: FileThreadData = { databasePath: path, directory, shard, shards, partitions, hashing, ident };
    this.fileThread = new Worker(new URL(import.meta.resolve("./file-thread.ts")), { workerData: fileData });
    this.fileThread.on("message", (message: FileThreadOutput) => this.fileMessage(message));
    this.fileThread.on("error", (error) => this.options.fatal(error));
    const checkpointData: CheckpointThreadData = { databasePath: path, ident };
    this.checkpointThread = new Worker(new URL(import.meta.resolve("./checkpoint-thread.ts")), {
      workerData: checkpointData,
    });
    this.checkpointThread.on("error", (error) => this.options.fatal(error));
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
        this.options.fatal(new Error(message.error));
      }
    });
  }

  private fileMessage(message: FileThreadOutput): void {
    if (message.kind === "finished") {
      this.engine.filesDone(message);
    } else if (message.kind === "idle") {
      this.fileThreadIdle = true;
      if (this.wakePending) this.wakeFiles();
      else if (message.drained) for (const resolve of this.drainWaiters.splice(0)) resolve();
    } else if (message.kind === "failing") {
      this.fileThreadIdle = true;
      this.engine.filesFail();
    }
  }

  /** Lets some work come together before the thread is woken: readers find octets in the database meanwhile. */
  private filesWanted(lastPendingSeq: number): void {
    if (!this.fileThread) return;
    if (lastPendingSeq - this.wokenAt >= WAKE_FILES) this.wakeFiles();
    else this.wakeTimer ??= setTimeout(() => this.wakeFiles(), WAKE_MILLISECONDS);
  }

  /** One message wakes the thread; while it works, it sees what is committed meanwhile by itself. */
  private wakeFiles(): void {
    clearTimeout(this.wakeTimer);
    this.wakeTimer = undefined;
    this.wokenAt = this.engine.lastPendingSeq;
    if (!this.fileThreadIdle) {
      this.wakePending = true;
      return;
    }
    this.wakePending = false;
    this.tellFiles({ kind: this.drainWaiters.length > 0 ? "drain" : "wake" });
  }

  private tellFiles(message: FileThreadInput): void {
    this.fileThreadIdle = false;
    this.fileThread?.postMessage(message);
  }

  private async endThread(thread: Worker | undefined): Promise<void> {
    if (!thread) return;
    const ended = new Promise((resolve) => thread.once("exit", resolve));
    thread.postMessage({ kind: "stop" } satisfies FileThreadInput & CheckpointInput);
    await ended;
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
