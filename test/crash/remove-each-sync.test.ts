/** Takes each kind of sync out of a recording in turn; without any one of them something acknowledged must get lost. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../simulation/disk/tree.ts";
import { recordRun } from "../simulation/run/record-run.ts";
import { removeEachSync } from "../simulation/run/remove-syncs.ts";
import { subject } from "../simulation/store/store-subject.ts";
import { printTable } from "./table.ts";

const scratch = scratchDirectory("remove");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "../simulation/store/store-subject.ts");

/** Syncs without which nothing is lost, each with its reason. */
const notNeeded: ReadonlyMap<string, string> = new Map([
  [
    "fsync store",
    "SQLite's own, of the names of journal and log: the sync of the store's directory at start covers them",
  ],
  ["fsync store/N.db-journal", "only while the database is made, before anything is acknowledged"],
]);

test("a loss is found when any one kind of sync is taken out", async () => {
  const recording = await recordRun({
    directory: scratch,
    subject: subjectModule,
    seed: 1,
    actions: 300,
    concurrency: 4,
    apart: true,
    script: { largeChance: 0.1 },
  });
  const reports = await removeEachSync(recording, {
    subject,
    seed: 1,
    states: 400,
    directory: join(scratch, "state"),
    disk: { mounts: ["spool", "spool2"] },
    secondLifeEvery: 0,
  });
  printTable(
    ["sync", "times", "covered", "states", "found"],
    reports.map(({ name, syncs, covered, states, failure }) => [
      name,
      syncs,
      covered,
      states,
      failure?.split("\n")[1]?.trim().slice(0, 90) ?? `nothing: ${notNeeded.get(name) ?? "WHY?"}`,
    ]),
  );
  const missed = reports.filter(({ name, failure }) => failure === undefined && !notNeeded.has(name));
  assert.deepEqual(
    missed.map(({ name }) => name),
    [],
  );
});
