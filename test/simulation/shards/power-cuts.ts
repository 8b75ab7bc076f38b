/** Records lanes at work on three shards, cuts the power at many places, recovers all shards from each state, and checks them. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { randomChooser } from "../disk/choice.ts";
import { chooseCuts } from "../disk/cuts.ts";
import { DiskModel, treeDigest } from "../disk/disk-model.ts";
import { materialise, readTree } from "../disk/tree.ts";
import { Random } from "../random.ts";
import { type Operation, readLog } from "../record/log.ts";
import { shimEnvironment } from "../record/shim.ts";
import type { TreeEntry } from "../disk/disk-model.ts";
import { checkShards, inspect } from "./check.ts";
import type { ShardsChildOptions } from "./child.ts";
import { Lanes } from "./lane.ts";
import { prepare, runLane } from "./run-lanes.ts";
import { openSharded } from "./sharded-store.ts";

export interface ShardsRecording {
  readonly initial: readonly TreeEntry[];
  readonly operations: readonly Operation[];
  readonly root: string;
}

export type RecordOptions = Omit<ShardsChildOptions, "root"> & { readonly directory: string };

/** @throws Error when the recorded program failed */
export async function recordLanes({ directory, ...options }: RecordOptions): Promise<ShardsRecording> {
  const [root, log, ack] = ["root", "log", "acks"].map((name) => join(directory, name)) as [string, string, string];
  for (const old of [root, log, `${log}.ctl`, ack]) rmSync(old, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const initial = readTree(root);
  const child = resolve(import.meta.dirname, "child.ts");
  const program = spawn(process.execPath, [child, JSON.stringify({ ...options, root })], {
    env: { ...process.env, ...shimEnvironment({ root, log, ack }) },
    stdio: ["ignore", "inherit", "pipe"],
    timeout: 240_000,
  });
  let stderr = "";
  program.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise((done) => program.on("close", done));
  if (code !== 0 || stderr !== "") throw new Error(`the recorded program ended with ${String(code)}:\n${stderr}`);
  return { initial, operations: readLog(log), root };
}

export interface CutLanesOptions {
  readonly seed: number;
  readonly lanes: number;
  readonly states: number;
  readonly settings: readonly string[];
  readonly directory: string;
}

export interface CutLanesReport {
  readonly states: number;
  readonly distinct: number;
  readonly answered: number;
  /** Actions that were under way when the power went, by verb. */
  readonly open: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

export async function cutLanes(recording: ShardsRecording, options: CutLanesOptions): Promise<CutLanesReport> {
  const { seed, states, directory } = options;
  const random = new Random(seed, 3);
  const model = new DiskModel(recording.initial, { exclude: (path) => path.endsWith("-shm") });
  const lanes = new Lanes(options.lanes);
  const distinct = new Set<string>();
  const open = new Map<string, number>();
  const failures: string[] = [];
  let done = 0;
  for (const cut of chooseCuts(random, recording.operations, states)) {
    while (model.position < cut) {
      const operation = recording.operations[model.position]!;
      model.apply(operation);
      if (operation.kind === "ack") lanes.take(operation.text);
    }
    const chooser = randomChooser(random, cut);
    const tree = model.afterCut(chooser);
    distinct.add(treeDigest(tree));
    materialise(tree, directory);
    for (const { open: action } of lanes.lanes) if (action) open.set(action.verb, (open.get(action.verb) ?? 0) + 1);
    const problems = await checkState(directory, lanes, options, done % 5 === 0);
    done++;
    if (problems.length === 0) continue;
    failures.push(
      `seed ${seed} of ${states}, cut ${cut}, ${chooser.name}:\n    ${problems.slice(0, 8).join("\n    ")}`,
    );
    if (failures.length >= 3) break;
  }
  rmSync(directory, { recursive: true, force: true });
  return { states: done, distinct: distinct.size, answered: lanes.answered, open, failures };
}

/** @param goOn works with the recovered store, and checks it again */
async function checkState(
  root: string,
  lanes: Lanes,
  { settings, seed }: CutLanesOptions,
  goOn: boolean,
): Promise<string[]> {
  let step = "recovery";
  try {
    const before = inspect(root);
    if (before.length > 0) return before;
    await reopen(root, settings);
    step = "reading";
    const problems = checkShards(root, lanes);
    if (problems.length > 0 || !goOn) return problems;
    step = "going on";
    const later = new Lanes(2);
    const mail = await openSharded(root, { threads: false, settings });
    await prepare(mail);
    for (const lane of later.lanes) {
      let left = 15;
      // Names of their own: these are lanes that nobody has been before.
      const renumbered = Object.assign(lane, { number: lane.number + 20 });
      await runLane(
        mail,
        renumbered,
        new Random(seed, 200),
        () => left-- > 0,
        () => {},
      );
    }
    await mail.settle();
    await mail.close();
    await reopen(root, settings);
    const known = { lanes: [...lanes.lanes, ...later.lanes] } as unknown as Lanes;
    return checkShards(root, known).map((problem) => `going on: ${problem}`);
  } catch (error) {
    return [`${step} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}

/** The first round of file work may find that others still need files; the second one need not. */
async function reopen(root: string, settings: readonly string[]): Promise<void> {
  const mail = await openSharded(root, { threads: false, settings });
  for (let round = 0; round < 3; round++) await mail.settle();
  await mail.close();
}
