/**
 * Runs the states of a kept recording again: `node test/simulation/run/replay.ts DIRECTORY SUBJECT-MODULE [SEED STATES]`. A test that
 * fails with SIM_KEEP=DIRECTORY set keeps its last failing recording there.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { scratchDirectory } from "../disk/tree.ts";
import type { TreeEntry } from "../disk/disk-model.ts";
import { readLog } from "../record/log.ts";
import type { Subject } from "../workload/subject.ts";
import { powerCuts } from "./power-cuts.ts";

const [directory, module, seed, states] = process.argv.slice(2);
if (directory === undefined || module === undefined) throw new Error("which recording, which subject?");
const { subject } = (await import(resolve(module))) as { subject: Subject };
const kept = JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as {
  readonly rootIno: number;
  readonly seed: number;
  readonly states: number;
  readonly mounts?: string[];
};
const log = join(directory, "log");
const initial: TreeEntry[] = [{ path: "", kind: "directory", ino: kept.rootIno }];
const report = await powerCuts(
  { initial, operations: readLog(log), root: directory, log, stderr: "", restarts: 0 },
  {
    subject,
    seed: Number(seed ?? kept.seed),
    states: Number(states ?? kept.states),
    directory: join(scratchDirectory("replay"), "state"),
    collect: true,
    ...(kept.mounts ? { disk: { mounts: kept.mounts } } : {}),
  },
);
console.log(report);
