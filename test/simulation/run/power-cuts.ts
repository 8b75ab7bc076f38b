/** Cuts the power at many places of a recording, recovers the store from each state, and checks it. */
import { rmSync } from "node:fs";
import { checkConsistency } from "../checker/consistency.ts";
import { compareStore } from "../checker/compare.ts";
import { randomChooser, type Chooser } from "../disk/choice.ts";
import { chooseCuts } from "../disk/cuts.ts";
import { DiskModel, treeDigest, type DiskOptions } from "../disk/disk-model.ts";
import { materialise } from "../disk/tree.ts";
import { Random } from "../random.ts";
import type { Action, Outcome } from "../workload/actions.ts";
import type { Expected } from "../workload/expected.ts";
import { type InFlight, Progress, reportLine } from "../workload/progress.ts";
import { defaultScript, Script } from "../workload/script.ts";
import type { Subject } from "../workload/subject.ts";
import { keepRecording } from "./keep.ts";
import type { Recording } from "./record-run.ts";

export interface CutOptions {
  readonly subject: Subject;
  readonly seed: number;
  readonly states: number;
  /** Where states are laid out; emptied again and again. */
  readonly directory: string;
  readonly disk?: DiskOptions;
  /** Places of the cuts, ascending, instead of random ones. */
  readonly cuts?: readonly number[];
  /** What was acknowledged before the recording began. Default: nothing. */
  readonly known?: Progress;
  /** Problems that are known and passed over, while others are looked for. */
  readonly tolerate?: RegExp;
  /** Go on after a failure. Default: stop at the first. */
  readonly collect?: boolean;
  /** One state in so many also gets a second life after recovery. Default 3; 0: none. */
  readonly secondLifeEvery?: number;
}
export interface CutReport {
  readonly states: number;
  /** Different trees among them. */
  readonly distinct: number;
  readonly secondLives: number;
  /** What was acknowledged at the last cut. */
  readonly acknowledged: number;
  readonly failures: readonly string[];
}

export async function powerCuts(recording: Recording, options: CutOptions): Promise<CutReport> {
  const { subject, seed, states, directory } = options;
  const random = new Random(seed, 2);
  const model = new DiskModel(recording.initial, { exclude: subject.excluded, ...options.disk });
  const progress = options.known ?? new Progress();
  const distinct = new Set<string>();
  const failures: string[] = [];
  let done = 0;
  let secondLives = 0;
  for (const cut of options.cuts ?? chooseCuts(random, recording.operations, states)) {
    while (model.position < cut) {
      const operation = recording.operations[model.position]!;
      model.apply(operation);
      if (operation.kind === "ack") progress.take(operation.text);
      if (operation.kind === "mapped" && !subject.excluded(operation.path))
        throw new Error(`${operation.path} was mapped for writing: the recording cannot see what changed in it`);
    }
    const chooser = randomChooser(random, cut);
    const tree = model.afterCut(chooser);
    distinct.add(treeDigest(tree));
    materialise(tree, directory);
    const every = options.secondLifeEvery ?? 3;
    const again = every > 0 && done % every === 0;
    const life = again ? new Random(seed, 1000 + done) : undefined;
    const all = await checkState(subject, directory, progress, life);
    const problems = all.filter((problem) => !options.tolerate?.test(problem));
    done++;
    if (again) secondLives++;
    if (problems.length > 0) {
      failures.push(describe(options, cut, chooser, problems));
      if (!options.collect) break;
    }
  }
  rmSync(directory, { recursive: true, force: true });
  if (failures.length > 0) keepRecording(recording, options);
  return { states: done, distinct: distinct.size, secondLives, acknowledged: progress.acknowledged, failures };
}

function describe({ subject, seed, states }: CutOptions, cut: number, { name }: Chooser, problems: string[]): string {
  const shown = problems.slice(0, 8).map((problem) => `\n    ${problem}`);
  const more = problems.length > 8 ? `\n    and ${problems.length - 8} more` : "";
  return `${subject.name}, seed ${seed} of ${states} states, cut ${cut}, ${name}:${shown.join("")}${more}`;
}

/** Recovers what lies in `directory` and checks it; with `life`, goes on working with it and checks again. */
export async function checkState(
  subject: Subject,
  directory: string,
  { expected, inFlight }: Pick<Progress, "expected" | "inFlight">,
  life?: Random,
): Promise<string[]> {
  let step = "recovery";
  try {
    const before = subject.inspect?.(directory) ?? [];
    if (before.length > 0) return before;
    await (await subject.open(directory)).close();
    step = "reading";
    let settled: Expected | undefined;
    const problems = checkBoth(subject, directory, expected, inFlight, (model) => (settled = model));
    if (problems.length > 0 || !life || !settled) return problems;
    step = "second life";
    return (await secondLife(subject, directory, settled, life)).map((problem) => `second life: ${problem}`);
  } catch (error) {
    return [`${step} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}

function checkBoth(
  subject: Subject,
  directory: string,
  expected: Expected,
  inFlight: readonly InFlight[],
  settled?: (expected: Expected) => void,
): string[] {
  const observed = subject.observe(directory);
  return [...expected.problems, ...checkConsistency(observed), ...compareStore(expected, inFlight, observed, settled)];
}

/** A recovered store must go on: uids, modseqs and uidvalidities ascend from what was acknowledged before the cut. */
async function secondLife(subject: Subject, directory: string, expected: Expected, random: Random): Promise<string[]> {
  const script = new Script(random, { ...defaultScript, ...subject.script }, 1_000_000);
  const progress = new Progress(expected);
  const store = await subject.open(directory);
  const appendToEach = [...expected.mailboxes.keys()].map(
    (name, i): Action => ({
      verb: "append",
      name,
      message: { seed: 90_000 + i, sizeOctets: 300 },
      flags: [],
      internaldate: 1,
    }),
  );
  let id = 0;
  const run = async (action: Action): Promise<void> => {
    progress.take(reportLine("B", ++id, action));
    const part = (outcome: Outcome): void => progress.take(reportLine("C", id, outcome));
    progress.take(reportLine("A", id, await store.run(action, part)));
  };
  for (const action of appendToEach) await run(action);
  for (let i = 0; i < 5; i++) await run(script.next(progress.expected));
  await store.settle();
  await store.close();
  return checkBoth(subject, directory, progress.expected, []);
}
