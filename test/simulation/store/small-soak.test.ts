/** A few seconds of what `test/soak/` does for an hour: nothing grows beyond its bounds, and everything agrees in the end. Times are not looked at. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { SoakScript } from "../../soak/script.ts";
import { openSoakStore } from "../../soak/store.ts";
import { checkConsistency } from "../checker/consistency.ts";
import { scratchDirectory } from "../disk/tree.ts";
import { Random } from "../random.ts";
import { partitionFolders } from "./open-store.ts";
import { readStore } from "./store-reader.ts";

const directory = scratchDirectory("soak");
after(() => rmSync(directory, { recursive: true, force: true }));
const [operations, mailboxes, flight] = [6_000, 60, 16];
const maximumWalOctets = 96 << 20;
/** Hot row, cold row, guid index, with pages that are not full. */
const maximumOctetsPerMessage = 1_500;
/** Empty tables, and room for octets of the 2,000 messages whose files may wait for a sync: it is used again. */
const fixedOctets = 3 << 20;

test(`${operations} operations under a constant reader keep their bounds`, async (t) => {
  const store = openSoakStore(directory);
  const script = new SoakScript(new Random(3), mailboxes);
  await Promise.all(script.creations(0, mailboxes).map((action) => store.run(action)));
  const program = resolve(import.meta.dirname, "../../soak/reader.ts");
  const reader = spawn(process.execPath, [program, store.databasePath, "1"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<number | null>((done) => reader.on("close", done));
  let left = operations;
  let walOctets = 0;
  const refusals = new Set<string>();
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const action = script.next();
      const outcome = await store.run(action);
      if (!outcome.ok) refusals.add(outcome.refused);
      script.answered(action, outcome);
      if (left % 100 === 0) walOctets = Math.max(walOctets, statSync(`${store.databasePath}-wal`).size);
    }
  };
  await Promise.all(Array.from({ length: flight }, lane));
  reader.kill("SIGTERM");
  assert.equal(await ended, 0);
  await store.settle();
  assert.equal(store.pending(), 0);
  await store.close();
  const databaseOctets = statSync(store.databasePath).size;
  t.diagnostic(`${script.liveMessages} messages, log ${walOctets >> 20} MiB, database ${databaseOctets >> 10} KiB`);
  assert.deepEqual([...refusals], []);
  assert.ok(walOctets < maximumWalOctets, `the log grew to ${walOctets}`);
  assert.ok(databaseOctets < fixedOctets + script.liveMessages * maximumOctetsPerMessage, `${databaseOctets} octets`);
  const spools = new Map([...partitionFolders].map(([name, folder]) => [name, join(directory, folder)]));
  const observed = readStore(store.databasePath, spools);
  assert.deepEqual(checkConsistency(observed), []);
  const live = [...observed.mailboxes.values()].reduce((sum, { messages }) => sum + messages.size, 0);
  assert.equal(live, script.liveMessages);
});
