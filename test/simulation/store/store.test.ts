import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import type { ShimRule } from "../record/shim.ts";
import { injectOne } from "../run/inject.ts";
import { Random } from "../random.ts";
import { checkState, powerCuts } from "../run/power-cuts.ts";
import { recordRun } from "../run/record-run.ts";
import { Progress } from "../workload/progress.ts";
import { storeSubject } from "./store-subject.ts";

const scratch = scratchDirectory("store");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "store-subject.ts");
const state = join(scratch, "state");

/** 300 power cuts: one filesystem for all, and the partitions on their own. */
const runs = [
  [1, "delayed", []],
  [2, "immediate", ["spool", "spool2"]],
  [3, "mixed", []],
] as const;
for (const [seed, variant, mounts] of runs)
  test(`the store survives every power cut, seed ${seed}, ${variant}`, async (t) => {
    const subject = storeSubject(variant);
    const recording = await recordRun({
      environment: { SIM_VARIANT: variant },
      apart: mounts.length > 0,
      directory: scratch,
      subject: subjectModule,
      seed,
      actions: 300,
      concurrency: 4,
    });
    assert.equal(recording.restarts, 0, recording.stderr);
    const report = await powerCuts(recording, { subject, seed, states: 100, directory: state, disk: { mounts } });
    const { states, distinct, secondLives, acknowledged, failures } = report;
    t.diagnostic(
      `${states} states, ${distinct} distinct, ${secondLives} second lives, ${acknowledged} acknowledged, ${failures.length} lost`,
    );
    assert.deepEqual(report.failures, []);
    assert.ok(report.distinct > 50, `only ${report.distinct} different states`);
  });

for (const variant of ["delayed", "immediate"])
  test(`work in slices that meets other work leaves a store in order, ${variant}`, async () => {
    const own = storeSubject(variant);
    const run = { seed: 5, actions: 600, concurrency: 10, script: { overlap: true } };
    const environment = { SIM_VARIANT: variant };
    const recording = await recordRun({ directory: scratch, subject: subjectModule, environment, ...run });
    assert.equal(recording.restarts, 0, recording.stderr);
    assert.equal(recording.stderr, "");
    const progress = new Progress();
    for (const operation of recording.operations) if (operation.kind === "ack") progress.take(operation.text);
    assert.deepEqual(await checkState(own, recording.root, progress, new Random(5)), []);
  });

const subject = storeSubject("delayed");
const injections: readonly (readonly [string, ...ShimRule[]])[] = [
  ["the sync of a commit fails", { action: "fail", calls: ["fsync"], path: "*-wal", nth: 12, error: "EIO" }],
  ["the log cannot be written", { action: "fail", calls: ["write"], path: "*-wal", nth: 60, error: "EIO" }],
  [
    "the disk is full for the log",
    { action: "fail", calls: ["write"], path: "*-wal", nth: 60, times: 5, error: "ENOSPC" },
  ],
  ["a write of the log is cut short", { action: "short", calls: ["write"], path: "*-wal", nth: 61 }],
  ["the sync of message files fails", { action: "fail", calls: ["syncfs"], nth: 3, error: "EIO" }],
  [
    "the disk is full for message files",
    { action: "fail", calls: ["write", "open"], path: "spool/*", nth: 7, error: "ENOSPC" },
  ],
  ["the disk stays full", { action: "fail", calls: ["write"], nth: 300, times: 0, error: "ENOSPC" }],
  ["the writer is killed", { action: "kill", nth: 700 }],
];
for (const [what, ...rules] of injections)
  test(`the store loses nothing when ${what}`, async () => {
    const run = { directory: scratch, subject, subjectModule, seed: 6, actions: 150, concurrency: 4, states: 20 };
    assert.deepEqual(await injectOne(run, ...rules), []);
  });

test("the store loses nothing when the sync of message files fails and the writer is killed before it tries again", async () => {
  const run = { directory: scratch, subject, subjectModule, seed: 6, actions: 900, concurrency: 4, states: 40 };
  const fail: ShimRule = { action: "fail", calls: ["syncfs"], nth: 3, error: "EIO" };
  assert.deepEqual(await injectOne(run, fail, { action: "kill", calls: ["fsync"], path: "*-wal", nth: 220 }), []);
});
