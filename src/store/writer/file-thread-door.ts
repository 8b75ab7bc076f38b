/** The file thread as the writer sees it: wakes it when there is enough to do, and knows when it has done what was there at some moment. */
import { Worker } from "node:worker_threads";
import type { Log } from "../../base/log.ts";
import { endThread, type EndingThread } from "./end-thread.ts";
import type { FileThreadData, FileThreadInput, FileThreadOutput } from "./file-thread.ts";
import type { Finished } from "./file-work.ts";

/** So many files, or so long after the first, the file thread is woken. */
const WAKE_FILES = 200;
const WAKE_MILLISECONDS = 200;

export interface FileThreadHooks {
  finished(finished: Finished): void;
  failing(): void;
  fatal(error: Error): void;
}

/** The part of a Worker that is used. */
export interface FileThreadPort extends EndingThread {
  postMessage(message: FileThreadInput): void;
  on(event: "message", listener: (message: FileThreadOutput) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

interface Drain {
  readonly number: number;
  readonly done: () => void;
}

export class FileThreadDoor {
  private readonly thread: FileThreadPort;
  private readonly log: Log;
  private readonly hooks: FileThreadHooks;
  private drains: Drain[] = [];
  private lastDrain = 0;
  private idle = true;
  private wakePending = false;
  private wakeTimer: NodeJS.Timeout | undefined;
  /** Pending number given out last, and when the thread was woken last. */
  private lastPendingSeq = 0;
  private wokenAt = 0;

  constructor(thread: FileThreadPort, log: Log, hooks: FileThreadHooks) {
    this.thread = thread;
    this.log = log;
    this.hooks = hooks;
    thread.on("message", (message) => this.heard(message));
    thread.on("error", (error) => hooks.fatal(error));
  }

  static start(data: FileThreadData, log: Log, hooks: FileThreadHooks): FileThreadDoor {
    return new FileThreadDoor(
      new Worker(new URL(import.meta.resolve("./file-thread.ts")), { workerData: data }),
      log,
      hooks,
    );
  }

  /** Something was committed. Lets some work come together before the thread is woken: readers find octets in the database meanwhile. */
  wanted(lastPendingSeq: number): void {
    this.lastPendingSeq = lastPendingSeq;
    if (lastPendingSeq - this.wokenAt >= WAKE_FILES) this.wake();
    else this.wakeTimer ??= setTimeout(() => this.wake(), WAKE_MILLISECONDS);
  }

  /** Resolves when all that is committed now, and calls for files or their removal, is done and durable, and `finished` has said so. */
  drained(): Promise<void> {
    return new Promise((done) => {
      const number = ++this.lastDrain;
      this.drains.push({ number, done });
      this.tell({ kind: "drain", number });
    });
  }

  /** Removes staged files that are old and that nothing calls for. */
  sweep(): void {
    this.thread.postMessage({ kind: "sweep" });
  }

  /** What is not done by then is recovery's business. False: the thread could not be ended, and may go on. */
  end(): Promise<boolean> {
    clearTimeout(this.wakeTimer);
    const ended = endThread(this.thread, "file thread", this.log);
    this.thread.postMessage({ kind: "stop" });
    return ended;
  }

  private heard(message: FileThreadOutput): void {
    if (message.kind === "finished") this.hooks.finished(message);
    else if (message.kind === "idle") {
      this.idle = true;
      // What it had done when it said so: it may not have heard of a later one yet.
      for (const { number, done } of this.drains) if (number <= message.drained) done();
      this.drains = this.drains.filter(({ number }) => number > message.drained);
      if (this.wakePending) this.wake();
    } else if (message.kind === "failing") {
      this.idle = true;
      this.hooks.failing();
    }
  }

  /** One message wakes the thread; while it works, it sees what is committed meanwhile by itself. */
  private wake(): void {
    clearTimeout(this.wakeTimer);
    this.wakeTimer = undefined;
    this.wokenAt = this.lastPendingSeq;
    this.wakePending = !this.idle;
    if (this.idle) this.tell({ kind: "wake" });
  }

  private tell(message: FileThreadInput): void {
    this.idle = false;
    this.thread.postMessage(message);
  }
}
