import { AsyncLocalStorage } from "node:async_hooks";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "../../base/log.ts";
import { formatProcLine, parseProcLine, type ProcState } from "./proc-line.ts";

/** Changes are written at most this long after they happened. */
const coalesceMs = 1_000;
/** Longest stretch of reading process files. */
const sliceMs = 2;
/** Files written in one go before other work gets its turn. */
const filesPerTurn = 16;

/** Linux's number. */
const SIGUSR2 = 12;

/** @throws when `proc_path` is not an absolute path other than "/" */
export function procDirectory(options: { procPath: string | undefined; configDirectory: string }): string {
  const path = options.procPath ?? join(options.configDirectory, "proc");
  if (!isAbsolute(path) || /^\/+$/.test(path)) throw new Error(`proc_path must be an absolute path, not "${path}"`);
  return path;
}

/** The state of one session and of its file. */
export interface ProcRecord {
  readonly number: number;
  state: ProcState;
  dirty: boolean;
  written: boolean;
}

/** Writes `PID.N`, a file per session, lazily: only the last of several quick changes reaches the disk. */
export class ProcFiles {
  readonly #directory: string;
  readonly #log: Log;
  readonly #pid: number;
  #dirty = new Set<ProcRecord>();
  #timer: NodeJS.Timeout | undefined;
  #complained = false;
  /** The timer must not hold on to the session that happened to start it. */
  readonly #outside = AsyncLocalStorage.snapshot();

  constructor(directory: string, log: Log, pid = process.pid) {
    this.#directory = directory;
    this.#log = log;
    this.#pid = pid;
  }

  open(number: number, state: ProcState): ProcRecord {
    const record: ProcRecord = { number, state, dirty: false, written: false };
    this.#touch(record);
    return record;
  }

  /** Cheap enough to be called for every command. */
  update(record: ProcRecord, state: ProcState): void {
    record.state = state;
    this.#touch(record);
  }

  /** Writes this one's file now, for those who count logins in other processes. */
  flush(record: ProcRecord): void {
    if (!record.dirty) return;
    this.#dirty.delete(record);
    this.#write(record);
  }

  close(record: ProcRecord): void {
    this.#dirty.delete(record);
    record.dirty = false;
    if (record.written) this.#attempt(() => rmSync(this.#path(record), { force: true }));
    record.written = false;
  }

  /** Stops the timer; files are removed by `close` of each record. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #touch(record: ProcRecord): void {
    if (record.dirty) return;
    record.dirty = true;
    this.#dirty.add(record);
    this.#timer ??= this.#outside(() => setTimeout(() => this.#writeSome(), coalesceMs).unref());
  }

  #writeSome(): void {
    this.#timer = undefined;
    let left = filesPerTurn;
    for (const record of this.#dirty) {
      if (left-- === 0) break;
      this.#dirty.delete(record);
      this.#write(record);
    }
    if (this.#dirty.size > 0) this.#timer = setTimeout(() => this.#writeSome(), 1).unref();
  }

  #write(record: ProcRecord): void {
    record.dirty = false;
    this.#attempt(() => {
      const path = this.#path(record);
      const line = formatProcLine(record.state);
      try {
        writeFileSync(`${path}.new`, line, { mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
        this.#log.notice("created proc directory");
        writeFileSync(`${path}.new`, line, { mode: 0o600 });
      }
      renameSync(`${path}.new`, path);
      record.written = true;
      this.#complained = false;
    });
  }

  #path(record: ProcRecord): string {
    return join(this.#directory, `${this.#pid}.${record.number}`);
  }

  /** A full or read-only disk costs the listing, not the sessions; said once, and again when it had worked meanwhile. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!this.#complained) this.#log.err(`IOERROR: process files in ${this.#directory}: ${(error as Error).message}`);
      this.#complained = true;
    }
  }
}

export interface ListedProc extends ProcState {
  /** `PID` or `PID.N`. */
  readonly name: string;
  readonly pid: number;
}

/** All sessions of all processes; files of processes that are gone are left out. */
export function listProcs(directory: string): ListedProc[] {
  const listed: ListedProc[] = [];
  const alive = new Map<number, boolean>();
  for (const name of readNames(directory)) {
    const proc = listOne(directory, name, alive);
    if (proc !== undefined) listed.push(proc);
  }
  return listed.sort((a, b) => a.pid - b.pid || a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
}

/** The same without holding up the event loop: reads a few files at a time. */
export async function listProcsLater(directory: string): Promise<ListedProc[]> {
  const listed: ListedProc[] = [];
  const alive = new Map<number, boolean>();
  let sliceEnd = performance.now() + sliceMs;
  for (const name of readNames(directory)) {
    if (performance.now() > sliceEnd) {
      await nextTurn();
      sliceEnd = performance.now() + sliceMs;
    }
    const proc = listOne(directory, name, alive);
    if (proc !== undefined) listed.push(proc);
  }
  return listed;
}

/** Removes what processes left behind that ended without cleaning up. */
export function sweepProcs(directory: string): void {
  const alive = new Map<number, boolean>();
  for (const name of readNames(directory)) {
    const match = /^(\d{1,10})(?:\.\d{1,15})?(?:\.new|\.end)?$/.exec(name);
    if (match === null) continue;
    const pid = Number(match[1]);
    if (!alive.has(pid)) alive.set(pid, isAlive(pid));
    if (!alive.get(pid)) rmSync(join(directory, name), { force: true });
  }
}

/**
 * A worker looks for this file beside `PID.N` on SIGUSR2 and ends the session.
 * @returns false when there is no such session
 * @throws when the process may not be signalled
 */
export function requestSessionEnd(directory: string, name: string): boolean {
  const match = /^(\d{1,10})\.(\d{1,15})$/.exec(name);
  if (match === null || readState(join(directory, name)) === undefined) return false;
  const pid = Number(match[1]);
  if (!catchesRequests(pid)) return false;
  writeFileSync(join(directory, `${name}.end`), "", { mode: 0o600 });
  process.kill(pid, "SIGUSR2");
  return true;
}

/**
 * Whether the process has a handler for SIGUSR2, as workers have. A file may be left of a worker that is gone, and its number be
 * another process's by now, which the signal would end.
 */
function catchesRequests(pid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ESRCH")
      return false;
    throw error;
  }
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & (1n << BigInt(SIGUSR2 - 1))) !== 0n;
}

/** Numbers of this process's sessions that are to be ended; the requests are taken away. */
export function takeEndRequests(directory: string, pid = process.pid): number[] {
  const numbers: number[] = [];
  for (const name of readNames(directory)) {
    const match = /^(\d{1,10})\.(\d{1,15})\.end$/.exec(name);
    if (match === null || Number(match[1]) !== pid) continue;
    rmSync(join(directory, name), { force: true });
    numbers.push(Number(match[2]));
  }
  return numbers;
}

function listOne(directory: string, name: string, alive: Map<number, boolean>): ListedProc | undefined {
  const match = /^(\d{1,10})(?:\.\d{1,15})?$/.exec(name);
  if (match === null) return undefined;
  const pid = Number(match[1]);
  if (!alive.has(pid)) alive.set(pid, isAlive(pid));
  if (!alive.get(pid)) return undefined;
  const state = readState(join(directory, name));
  return state === undefined ? undefined : { name, pid, ...state };
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function readState(path: string): ProcState | undefined {
  try {
    return parseProcLine(readFileSync(path, "utf8"));
  } catch (error) {
    // The session ended between readdir and here.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
