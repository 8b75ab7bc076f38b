/**
 * Long random work against the store in-process, under constant readers in processes of their own: does anything grow or slow down?
 *
 *   node test/soak/soak.ts [--operations=10000000] [--mailboxes=10000] [--readers=2] [--flight=32] [--seed=1] [--directory=DIR] [--keep]
 *
 * Prints a line for each twentieth, then the comparison: p99 of an operation (from asking to its answer, which is one commit or two)
 * and CPU per operation at the end within 1.5 times of those at one tenth; sizes. Exit code 1 when a bound is broken.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../simulation/random.ts";
import { printTable } from "../crash/table.ts";
import { checkBounds, Meter, type Sample } from "./meter.ts";
import { SoakScript } from "./script.ts";
import { openSoakStore, type SoakStore } from "./store.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "10000000" },
    mailboxes: { type: "string", default: "10000" },
    readers: { type: "string", default: "2" },
    flight: { type: "string", default: "32" },
    seed: { type: "string", default: "1" },
    directory: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const [operations, mailboxes, readers, flight, seed] = [
  values.operations,
  values.mailboxes,
  values.readers,
  values.flight,
  values.seed,
].map(Number) as [number, number, number, number, number];
const parts = 20;

function startReaders(store: SoakStore): ChildProcess[] {
  const program = join(import.meta.dirname, "reader.ts");
  return Array.from({ length: readers }, (_, i) =>
    spawn(process.execPath, [program, store.databasePath, String(i + 1)], { stdio: ["ignore", "inherit", "inherit"] }),
  );
}

async function createMailboxes(store: SoakStore, script: SoakScript): Promise<void> {
  for (let from = 0; from < mailboxes; from += 1000) {
    const creations = script.creations(from, Math.min(from + 1000, mailboxes));
    await Promise.all(creations.map((action) => store.run(action)));
  }
}

async function work(store: SoakStore, script: SoakScript, meter: Meter): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let part = 1; part <= parts; part++) {
    let left = Math.floor((operations * part) / parts) - Math.floor((operations * (part - 1)) / parts);
    meter.begin();
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const action = script.next();
        const start = performance.now();
        const outcome = await store.run(action);
        meter.add(performance.now() - start, outcome.ok);
        script.answered(action, outcome);
      }
    };
    await Promise.all(Array.from({ length: flight }, lane));
    const sample = meter.end(part / parts, script.liveMessages, store);
    samples.push(sample);
    console.log(JSON.stringify(sample));
  }
  return samples;
}

const directory = values.directory ?? mkdtempSync(join(tmpdir(), "pasargad-soak-"));
const { bavail, bsize } = statfsSync(directory);
console.log(
  `${operations} operations on ${mailboxes} mailboxes, ${flight} in flight, ${readers} readers, seed ${seed}`,
);
console.log(`in ${directory}, ${Math.round((bavail * bsize) / 2 ** 30)} GiB free, Node ${process.version}`);
const store = openSoakStore(directory);
const script = new SoakScript(new Random(seed), mailboxes);
await createMailboxes(store, script);
const readerProcesses = startReaders(store);
let broken: string[] = [];
try {
  const samples = await work(store, script, new Meter(store.databasePath));
  printTable(
    Object.keys(samples[0]!),
    samples.map((sample) => Object.values(sample) as number[]),
  );
  broken = checkBounds(samples);
} finally {
  for (const reader of readerProcesses) reader.kill("SIGTERM");
  await store.close();
  if (!values.keep) rmSync(directory, { recursive: true, force: true });
}
for (const line of broken) console.error(`out of bounds: ${line}`);
process.exitCode = broken.length > 0 ? 1 : 0;
