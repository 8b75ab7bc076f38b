/** Makes calls of the disk fail, one after the other, and checks what is left: at once, and after a power cut. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../random.ts";
import type { Operation } from "../record/log.ts";
import type { ShimCall, ShimRule } from "../record/shim.ts";
import { Progress } from "../workload/progress.ts";
import type { Subject } from "../workload/subject.ts";
import { checkState, powerCuts } from "./power-cuts.ts";
import { recordRun, type RunOptions } from "./record-run.ts";

export interface InjectOptions extends Omit<RunOptions, "rules" | "subject"> {
  readonly subject: Subject;
  readonly subjectModule: string;
  /** Power cuts tried on each run. */
  readonly states: number;
  readonly tolerate?: RegExp;
}

/** One run under some rules. Returns what is wrong; empty: nothing is lost. */
export async function injectOne(options: InjectOptions, ...rules: ShimRule[]): Promise<string[]> {
  const { subject, subjectModule, states, tolerate, ...run } = options;
  const recording = await recordRun({ ...run, subject: subjectModule, rules });
  const where = `${JSON.stringify(rules)}, seed ${options.seed}`;
  const report = await powerCuts(recording, {
    subject,
    seed: options.seed,
    states,
    directory: join(options.directory, "state"),
    secondLifeEvery: 0,
    ...(tolerate ? { tolerate } : {}),
  });
  const problems = report.failures.map((failure) => `${where}: ${failure}`);
  // The program is gone, the machine stays up: what the page cache holds is there.
  const progress = new Progress();
  for (const operation of recording.operations) if (operation.kind === "ack") progress.take(operation.text);
  const left = await checkState(subject, recording.root, progress, new Random(options.seed, 3));
  problems.push(
    ...left.filter((problem) => !tolerate?.test(problem)).map((problem) => `${where}: after the run: ${problem}`),
  );
  rmSync(recording.root, { recursive: true, force: true });
  return problems;
}

/** How many calls of each kind a recorded run made: the places at which an error can be injected. */
export function countCalls(operations: readonly Operation[]): Map<ShimCall, number> {
  const counts = new Map<ShimCall, number>();
  for (const operation of operations) {
    const call = callOf(operation);
    if (call) counts.set(call, (counts.get(call) ?? 0) + 1);
  }
  return counts;
}

function callOf(operation: Operation): ShimCall | undefined {
  switch (operation.kind) {
    case "create":
      return "open";
    case "syncBegin":
      return operation.call;
    case "write":
    case "truncate":
    case "rename":
    case "link":
    case "unlink":
    case "mkdir":
    case "rmdir":
    case "symlink":
      return operation.kind;
    default:
      return undefined;
  }
}
