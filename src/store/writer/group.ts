/**
 * The group engine: takes waiting requests, runs their verbs one after the other in one transaction, commits once, answers. Requests that come in while
 * a group runs are the next group.
 *
 * A verb is a plain function (one slice) or a generator function (`yield` between slices: each slice is a savepoint of its own, and other requests run
 * in between). A slice that throws is rolled back to its savepoint; earlier slices stay. A request is answered only after the commit that made it durable.
 */
import { performance } from "node:perf_hooks";
import type { Log } from "../../base/log.ts";
import type { Changes } from "./changes.ts";
import type { Finished, HeaderVersion } from "./file-work.ts";
import { type Answer, keepAnswers, type RefusalData } from "./replies.ts";
import { Busy, FilesBehind, type Tx } from "./tx.ts";

/** A verb that may as well be run twice in a row: its answers need not be kept for a client that asks again. */
export interface RepeatableVerb {
  readonly repeatable?: (args: unknown) => boolean;
}

/** Runs inside the writer. `octets` are the request's attachments. Throws a refusal, which goes back to the asker. */
export type VerbFunction = ((tx: Tx, args: unknown, octets: readonly Uint8Array[], caller: unknown) => unknown) &
  RepeatableVerb;

export interface WriteRequest {
  /** Who asks: names the queue that fairness is about, and the owner of stored answers. */
  readonly client: string;
  /** Number of the request, rising for a client. */
  readonly id: number;
  readonly verb: string;
  readonly args: unknown;
  readonly octets: readonly Uint8Array[];
  readonly caller: unknown;
  /** All answers up to this id have arrived at the client. */
  readonly confirmed: number;
  readonly answer: (answer: Answer) => void;
}

export interface GroupHooks {
  /** Turns what a verb threw into a refusal; undefined: it is a bug. */
  refusalOf(thrown: unknown): RefusalData | undefined;
  /** After a commit that left work for the file thread, with the number of pending files given out so far. */
  filesWanted(lastPendingSeq: number): void;
  /** After each commit that changed something, in commit order, before the group's answers: who asked finds the news already there. */
  published(changes: Changes): void;
  /** There was no room for a group: the log should be made shorter. */
  diskFull?(): void;
  /** The database can no longer be trusted; the process must end. */
  fatal(error: unknown): void;
}

/** Compute time of one group, after which it is committed even when requests wait: keeps answers prompt. */
const GROUP_MILLISECONDS = 8;
/** Octets of attachments in one group. */
const GROUP_OCTETS = 4 << 20;
/** Pending files that may wait for the file thread; beyond it the engine takes no new requests until it has caught up. */
const MAX_PENDING_FILES = 20_000;

interface Job {
  request: WriteRequest;
  slices: Generator<void, unknown, void> | undefined;
  /** What takes back the committed slices of a verb that fails later; see Tx.onFailure. */
  undo: ((tx: Tx) => void) | undefined;
}

interface DoneRows {
  readonly pending: number;
  readonly doomed: readonly number[];
  readonly headers: readonly HeaderVersion[];
}

const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_IOERR_READ = 266;
const SQLITE_IOERR_SHORT_READ = 522;
/** After a full disk, work of our own waits so long before it is tried again. */
const FULL_MILLISECONDS = 500;

export class GroupEngine {
  private readonly tx: Tx;
  private readonly verbs: ReadonlyMap<string, VerbFunction>;
  private readonly hooks: GroupHooks;
  private readonly log: Log;
  private readonly queues = new Map<string, Job[]>();
  private readonly parked: Job[] = [];
  private running = false;
  private scheduled = false;
  private paused = 0;
  private stopped = false;
  private waiting = 0;
  private filesDoneSeq: number;
  private filesFailing = false;
  private fullUntil = 0;
  private isFull = false;
  /** Whose slice runs, or failed last. */
  private jobAtWork: Job | undefined;
  private forgotten: string[] = [];
  private donePendingSeq = 0;
  private doneDoomedSeqs: number[] = [];
  private doneHeaders: HeaderVersion[] = [];
  private retryTimer: NodeJS.Timeout | undefined;
  private readonly idleWaiters: (() => void)[] = [];
  /** Jobs of the group that runs: all of them are answered if it fails. */
  private groupJobs: Job[] = [];
  /** Undoing that a failed group took back; done before anything else. */
  private readonly undos: ((tx: Tx) => void)[] = [];
  /** For metrics and tests. */
  readonly counts = { groups: 0, requests: 0, commits: 0 };

  constructor(tx: Tx, verbs: ReadonlyMap<string, VerbFunction>, hooks: GroupHooks, log: Log) {
    this.tx = tx;
    this.verbs = verbs;
    this.hooks = hooks;
    this.log = log;
    this.filesDoneSeq = tx.lastPendingSeq;
  }

  submit(request: WriteRequest): void {
    if (this.stopped) {
      request.answer({ refusal: { code: "storeUnavailable" } });
      return;
    }
    let queue = this.queues.get(request.client);
    if (!queue) this.queues.set(request.client, (queue = []));
    queue.push({ request, slices: undefined, undo: undefined });
    this.waiting += 1;
    this.schedule();
  }

  /**
   * The request is asked again, over another connection: when the first asking has not been answered yet, its answer goes to the new one.
   * False: it is not known here, and must be run or has been answered before.
   */
  takeOver(client: string, id: number, answer: WriteRequest["answer"]): boolean {
    const isIt = ({ request }: Job): boolean => request.client === client && request.id === id;
    const job = this.queues.get(client)?.find(isIt) ?? this.parked.find(isIt);
    if (!job) return false;
    job.request = { ...job.request, answer };
    return true;
  }

  /** The file thread has made everything up to `seq` durable, removed doomed files and written header files: their rows go with the next group. */
  filesDone({ pendingSeq, doomed, headers }: Finished): void {
    this.filesDoneSeq = Math.max(this.filesDoneSeq, pendingSeq);
    this.filesFailing = false;
    this.donePendingSeq = Math.max(this.donePendingSeq, pendingSeq);
    this.doneDoomedSeqs.push(...doomed);
    this.doneHeaders.push(...headers);
    this.schedule();
  }

  /** The file thread cannot write: with the backlog at its bound, what calls for more files is refused. */
  filesFail(): void {
    this.filesFailing = true;
    this.schedule();
  }

  /** Drops the answers kept for a client that has gone for good, with the next group. */
  forget(client: string): void {
    this.forgotten.push(client);
    this.schedule();
  }

  get lastPendingSeq(): number {
    return this.tx.lastPendingSeq;
  }

  /** Holds groups until the returned function is called. */
  pause(): () => void {
    this.paused += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.paused -= 1;
      this.schedule();
    };
  }

  /** Resolves when no request waits and no file row is left to delete. */
  idle(): Promise<void> {
    if (this.waiting === 0 && !this.hasHousekeeping()) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Takes no more requests; those that wait are refused as temporarily unavailable. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    for (const job of this.takeAll()) job.request.answer({ refusal: { code: "storeUnavailable" } });
  }

  /** Runs groups until nothing is left to do; for stores that a program opened itself, and tests. */
  runNow(): void {
    while (!this.stopped && this.isRunnable()) if (!this.runGroup()) return;
  }

  private hasHousekeeping(): boolean {
    const { donePendingSeq, doneDoomedSeqs, doneHeaders, forgotten } = this;
    return donePendingSeq > 0 || doneDoomedSeqs.length > 0 || doneHeaders.length > 0 || forgotten.length > 0;
  }

  /** Whether requests have to wait for the file thread. */
  isBehind(): boolean {
    // Numbers are also spent by work that was taken back: only the table knows how many rows there are.
    if (this.tx.lastPendingSeq - this.filesDoneSeq < MAX_PENDING_FILES) return false;
    return this.tx.countPending(MAX_PENDING_FILES) >= MAX_PENDING_FILES;
  }

  private isRunnable(): boolean {
    return this.hasHousekeeping() || (this.waiting > 0 && (this.filesFailing || !this.isBehind()));
  }

  private schedule(): void {
    if (this.scheduled || this.running || this.stopped) return;
    this.scheduled = true;
    const run = (): void => {
      this.scheduled = false;
      if (this.paused > 0 || this.stopped) return;
      if (this.isRunnable()) this.runGroup();
      if (this.isRunnable()) this.schedule();
      else if (this.waiting === 0) for (const resolve of this.idleWaiters.splice(0)) resolve();
    };
    const wait = this.waiting > 0 ? 0 : this.fullUntil - Date.now();
    if (wait > 0) {
      this.scheduled = false;
      this.retryTimer ??= setTimeout(() => {
        this.retryTimer = undefined;
        this.schedule();
      }, wait);
      // setImmediate, not a microtask: all sockets that are readable in this turn of the loop get into one group.
    } else setImmediate(run);
  }

  /** False: it failed, and nothing of it is done. */
  private runGroup(): boolean {
    this.running = true;
    const { tx } = this;
    const answers: { job: Job; answer: Answer }[] = [];
    const unfinished: Job[] = [];
    this.groupJobs = [];
    this.jobAtWork = undefined;
    this.counts.groups += 1;
    const doneRows = this.takeDoneRows();
    const undos = this.undos.splice(0);
    const forgotten = this.forgotten.splice(0);
    try {
      tx.db.run("BEGIN IMMEDIATE");
      this.runUndos(undos);
      this.deleteDoneRows(doneRows);
      for (const client of forgotten) tx.db.run("DELETE FROM reply WHERE client=?", client);
      tx.filesBehind = this.isBehind();
      if (!tx.filesBehind || this.filesFailing) this.runJobs(answers, unfinished);
      this.storeAnswers(answers);
      tx.db.run("COMMIT");
      this.counts.commits += 1;
    } catch (error) {
      this.giveBack(doneRows);
      this.undos.unshift(...undos);
      this.forgotten.unshift(...forgotten);
      this.groupFailed(error);
      return false;
    } finally {
      this.running = false;
    }
    tx.slots.groupCommitted(doneRows.pending);
    if (this.isFull) this.log.notice("disk full no more: changes are taken again");
    this.isFull = false;
    const changes = tx.takeChanges();
    if (changes.files) this.hooks.filesWanted(tx.lastPendingSeq);
    if (changes.list || changes.mailboxes.length > 0 || changes.notes.length > 0) this.hooks.published(changes);
    for (const { job, answer } of answers) job.request.answer(answer);
    this.counts.requests += answers.length;
    for (const job of unfinished) this.requeue(job);
    if (answers.length > 0 || unfinished.length > 0) this.unpark();
    return true;
  }

  private runJobs(answers: { job: Job; answer: Answer }[], unfinished: Job[]): void {
    const deadline = performance.now() + GROUP_MILLISECONDS;
    let octets = 0;
    for (;;) {
      // With nobody else waiting, a verb in slices goes on in the same group: one sync for as many slices as its time allows.
      const job = this.takeNext() ?? unfinished.shift();
      if (!job) break;
      this.groupJobs.push(job);
      const outcome = this.runSlice(job);
      if (outcome === "busy") this.parked.push(job);
      else if (outcome === "more") unfinished.push(job);
      else answers.push({ job, answer: outcome });
      this.jobAtWork = undefined;
      for (const part of job.request.octets) octets += part.length;
      if (octets > GROUP_OCTETS || performance.now() > deadline) break;
    }
  }

  private runSlice(job: Job): Answer | "more" | "busy" {
    const { tx } = this;
    const { request } = job;
    const verb = this.verbs.get(request.verb);
    if (!verb) return { refusal: { code: "unknownVerb", detail: request.verb } };
    this.jobAtWork = job;
    tx.begin(job, Date.now(), request);
    tx.db.run("SAVEPOINT verb");
    try {
      let outcome: Answer | "more";
      if (job.slices) outcome = nextSlice(job.slices);
      else {
        const result = verb(tx, request.args, request.octets, request.caller);
        if (isSlices(result)) {
          // Only a verb whose first slice went through cannot be run again from the start.
          outcome = nextSlice(result);
          job.slices = result;
        } else outcome = { result };
      }
      tx.flush();
      tx.db.run("RELEASE verb");
      job.undo = tx.takeUndo() ?? job.undo;
      return outcome;
    } catch (error) {
      if (!tx.db.sqlite.isTransaction || isDatabaseError(error)) throw error;
      tx.db.run("ROLLBACK TO verb");
      tx.db.run("RELEASE verb");
      tx.rollback();
      tx.takeUndo();
      if (job.undo) this.runUndos([job.undo]);
      if (error instanceof Busy && !job.slices) return "busy";
      if (error instanceof FilesBehind) return { refusal: { code: "diskFull" } };
      const refusal = this.hooks.refusalOf(error);
      if (refusal) return { refusal };
      this.log.err("verb failed", { verb: request.verb, error: error instanceof Error ? error.stack : String(error) });
      return { refusal: { code: "internalError" } };
    }
  }

  /** Keeps the answers that the group gives, so that a client whose writer is restarted before it heard them can ask again. */
  private storeAnswers(answers: readonly { job: Job; answer: Answer }[]): void {
    const byClient = new Map<string, { confirmed: number; answers: [number, Answer][] }>();
    for (const { job, answer } of answers) {
      const { client, id, confirmed, verb, args } = job.request;
      if (id === 0 || this.verbs.get(verb)?.repeatable?.(args)) continue;
      let kept = byClient.get(client);
      if (!kept) byClient.set(client, (kept = { confirmed: 0, answers: [] }));
      kept.confirmed = Math.max(kept.confirmed, confirmed);
      kept.answers.push([id, answer]);
    }
    const { db, now } = this.tx;
    for (const [client, { confirmed, answers: fresh }] of byClient) keepAnswers(db, client, confirmed, fresh, now);
  }

  private runUndos(undos: readonly ((tx: Tx) => void)[]): void {
    for (const undo of undos) {
      this.tx.begin(undo, Date.now());
      undo(this.tx);
      this.tx.flush();
    }
  }

  private takeDoneRows(): DoneRows {
    const done = { pending: this.donePendingSeq, doomed: this.doneDoomedSeqs, headers: this.doneHeaders };
    this.donePendingSeq = 0;
    this.doneDoomedSeqs = [];
    this.doneHeaders = [];
    return done;
  }

  private giveBack(done: DoneRows): void {
    this.donePendingSeq = Math.max(this.donePendingSeq, done.pending);
    this.doneDoomedSeqs.push(...done.doomed);
    this.doneHeaders.push(...done.headers);
  }

  private deleteDoneRows({ pending, doomed, headers }: DoneRows): void {
    const { db } = this.tx;
    if (pending > 0) {
      db.run("DELETE FROM pending WHERE seq<=?", pending);
      this.tx.slots.done(pending);
    }
    for (const seq of doomed) db.run("DELETE FROM doomed WHERE seq=?", seq);
    for (const { mbox, version } of headers) db.run("DELETE FROM header_due WHERE mbox=? AND version=?", mbox, version);
  }

  private groupFailed(error: unknown): void {
    const { tx, log } = this;
    const full = (error as { errcode?: number }).errcode === SQLITE_FULL;
    // Damage that a verb has met concerns that verb: the group is taken back, and the rest of the store goes on.
    const culprit = isDamageError(error) ? this.jobAtWork : undefined;
    // A line for each group that finds no room would only fill the log's disk as well.
    if (!full) log.err("DBERROR: group not committed", { error: String(error) });
    else if (!this.isFull) log.err("disk full: changes are refused until there is room", { error: String(error) });
    this.isFull = full;
    if (tx.db.sqlite.isTransaction) {
      try {
        tx.db.sqlite.exec("ROLLBACK");
      } catch (rollbackError) {
        log.err("DBERROR: rollback failed", { error: String(rollbackError) });
      }
    }
    tx.reset();
    const refusal = { code: full ? "diskFull" : "storeUnavailable" };
    // Also those between two slices: what memory held of their mailboxes, and their locks, are gone.
    const jobs = new Set([...this.groupJobs, ...this.parked.splice(0), ...this.takeBegun()]);
    for (const job of jobs) if (job.undo) this.undos.push(job.undo);
    for (const job of jobs) job.request.answer({ refusal: job === culprit ? { code: "internalError" } : refusal });
    if (culprit) return;
    if (full) {
      this.fullUntil = Date.now() + FULL_MILLISECONDS;
      this.hooks.diskFull?.();
      return;
    }
    this.stop();
    this.hooks.fatal(error);
  }

  /** The next job, round robin over the clients. */
  private takeNext(): Job | undefined {
    for (const [client, queue] of this.queues) {
      const job = queue.shift();
      this.queues.delete(client);
      if (queue.length > 0) this.queues.set(client, queue);
      if (job) {
        this.waiting -= 1;
        return job;
      }
    }
    return undefined;
  }

  private requeue(job: Job): void {
    const queue = this.queues.get(job.request.client);
    if (queue) queue.push(job);
    else this.queues.set(job.request.client, [job]);
    this.waiting += 1;
  }

  private takeBegun(): Job[] {
    const begun: Job[] = [];
    for (const [client, queue] of this.queues) {
      const rest = queue.filter(({ slices }) => !slices);
      if (rest.length === queue.length) continue;
      begun.push(...queue.filter(({ slices }) => slices));
      this.waiting -= queue.length - rest.length;
      if (rest.length > 0) this.queues.set(client, rest);
      else this.queues.delete(client);
    }
    return begun;
  }

  private unpark(): void {
    for (const job of this.parked.splice(0)) this.requeue(job);
  }

  private takeAll(): Job[] {
    const jobs = [...this.queues.values()].flat();
    jobs.push(...this.parked.splice(0));
    this.queues.clear();
    this.waiting = 0;
    return jobs;
  }
}

function isSlices(value: unknown): value is Generator<void, unknown, void> {
  return typeof value === "object" && value !== null && typeof (value as { next?: unknown }).next === "function";
}

function nextSlice(slices: Generator<void, unknown, void>): Answer | "more" {
  const step = slices.next();
  return step.done ? { result: step.value } : "more";
}

/** Pages that are damaged or cannot be read: in a file that is otherwise in order. */
function isDamageError(error: unknown): boolean {
  if (!isDatabaseError(error)) return false;
  const { errcode = 0 } = error as { errcode?: number };
  return (errcode & 0xff) === SQLITE_CORRUPT || errcode === SQLITE_IOERR_READ || errcode === SQLITE_IOERR_SHORT_READ;
}

/** Errors of SQLite itself (full disk, input/output): the whole group is in doubt, not only the verb. */
function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === "ERR_SQLITE_ERROR";
}
