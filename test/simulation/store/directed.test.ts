/** Power cuts at chosen moments: while the database is made, while the store is closed, while a recovery is under way. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { randomChooser } from "../disk/choice.ts";
import { DiskModel } from "../disk/disk-model.ts";
import { materialise, scratchDirectory } from "../disk/tree.ts";
import { Random } from "../random.ts";
import { powerCuts } from "../run/power-cuts.ts";
import { type Recording, recordRun } from "../run/record-run.ts";
import { Progress } from "../workload/progress.ts";
import { storeSubject } from "./store-subject.ts";

const scratch = scratchDirectory("directed");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "store-subject.ts");
const subject = storeSubject("delayed");
const run = { subject: subjectModule, seed: 7, concurrency: 4, environment: { SIM_VARIANT: "delayed" } };
const directory = join(scratch, "state");

const recorded = recordRun({ ...run, directory: join(scratch, "first"), actions: 120 });

test("the power goes while the database is made", async () => {
  const recording = await recorded;
  const cuts = Array.from({ length: 70 }, (_, i) => 2 * i);
  const report = await powerCuts(recording, { subject, seed: 1, states: cuts.length, cuts, directory });
  assert.deepEqual(report.failures, []);
});

test("the power goes while the store is closed", async () => {
  const recording = await recorded;
  const { length } = recording.operations;
  const cuts = Array.from({ length: 40 }, (_, i) => length - 2 * (40 - i) + 1);
  const report = await powerCuts(recording, { subject, seed: 1, states: cuts.length, cuts, directory });
  assert.deepEqual(report.failures, []);
});

/** The disk after a power cut at that place, and what had been acknowledged. */
function cutAt(recording: Recording, place: number, random: Random): { model: DiskModel; progress: Progress } {
  const model = new DiskModel(recording.initial, { exclude: subject.excluded });
  const progress = new Progress();
  for (const operation of recording.operations.slice(0, place)) {
    model.apply(operation);
    if (operation.kind === "ack") progress.take(operation.text);
  }
  materialise(model.afterCut(randomChooser(random, place)), join(scratch, "second", "root"));
  return { model, progress };
}

for (const seed of [1, 2, 3])
  test(`the power goes again while the store recovers, ${seed}`, async () => {
    const recording = await recorded;
    const random = new Random(seed, 6);
    const { progress } = cutAt(recording, random.between(500, recording.operations.length), random);
    // Opens the store, which recovers, and closes it.
    const recovery = await recordRun({ ...run, directory: join(scratch, "second"), keepRoot: true, actions: -10 });
    const report = await powerCuts(recovery, { subject, seed, states: 20, directory, known: progress });
    assert.deepEqual(report.failures, []);
  });
