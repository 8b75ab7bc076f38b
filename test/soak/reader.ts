/**
 * A constant reader: scans mailboxes in short transactions, one right after the other, until it is told to stop. It holds each for longer than it works,
 * so that some snapshot is open at all times and the writer still has the processors.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { StoreReader } from "../../src/store/index.ts";
import { Random } from "../simulation/random.ts";

const [path, seed] = process.argv.slice(2) as [string, string];
const reader = new StoreReader(path);
const random = new Random(Number(seed));
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());

const boxes = reader.db.all("SELECT mbox FROM mailbox").map(([mbox]) => mbox as number);
const blockFactor = 2 ** 27;
const heldMs = 10;
const nobody = new Int32Array(new SharedArrayBuffer(4));
let scans = 0;
while (!stop.signal.aborted) {
  const start = random.below(boxes.length);
  reader.view((snapshot) => {
    for (const mbox of boxes.slice(start, start + 50)) {
      snapshot.header(mbox);
      reader.db.all("SELECT rows FROM hot WHERE id>=? AND id<?", mbox * blockFactor, (mbox + 1) * blockFactor);
      scans++;
    }
    Atomics.wait(nobody, 0, 0, heldMs);
  });
  await nextTurn();
}
reader.close();
console.log(`reader ${seed}: ${scans} scans`);
process.exit(0);
