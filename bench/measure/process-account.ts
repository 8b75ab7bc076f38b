/**
 * CPU time and membership of a server's whole process tree, from its first process to children long gone.
 *
 * Best is a cgroup (v2, or the v1 controller cpuacct): the kernel adds up every process that ever was in it, to the
 * microsecond. Where none may be made, /proc is summed with the times of reaped children, in ticks of 10 ms.
 */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

export interface ProcessAccount {
  /** "cgroup2", "cpuacct" or "proc": how exact the figures are. */
  readonly kind: string;
  /** Starts the server's first process inside the account. */
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** User plus system time of all processes so far, in microseconds. */
  cpuMicroseconds(): number;
  /** The processes that live now. */
  pids(): number[];
  /** Frees what the account holds; only after the server has ended. */
  close(): void;
}

const candidates = [
  { kind: "cgroup2", parent: "/sys/fs/cgroup", mark: "cgroup.subtree_control" },
  { kind: "cgroup2", parent: "/sys/fs/cgroup/unified", mark: "cgroup.subtree_control" },
  { kind: "cpuacct", parent: "/sys/fs/cgroup/cpuacct", mark: "cpuacct.usage" },
];

/** The most exact account that this machine and this user allow. */
export function openAccount(name: string): ProcessAccount {
  for (const { kind, parent, mark } of candidates) {
    if (!existsSync(join(parent, mark))) continue;
    const dir = join(parent, `pasargad-bench-${name}-${process.pid}`);
    try {
      mkdirSync(dir);
    } catch {
      continue; // Not root, or a read-only hierarchy: the next kind will do.
    }
    const account = cgroupAccount(kind, dir);
    if (account) return account;
  }
  return procAccount();
}

function cgroupAccount(kind: string, dir: string): ProcessAccount | undefined {
  const procs = join(dir, "cgroup.procs");
  const readCpu =
    kind === "cgroup2"
      ? (): number => Number(/usage_usec (\d+)/.exec(readFileSync(join(dir, "cpu.stat"), "utf8"))?.[1])
      : (): number => Number(readFileSync(join(dir, "cpuacct.usage"), "utf8")) / 1000;
  if (!existsSync(procs) || Number.isNaN(readCpu())) {
    rmdirSync(dir);
    return undefined;
  }
  return {
    kind,
    spawn(file, args, options) {
      // The shell joins the cgroup, then becomes the server: not one process of it is outside.
      const script = 'echo $$ > "$0" && exec "$@"';
      return spawn("/bin/sh", ["-c", script, procs, file, ...args], options);
    },
    cpuMicroseconds: readCpu,
    pids: () =>
      readFileSync(procs, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(Number),
    close() {
      try {
        rmdirSync(dir);
      } catch (error) {
        // A process of the server outlives it for a moment now and then; an empty cgroup left behind does no harm.
        process.stderr.write(`${dir}: ${String(error)}\n`);
      }
    },
  };
}

/** One line of /proc/PID/stat, as far as it is needed. Times in clock ticks. */
export interface ProcessTimes {
  readonly parent: number;
  readonly group: number;
  /** Own time and that of its reaped children, user and system. */
  readonly ticks: number;
}

/** @param text the content of /proc/PID/stat; the command in it may hold blanks and parentheses */
export function parseStat(text: string): ProcessTimes {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { parent: Number(fields[1]), group: Number(fields[2]), ticks };
}

const microsecondsPerTick = 10_000; // USER_HZ is 100 on every Linux port of interest.

function procAccount(): ProcessAccount {
  let root = 0;
  const tree = (): Map<number, ProcessTimes> => {
    const all = new Map<number, ProcessTimes>();
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        all.set(Number(name), parseStat(readFileSync(`/proc/${name}/stat`, "utf8")));
      } catch (error) {
        // It ended between the two calls; its parent has its time once it is reaped.
        if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      }
    }
    const members = new Map<number, ProcessTimes>();
    let grew = true;
    while (grew) {
      grew = false;
      for (const [pid, times] of all) {
        if (members.has(pid)) continue;
        if (pid !== root && times.group !== root && !members.has(times.parent)) continue;
        members.set(pid, times);
        grew = true;
      }
    }
    return members;
  };
  return {
    kind: "proc",
    spawn(file, args, options) {
      const child = spawn(file, args, { ...options, detached: true });
      root = child.pid ?? 0;
      return child;
    },
    cpuMicroseconds: () => [...tree().values()].reduce((sum, { ticks }) => sum + ticks, 0) * microsecondsPerTick,
    pids: () => [...tree().keys()],
    close() {},
  };
}
