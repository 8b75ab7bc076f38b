import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import type { ShimRule } from "../record/shim.ts";
import { injectOne } from "../run/inject.ts";
import { powerCuts, type CutReport } from "../run/power-cuts.ts";
import { type Recording, recordRun } from "../run/record-run.ts";
import { removeEachSync } from "../run/remove-syncs.ts";
import { toyFaults } from "./toy-faults.ts";
import { toyFaultVariable, toySubject } from "./toy-subject.ts";

const scratch = scratchDirectory("toy");
after(() => rmSync(scratch, { recursive: true, force: true }));

const subjectModule = resolve(import.meta.dirname, "toy-subject.ts");
const state = join(scratch, "state");
const run = { directory: scratch, actions: 150, concurrency: 3 };

async function record(seed: number, fault?: string): Promise<Recording> {
  const environment = fault === undefined ? {} : { [toyFaultVariable]: fault };
  return recordRun({ ...run, subject: subjectModule, seed, environment });
}
async function simulate(seed: number, states: number, fault?: string): Promise<CutReport> {
  return powerCuts(await record(seed, fault), { subject: toySubject(fault), seed, states, directory: state });
}

test("the toy store survives every power cut", async () => {
  const report = await simulate(1, 60);
  assert.deepEqual(report.failures, []);
  assert.ok(report.distinct > 30, `only ${report.distinct} different states`);
});

const failingSyncfs: ShimRule = { action: "fail", calls: ["syncfs"], nth: 3, error: "EIO" };

for (const [fault, what] of Object.entries(toyFaults).filter(([fault]) => fault !== "digestIsProof"))
  test(`the toy store is caught when ${what}`, async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const { failures } = await simulate(seed, 60, fault);
      if (failures.length > 0) return;
    }
    assert.fail(`nothing wrong was found with ${fault}`);
  });

test("a loss is found when any one kind of sync is taken out of the toy store", async () => {
  const options = { subject: toySubject(), seed: 1, states: 60, directory: state, secondLifeEvery: 0 };
  const missed = (await removeEachSync(await record(1), options)).filter(({ failure }) => failure === undefined);
  assert.deepEqual(
    missed.map(({ name }) => name),
    // Only while the database is made, before anything is acknowledged.
    ["fsync store/N.db-journal"],
  );
});

const injections: readonly ShimRule[] = [
  { action: "fail", calls: ["fsync"], path: "*-wal", nth: 12, error: "EIO" },
  { action: "fail", calls: ["write"], path: "*-wal", nth: 60, error: "ENOSPC" },
  { action: "short", calls: ["write"], path: "*-wal", nth: 61 },
  failingSyncfs,
  { action: "fail", calls: ["write"], path: "spool/*", nth: 7, error: "ENOSPC" },
  { action: "fail", calls: ["write"], nth: 300, times: 0, error: "ENOSPC" },
  { action: "kill", nth: 200 },
];
for (const rule of injections)
  test(`the toy store loses nothing with ${JSON.stringify(rule)}`, async () => {
    const options = { ...run, subject: toySubject(), subjectModule, seed: 5, states: 15 };
    assert.deepEqual(await injectOne(options, rule), []);
  });

test(`the toy store is caught when ${toyFaults.digestIsProof}`, async () => {
  const fault = "digestIsProof";
  const environment = { [toyFaultVariable]: fault };
  const options = { ...run, subject: toySubject(fault), subjectModule, environment, seed: 5, states: 15 };
  assert.notDeepEqual(await injectOne(options, failingSyncfs), []);
});
