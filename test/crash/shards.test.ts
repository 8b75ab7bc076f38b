/** Three shards: power cuts and kills while messages, mailboxes and users go from one to another. SIM_STATES, SIM_KILLS, SIM_SEED. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../simulation/disk/tree.ts";
import { killWriters } from "../simulation/shards/kills.ts";
import { cutLanes, recordLanes } from "../simulation/shards/power-cuts.ts";
import { printTable } from "./table.ts";

const scratch = scratchDirectory("shards");
after(() => rmSync(scratch, { recursive: true, force: true }));
const firstSeed = Number(process.env["SIM_SEED"] ?? 1000);
const states = Number(process.env["SIM_STATES"] ?? 1500);
const kills = Number(process.env["SIM_KILLS"] ?? 120);
const statesPerRun = 50;
const killsPerRun = 20;

const variants = [
  ["conversations: yes", "expunge_mode: immediate"],
  ["conversations: no", "expunge_mode: delayed"],
  ["conversations: yes", "expunge_mode: delayed", "delete_mode: immediate"],
] as const;

test("power cuts", async () => {
  const rows: (string | number)[][] = [];
  const failures: string[] = [];
  for (let run = 0; run * statesPerRun < states; run++) {
    const common = { seed: firstSeed + run, lanes: 1 + (run % 7), settings: variants[run % variants.length]! };
    const recording = await recordLanes({ ...common, directory: scratch, actions: 260 });
    const report = await cutLanes(recording, { ...common, states: statesPerRun, directory: join(scratch, "state") });
    rows.push([common.seed, common.lanes, report.states, report.distinct, report.answered, report.failures.length]);
    failures.push(...report.failures);
  }
  printTable(["seed", "lanes", "states", "distinct", "answered", "lost"], rows);
  assert.deepEqual(failures, []);
});

test("kills of one writer while the others go on", async () => {
  const rows: (string | number)[][] = [];
  const problems: string[] = [];
  for (let run = 0; run * killsPerRun < kills; run++) {
    const seed = firstSeed + run;
    const lanes = 2 + (run % 6);
    const settings = variants[run % variants.length]!;
    const report = await killWriters({ directory: join(scratch, "kills"), seed, lanes, kills: killsPerRun, settings });
    rows.push([seed, lanes, report.kills, report.answered, [...report.refused.values()].reduce((a, b) => a + b, 0)]);
    problems.push(...report.problems);
  }
  printTable(["seed", "lanes", "kills", "answered", "refused"], rows);
  assert.deepEqual(problems, []);
});
