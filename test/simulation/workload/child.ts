/**
 * The program that is recorded: opens a store in-process, runs a random script on it, reports to the file SIM_ACK. When that file
 * has reports already, an earlier life of the program was cut short: it first finds out what became of its unanswered actions.
 * Argument: a `ChildOptions` as JSON. Exit codes: 0 done, 75 the store failed (start me again), 76 it cannot be opened, 1 a bug.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { compareStore } from "../checker/compare.ts";
import { checkConsistency } from "../checker/consistency.ts";
import { Random } from "../random.ts";
import type { Action, Outcome } from "./actions.ts";
import { cannotOpenCode, storeFailedCode } from "./exit-codes.ts";
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
  /** How many lives of the program came before. */
  readonly restarts: number;
  readonly script?: Partial<ScriptOptions>;
}

const settleMs = 3_000;

/** The reports so far, and a way to add to them. */
class Reports {
  readonly progress = new Progress();
  private readonly fd: number;
  lastId = 0;

  constructor(path: string) {
    this.fd = openSync(path, "a+");
    const before = readFileSync(path, "utf8");
    // A line cut short was not reported.
    const whole = before.slice(0, before.lastIndexOf("\n") + 1);
    this.progress.take(whole);
    for (const line of whole.split("\n")) this.lastId = Math.max(this.lastId, Number(line.split(" ", 2)[1] ?? 0));
  }
  add(line: string): void {
    for (let octets = Buffer.from(line); octets.length > 0; ) octets = octets.subarray(writeSync(this.fd, octets));
    this.progress.take(line);
  }
}

/** Asks, and reports. False when the store has failed. */
async function ask(store: OpenStore, reports: Reports, action: Action): Promise<boolean> {
  const id = ++reports.lastId;
  reports.add(reportLine("B", id, action));
  try {
    const part = (outcome: Outcome): void => reports.add(reportLine("C", id, outcome));
    reports.add(reportLine("A", id, await store.run(action, part)));
    return true;
  } catch (error) {
    reports.add(reportLine("X", id));
    console.error(`action ${id}: ${String(error)}`);
    return false;
  }
}

/** After an earlier life: what became of the unanswered actions. False: something is lost, which is reported. */
async function settleEarlierLife(subject: Subject, root: string, reports: Reports): Promise<boolean> {
  await (await subject.open(root)).close();
  let settled: Expected | undefined;
  const { expected, inFlight } = reports.progress;
  const observed = subject.observe(root);
  const problems = checkConsistency(observed);
  problems.push(...compareStore(expected, inFlight, observed, (model) => (settled = model)));
  reports.add(problems.length > 0 || !settled ? reportLine("P", 0, problems) : reportLine("S", 0, settled));
  return problems.length === 0;
}

async function main(options: ChildOptions): Promise<number> {
  const { root, seed, restarts, concurrency } = options;
  const { subject } = (await import(options.subject)) as { subject: Subject };
  const reports = new Reports(process.env["SIM_ACK"]!);
  let store: OpenStore;
  try {
    if (reports.lastId > 0 && !(await settleEarlierLife(subject, root, reports))) return 0;
    store = await subject.open(root);
  } catch (error) {
    console.error(`opening: ${error instanceof Error ? error.stack : String(error)}`);
    return cannotOpenCode;
  }
  const scriptOptions = { ...defaultScript, ...subject.script, ...options.script };
  const script = new Script(new Random(seed, 100 + restarts), scriptOptions, reports.lastId * 10);
  const queue = script.opening.filter(({ name }) => !reports.progress.expected.mailboxes.has(name));
  let left = options.actions - reports.lastId;
  const next = (): Action | undefined =>
    queue.shift() ?? (left-- > 0 ? script.next(reports.progress.expected, reports.progress.inFlight) : undefined);
  let alive = true;
  const lane = async (): Promise<void> => {
    for (let action = next(); alive && action; action = alive ? next() : undefined)
      if (!(await ask(store, reports, action))) alive = false;
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  try {
    if (!alive) return storeFailedCode;
    const ended = store.settle().then(() => store.close());
    // On a disk that stays full it never does: what is acknowledged must be there without.
    await Promise.race([ended, delay(settleMs)]);
    return 0;
  } catch (error) {
    console.error(`closing: ${String(error)}`);
    return storeFailedCode;
  } finally {
    await store.abandon?.();
  }
}

process.exit(await main(JSON.parse(process.argv[2] ?? "{}") as ChildOptions));
