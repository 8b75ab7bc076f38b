/** Makes every call of a run fail in turn: EIO, ENOSPC, a short write, SIGKILL. After each, power cuts and a check. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../simulation/disk/tree.ts";
import type { ShimCall, ShimRule } from "../simulation/record/shim.ts";
import { countCalls, injectOne } from "../simulation/run/inject.ts";
import { recordRun } from "../simulation/run/record-run.ts";
import { subject } from "../simulation/store/store-subject.ts";
import { printTable } from "./table.ts";

const scratch = scratchDirectory("inject");
after(() => rmSync(scratch, { recursive: true, force: true }));
const subjectModule = resolve(import.meta.dirname, "../simulation/store/store-subject.ts");
const run = { directory: scratch, seed: 9, actions: 60, concurrency: 3 };
/** Of each kind of call at most so many places, spread evenly. */
const places = Number(process.env["SIM_PLACES"] ?? 40);

type Make = (call: ShimCall, nth: number) => ShimRule;
const errors: readonly (readonly [string, (call: ShimCall) => boolean, Make])[] = [
  ["EIO", () => true, (call, nth) => ({ action: "fail", calls: [call], nth, error: "EIO" })],
  [
    "ENOSPC",
    (call) => ["open", "write", "truncate", "mkdir", "link", "rename"].includes(call),
    (call, nth) => ({ action: "fail", calls: [call], nth, times: 3, error: "ENOSPC" }),
  ],
  ["short", (call) => call === "write", (call, nth) => ({ action: "short", calls: [call], nth })],
  ["SIGKILL", () => true, (call, nth) => ({ action: "kill", calls: [call], nth })],
];

test("whatever call fails, nothing acknowledged is lost", async () => {
  const counts = countCalls((await recordRun({ ...run, subject: subjectModule })).operations);
  const rows: (string | number)[][] = [];
  const problems: string[] = [];
  for (const [error, applies, make] of errors)
    for (const [call, count] of counts) {
      if (!applies(call)) continue;
      const step = Math.max(1, count / places);
      let tried = 0;
      let lost = 0;
      for (let nth = 1; nth <= count; nth += step) {
        const found = await injectOne({ ...run, subject, subjectModule, states: 6 }, make(call, Math.floor(nth)));
        tried++;
        if (found.length > 0) lost++;
        problems.push(...found);
      }
      rows.push([call, error, count, tried, lost]);
    }
  printTable(["call", "error", "calls", "tried", "lost"], rows);
  assert.deepEqual(problems.slice(0, 5), []);
});
