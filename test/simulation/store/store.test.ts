import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import { powerCuts } from "../run/power-cuts.ts";
import { recordRun } from "../run/record-run.ts";
import { subject } from "./store-subject.ts";

const scratch = scratchDirectory("store");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "store-subject.ts");

for (const seed of [1, 2, 3])
  test(`the store survives every power cut, seed ${seed}`, async () => {
    const recording = await recordRun({
      directory: scratch,
      subject: subjectModule,
      seed,
      actions: 300,
      concurrency: 4,
    });
    const report = await powerCuts(recording, { subject, seed, states: 100, directory: join(scratch, "state") });
    assert.deepEqual(report.failures, []);
    assert.ok(report.distinct > 50, `only ${report.distinct} different states`);
  });
