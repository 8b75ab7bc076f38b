/** One process that master has started: how it is started, signalled, and how its end is told. */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { getFileLimit, NativeError, setFileLimit } from "../../base/native/index.ts";
import type { Log } from "../../base/log.ts";
import type { ResolvedCommand } from "./commands.ts";

export type ChildKind = "START" | "SERVICE" | "DAEMON" | "EVENT";
export type Runnable = Extract<ResolvedCommand, { kind: "ours" | "foreign" }>;

/** EX_TEMPFAIL: what Cyrus programs answer when they were told to stop. */
const exitTemporary = 75;
/** EX_OSERR: stands for a program that could not be executed. */
const exitOsError = 71;

export interface ChildSpec {
  readonly kind: ChildKind;
  /** Entry name in cyrus.conf. */
  readonly name: string;
  readonly command: Runnable;
  /** Added to master's own environment, from which what belongs to single children is taken out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptor 3 of the child is one end of a socket pair; the other is `channel`. */
  readonly channel?: boolean;
  /** Descriptor 4 of the child. */
  readonly listener?: number;
  /** Soft limit of open files; 0 leaves what master was started with. */
  readonly maxfds?: number;
}

export interface ChildExit {
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
  /** Status 0, or 75: stopped because it was told to. */
  readonly normal: boolean;
  /** It never ran, for want of memory, processes or descriptors: no fault of the program's. */
  readonly machineShort: boolean;
}

const shortages: ReadonlySet<string> = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);

export interface ChildOptions {
  readonly log: Log;
  readonly monotonic: () => number;
  /** Where children's standard output and error go: "ignore", or descriptors. */
  readonly output: "ignore" | "inherit";
}

export class Child {
  readonly spec: ChildSpec;
  readonly pid: number;
  /** On the monotonic clock, milliseconds. */
  readonly startedAt: number;
  readonly channel: Duplex | undefined;
  /** When SIGHUP was sent to it, on the same clock. */
  hungUpAt: number | undefined;
  /** Resolves when it has ended and was logged; never rejects. */
  readonly ended: Promise<ChildExit>;
  #exit: ChildExit | undefined;
  #told = new Set<NodeJS.Signals>();

  /** Starts it. A program that cannot be executed is a child that ends at once with status 71. */
  constructor(spec: ChildSpec, { log, monotonic, output }: ChildOptions) {
    this.spec = spec;
    this.startedAt = monotonic();
    const stdio: StdioOptions = ["ignore", output, output];
    if (spec.channel === true || spec.listener !== undefined) stdio[3] = spec.channel === true ? "pipe" : "ignore";
    if (spec.listener !== undefined) stdio[4] = spec.listener;
    const { promise, resolve } = Promise.withResolvers<ChildExit>();
    this.ended = promise;
    const finish = (exit: ChildExit): void => {
      if (this.#exit) return;
      this.#exit = exit;
      logExit(log, this, exit, (monotonic() - this.startedAt) / 1000);
      resolve(exit);
    };
    const failed = (error: unknown): void => {
      log.err(`can't exec ${programPath(spec.command)} for ${spec.kind} ${spec.name}: ${messageOf(error)}`);
      finish({ status: exitOsError, signal: undefined, normal: false, machineShort: shortages.has(codeOf(error)) });
    };
    let process: ChildProcess | undefined;
    try {
      process = start(spec, stdio, log);
    } catch (error) {
      // Node throws some of the reasons, and emits the others.
      setImmediate(() => failed(error));
    }
    this.pid = process?.pid ?? 0;
    const channel = process?.stdio[3] as Duplex | null | undefined;
    this.channel = channel ?? undefined;
    this.channel?.on("error", () => this.channel?.destroy()); // it has died; its end is told by `ended`
    process?.on("error", (error) => {
      if (this.pid === 0) failed(error);
    });
    process?.on("exit", (code, signal) => {
      const status = code ?? 128 + (signal ? constants.signals[signal] : 0);
      const normal = !signal && (status === 0 || status === exitTemporary);
      finish({ status, signal: signal ?? undefined, normal, machineShort: false });
    });
  }

  get running(): boolean {
    return this.#exit === undefined && this.pid !== 0;
  }

  /** To the process alone: what it started itself is its own affair. */
  signal(signal: NodeJS.Signals): void {
    if (!this.running) return;
    this.#told.add(signal);
    sendSignal(this.pid, signal);
  }

  /** To the process and everything in its process group. */
  signalGroup(signal: NodeJS.Signals): void {
    if (this.pid === 0) return;
    this.#told.add(signal);
    sendSignal(-this.pid, signal);
  }

  /** True when it has been sent that signal: dying of it is then no news. */
  wasTold(signal: NodeJS.Signals): boolean {
    return this.#told.has(signal);
  }

  /** True while anything lives in its process group, the process itself or what it has left behind. */
  get groupAlive(): boolean {
    return this.running || (this.pid !== 0 && sendSignal(-this.pid, 0));
  }
}

/** @returns false when there is no such process (any more) */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPERM") return true;
    return false;
  }
}

/** Names of variables that one child may have and the next must not inherit. */
const privateVariables = [
  "CYRUS_SERVICE",
  "CYRUS_ID",
  "CYRUS_ISDAEMON",
  "PASARGAD_WORKER",
  "PASARGAD_MAXCHILD_SHARE",
  "PASARGAD_READY_FD",
  "PASARGAD_DAEMON_FD",
  "PASARGAD_SOFT_NOFILE",
];

function start(spec: ChildSpec, stdio: StdioOptions, log: Log): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of privateVariables) delete env[name];
  Object.assign(env, spec.env);
  const { command } = spec;
  const [file, args] =
    command.kind === "ours"
      ? [process.execPath, [...process.execArgv, command.file, ...command.args]]
      : [command.path, [...command.args]];
  // Its own session and process group: a signal from the terminal reaches master alone, which stops everything in order.
  const run = (): ChildProcess => spawn(file, args, { stdio, env, detached: true });
  return command.kind === "ours" ? run() : withFileLimit(spec.maxfds ?? 0, log, run);
}

/**
 * The soft limit of descriptors that a foreign program inherits: `maxfds`, else what master itself was started with,
 * because Node raises its own to the hard limit. Our programs are Node as well and would raise it again.
 */
function withFileLimit(maxfds: number, log: Log, run: () => ChildProcess): ChildProcess {
  const limit = getFileLimit();
  const original = Number(process.env["PASARGAD_SOFT_NOFILE"]);
  let soft = maxfds > 0 ? maxfds : original > 0 ? original : limit.soft;
  if (soft > limit.hard) {
    log.warning(`maxfds=${soft} is above the hard limit of ${limit.hard}, which is used instead`);
    soft = limit.hard;
  }
  if (soft === limit.soft) return run();
  let child: ChildProcess | undefined;
  try {
    setFileLimit({ soft, hard: limit.hard });
    child = run();
  } finally {
    setFileLimit(limit);
  }
  if (child.pid !== undefined) return child;
  // Master itself has more descriptors open than the child may have: set the child's limit from outside instead.
  child.on("error", () => undefined);
  const second = run();
  try {
    if (second.pid !== undefined) setFileLimit({ soft, hard: limit.hard }, second.pid);
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    log.warning(`cannot set the descriptor limit of pid ${second.pid}: ${error.message}`);
  }
  return second;
}

export function programPath(command: Runnable): string {
  return command.kind === "ours" ? command.file : command.path;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function logExit(log: Log, child: Child, exit: ChildExit, ageSeconds: number): void {
  const { kind, name, command } = child.spec;
  const age = ageSeconds.toFixed(3);
  const who = `process type:${kind} name:${name} path:${programPath(command)} age:${age}s pid:${child.pid}`;
  if (exit.signal && child.wasTold(exit.signal)) log.debug(`${who} was killed`);
  else if (exit.signal)
    log.err(`${who} signaled to death by signal ${constants.signals[exit.signal]} (${exit.signal})`);
  else if (exit.status === 0) log.debug(`${who} exited normally`);
  else if (exit.status === exitTemporary) log.debug(`${who} was killed`);
  else log.err(`${who} exited, status ${exit.status}`);
}

/** A process that hangs in the kernel (a dead disk or file server) does not even die of SIGKILL; nobody waits for it longer. */
const killPatienceMs = 3_000;

/**
 * Signals a group of children, waits until all their process groups are gone, and after `graceMs` kills what is left.
 * What does not die of that within `killPatienceMs` is named in the log and left behind.
 */
export async function stopChildren(
  children: readonly Child[],
  options: {
    readonly signal?: NodeJS.Signals;
    readonly graceMs: number;
    readonly log: Log;
    readonly killPatienceMs?: number;
  },
): Promise<void> {
  const { signal = "SIGTERM", graceMs, log } = options;
  for (const child of children) child.signalGroup(signal);
  const end = performance.now() + graceMs;
  // What a child has left behind in its group tells nobody when it ends, so we look.
  const pollMs = 20;
  while (performance.now() < end && children.some((child) => child.groupAlive)) await delay(pollMs);
  const left = children.filter((child) => child.groupAlive);
  for (const child of left) {
    log.warning(`${child.spec.kind} ${child.spec.name} pid ${child.pid} did not stop in time, killing it`);
    child.signalGroup("SIGKILL");
  }
  const patience = new AbortController();
  const tooLong = delay(options.killPatienceMs ?? killPatienceMs, undefined, { signal: patience.signal });
  await Promise.race([Promise.all(children.map((child) => child.ended)), tooLong]);
  patience.abort();
  await tooLong.catch(() => undefined); // it was not needed
  for (const child of children) {
    if (child.running)
      log.err(`${child.spec.kind} ${child.spec.name} pid ${child.pid} cannot be killed, leaving it behind`);
  }
}
