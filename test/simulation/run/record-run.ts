/** Runs the workload under the shim and returns what was recorded. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { readTree } from "../disk/tree.ts";
import type { TreeEntry } from "../disk/disk-model.ts";
import { type Operation, readLog } from "../record/log.ts";
import { shimEnvironment, type ShimRule } from "../record/shim.ts";
import type { ChildOptions } from "../workload/child.ts";
import { cannotOpenCode, storeFailedCode } from "../workload/exit-codes.ts";

export interface Recording {
  readonly initial: readonly TreeEntry[];
  readonly operations: readonly Operation[];
  /** The directory as the program left it. */
  readonly root: string;
  /** The log file. */
  readonly log: string;
  readonly stderr: string;
  /** How often the program was started again after the store failed or a rule killed it. */
  readonly restarts: number;
}
export interface RunOptions extends Omit<ChildOptions, "root" | "restarts"> {
  /** Scratch directory; `root/`, `log` and `acks` are made in it. */
  readonly directory: string;
  /** A tree to begin with, which is then taken as durable. Default: empty. */
  readonly keepRoot?: boolean;
  readonly rules?: readonly ShimRule[];
  /** The folders of the root are filesystems of their own. */
  readonly apart?: boolean;
  /** Passed on to the program (toy faults). */
  readonly environment?: Readonly<Record<string, string>>;
}

const child = resolve(import.meta.dirname, "../workload/child.ts");
const timeoutMs = 120_000;
const maximumRestarts = 6;

/** @throws Error when the program crashed other than by a rule, or hung */
export async function recordRun({
  directory,
  keepRoot,
  rules,
  apart = false,
  environment,
  ...options
}: RunOptions): Promise<Recording> {
  const root = join(directory, "root");
  const log = join(directory, "log");
  const ack = join(directory, "acks");
  for (const old of [log, `${log}.ctl`, ack, ...(keepRoot ? [] : [root])])
    rmSync(old, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const initial = readTree(root);
  const env = {
    ...process.env,
    ...environment,
    ...shimEnvironment({ root, log, ack, apart, ...(rules ? { rules } : {}) }),
  };
  let stderr = "";
  let restarts = 0;
  for (;;) {
    const end = await runOnce({ ...options, root, restarts }, env);
    stderr += end.stderr;
    const killed = end.signal === "SIGKILL" && rules?.some(({ action }) => action === "kill");
    const failed = end.code === storeFailedCode || end.code === cannotOpenCode;
    if (end.code !== 0 && !killed && !failed)
      throw new Error(`the recorded program ended with ${end.code ?? end.signal}:\n${stderr}`);
    if (end.code === 0 || restarts === maximumRestarts) break;
    restarts++;
  }
  return { initial, operations: readLog(log), root, log, stderr, restarts };
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}
async function runOnce(options: ChildOptions, env: NodeJS.ProcessEnv): Promise<End> {
  const program = spawn(process.execPath, [child, JSON.stringify(options)], {
    env,
    stdio: ["ignore", "inherit", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGTERM",
  });
  let stderr = "";
  program.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((done, failed) => {
    program.on("error", failed).on("close", (code, signal) => done({ code, signal, stderr }));
  });
}
