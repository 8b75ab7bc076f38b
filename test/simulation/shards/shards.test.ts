import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import { cutLanes, recordLanes } from "./power-cuts.ts";

const scratch = scratchDirectory("shards");
after(() => rmSync(scratch, { recursive: true, force: true }));

test("three shards survive every power cut while messages and mailboxes go from one to another", async (t) => {
  const common = { seed: 1, lanes: 4, settings: ["conversations: yes", "expunge_mode: immediate"] };
  const recording = await recordLanes({ ...common, directory: scratch, actions: 150 });
  const report = await cutLanes(recording, { ...common, states: 30, directory: join(scratch, "state") });
  t.diagnostic(`${report.states} states, ${report.distinct} distinct, ${report.answered} answered`);
  assert.deepEqual(report.failures, []);
});
