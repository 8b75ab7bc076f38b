/**
 * The program that is recorded: opens a store in-process, runs a random script on it, reports to the file SIM_ACK.
 * Argument: a `ChildOptions` as JSON. Exit code 0 also when the store fails on a disk error: that is what some runs are about.
 */
import { openSync, writeSync } from "node:fs";
import { compareStore } from "../checker/compare.ts";
import { checkConsistency } from "../checker/consistency.ts";
import { Random } from "../random.ts";
import type { Action } from "./actions.ts";
import type { Expected } from "./expected.ts";
import { Progress, reportLine } from "./progress.ts";
import { defaultScript, Script, type ScriptOptions } from "./script.ts";
import type { OpenStore, Subject } from "./subject.ts";

export interface ChildOptions {
  /** Absolute path of the module that exports `subject`. */
  readonly subject: string;
  readonly root: string;
  readonly seed: number;
  readonly actions: number;
  /** Actions in flight at once. */
  readonly concurrency: number;
  readonly script?: Partial<ScriptOptions>;
}

/** How often a store that failed is opened again. */
const maximumReopenings = 4;

const options = JSON.parse(process.argv[2] ?? "{}") as ChildOptions;
const { subject } = (await import(options.subject)) as { subject: Subject };
const ack = openSync(process.env["SIM_ACK"]!, "a");
const progress = new Progress();
let lastId = 0;

function report(line: string): void {
  for (let octets = Buffer.from(line); octets.length > 0; ) octets = octets.subarray(writeSync(ack, octets));
  progress.take(line);
}
/** False when the store has failed. */
async function ask(store: OpenStore, action: Action): Promise<boolean> {
  const id = ++lastId;
  report(reportLine("B", id, action));
  try {
    report(reportLine("A", id, await store.run(action)));
    return true;
  } catch (error) {
    report(reportLine("X", id));
    console.error(`action ${id}: ${String(error)}`);
    return false;
  }
}

/** Runs actions from `next` until there are none left (true) or the store fails (false). */
async function work(store: OpenStore, next: () => Action | undefined): Promise<boolean> {
  let alive = true;
  const lane = async (): Promise<void> => {
    for (let action = alive ? next() : undefined; action; action = alive ? next() : undefined)
      if (!(await ask(store, action))) alive = false;
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  try {
    if (alive) await store.settle();
    await store.close();
  } catch (error) {
    console.error(`closing: ${String(error)}`);
    return false;
  }
  return alive;
}

/** Opens the store after a failure and finds out what became of the unanswered actions. Undefined: it could not be opened. */
async function reopen(): Promise<OpenStore | undefined> {
  try {
    await (await subject.open(options.root)).close();
    let settled: Expected | undefined;
    const observed = subject.observe(options.root);
    const problems = checkConsistency(observed);
    problems.push(...compareStore(progress.expected, progress.inFlight, observed, (model) => (settled = model)));
    if (problems.length > 0 || !settled) {
      report(reportLine("P", 0, problems));
      return undefined;
    }
    report(reportLine("S", 0, settled));
    return await subject.open(options.root);
  } catch (error) {
    console.error(`opening again: ${String(error)}`);
    return undefined;
  }
}

async function main(): Promise<void> {
  const script = new Script(new Random(options.seed, 1), { ...defaultScript, verbs: subject.verbs, ...options.script });
  const queue = [...script.opening];
  let left = options.actions;
  const next = (): Action | undefined => queue.shift() ?? (left-- > 0 ? script.next(progress.expected) : undefined);
  let store: OpenStore | undefined = await subject.open(options.root);
  for (let i = 0; store && !(await work(store, next)); i++) {
    if (i === maximumReopenings) return;
    // With errors of a moment the next try succeeds; a disk that stays full is given up, with what it holds.
    store = (await reopen()) ?? (await reopen());
  }
}

try {
  await main();
} catch (error) {
  // A store that cannot be opened at all; what it acknowledged before must still be there.
  console.error(String(error));
}
process.exit(0);
