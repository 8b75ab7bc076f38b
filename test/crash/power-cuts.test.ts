/** The long simulation: at least 5,000 power-cut states, power cuts during recovery among them. Prints a table. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../simulation/disk/tree.ts";
import type { DiskOptions } from "../simulation/disk/disk-model.ts";
import { powerCuts } from "../simulation/run/power-cuts.ts";
import { slowFiles } from "../simulation/run/slow-files.ts";
import { recordRun } from "../simulation/run/record-run.ts";
import { variants } from "../simulation/store/open-store.ts";
import { storeSubject } from "../simulation/store/store-subject.ts";
import { printTable } from "./table.ts";

const scratch = scratchDirectory("crash");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "../simulation/store/store-subject.ts");
const firstSeed = Number(process.env["SIM_SEED"] ?? 1000);
const totalStates = Number(process.env["SIM_STATES"] ?? 5000);
const statesPerRun = 250;
const disks: readonly (readonly [string, DiskOptions])[] = [
  ["strict", {}],
  ["strict, partitions apart", { mounts: ["spool", "spool2"] }],
  ["as ext4", { syncCoversAllNames: true }],
];

test(`${totalStates} power cuts lose nothing`, async () => {
  const rows: (string | number)[][] = [];
  const failures: string[] = [];
  for (let run = 0; run * statesPerRun < totalStates; run++) {
    const seed = firstSeed + run;
    const [disk, options] = disks[run % disks.length]!;
    const variant = Object.keys(variants)[Math.floor(run / disks.length) % Object.keys(variants).length]!;
    const subject = storeSubject(variant);
    const actions = 200 + 100 * (run % 5);
    const concurrency = 1 + (run % 8);
    const isSlow = run % 2 === 1;
    const recording = await recordRun({
      directory: scratch,
      subject: subjectModule,
      seed,
      actions,
      concurrency,
      environment: { SIM_VARIANT: variant, ...(isSlow ? slowFiles : {}) },
      apart: options.mounts !== undefined,
    });
    assert.equal(recording.stderr, "", `seed ${seed}`);
    const report = await powerCuts(recording, {
      subject,
      seed,
      states: statesPerRun,
      directory: join(scratch, "state"),
      disk: options,
      collect: true,
    });
    const { states, distinct, secondLives, acknowledged } = report;
    rows.push([
      seed,
      variant,
      disk,
      isSlow ? "slow" : "",
      concurrency,
      recording.operations.length,
      acknowledged,
      states,
      distinct,
      secondLives,
      report.failures.length,
    ]);
    failures.push(...report.failures);
  }
  printTable(
    [
      "seed",
      "variant",
      "disk",
      "files",
      "in flight",
      "operations",
      "acknowledged",
      "states",
      "distinct",
      "second lives",
      "lost",
    ],
    [...rows, ["all", "", "", "", "", ...[5, 6, 7, 8, 9, 10].map((column) => sum(rows, column))]],
  );
  assert.deepEqual(failures.slice(0, 5), [], `${failures.length} states with losses`);
});

function sum(rows: readonly (string | number)[][], column: number): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}
