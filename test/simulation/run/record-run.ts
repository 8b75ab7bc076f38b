/** Runs the workload under the shim and returns what was recorded. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { readTree } from "../disk/tree.ts";
import type { TreeEntry } from "../disk/disk-model.ts";
import { type Operation, readLog } from "../record/log.ts";
import { shimEnvironment, type ShimRule } from "../record/shim.ts";
import type { ChildOptions } from "../workload/child.ts";

export interface Recording {
  readonly initial: readonly TreeEntry[];
  readonly operations: readonly Operation[];
  /** The directory as the program left it. */
  readonly root: string;
  readonly stderr: string;
  readonly signal: NodeJS.Signals | null;
}
export interface RunOptions extends Omit<ChildOptions, "root"> {
  /** Scratch directory; `root/`, `log` and `acks` are made in it. An existing `root/` is used as it is with `keepRoot`. */
  readonly directory: string;
  readonly keepRoot?: boolean;
  readonly rules?: readonly ShimRule[];
  /** Passed on to the program (toy faults). */
  readonly environment?: Readonly<Record<string, string>>;
}

const child = resolve(import.meta.dirname, "../workload/child.ts");
const timeoutMs = 120_000;

/** @throws Error when the program crashed other than by a rule, or hung */
export async function recordRun({
  directory,
  keepRoot,
  rules,
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
  const childOptions: ChildOptions = { ...options, root };
  const program = spawn(process.execPath, [child, JSON.stringify(childOptions)], {
    env: { ...process.env, ...environment, ...shimEnvironment({ root, log, ack, ...(rules ? { rules } : {}) }) },
    stdio: ["ignore", "inherit", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let stderr = "";
  program.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, failed) => {
    program.on("error", failed).on("close", (...how) => done(how));
  });
  const killed = signal === "SIGKILL" && rules?.some(({ action }) => action === "kill");
  if (code !== 0 && !killed) throw new Error(`the recorded program ended with ${code ?? signal}:\n${stderr}`);
  return { initial, operations: readLog(log), root, stderr, signal };
}
