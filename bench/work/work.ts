/** What every workload is made of: a context, a measured phase, a figure. */
import type { Job, JobResult, Limit } from "../clients/job.ts";
import { LoadProcess } from "../clients/load-process.ts";
import type { FillName } from "../fill.ts";
import { countSyncs } from "../measure/syncs.ts";
import type { Length, Scale } from "../scale.ts";
import type { BenchServer, ServerName, StartOptions } from "../servers/server.ts";

/** "time" measures; "syncs" runs less of the same under strace and is only good for counting. */
export type Mode = "time" | "syncs";

export interface Context {
  readonly server: BenchServer;
  readonly scale: Scale;
  readonly mode: Mode;
  /** From 1. In the first one the warm-up is longer. */
  readonly round: number;
  /**
   * Ends the server and starts it again on the same files, with `whileStopped` in between. What it returns takes the
   * place of `server`; addresses are new.
   */
  restart(whileStopped?: (server: BenchServer) => void, options?: StartOptions): Promise<BenchServer>;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Which way is better for `value`. */
  readonly better: "higher" | "lower";
  readonly value: number;
  /** Server CPU microseconds per operation, whole process tree; what an operation is stands in `per`. */
  readonly cpu?: number;
  readonly per?: string;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** CPU per operation in the second half of the measurement, divided by that in the first: 1 when it was steady. */
  readonly cpuDrift?: number;
  readonly syncs?: number;
  /** The calls behind `syncs`. */
  readonly syncCalls?: { readonly [name: string]: number };
  /** Untagged replies of one step: the same for all servers, or they did not do the same work. */
  readonly replies?: { readonly [kind: string]: number };
  readonly extra?: { readonly [name: string]: number };
  readonly failures?: number;
  readonly firstFailure?: string;
}

export interface Work {
  /** What `--work` selects, together with the names of the figures. */
  readonly name: string;
  readonly fills: readonly FillName[];
  /** Whether counting its syncs tells something. */
  readonly writes?: boolean;
  /** Servers that it is for; all when absent. */
  readonly only?: readonly ServerName[];
  /** At most so many rounds, for work that takes long. */
  readonly rounds?: number;
  run(context: Context): Promise<readonly Figure[]>;
}

export interface Sample {
  readonly result: JobResult;
  /** From the first operation until the server had written everything. */
  readonly wallMs: number;
  readonly cpuMicroseconds: number;
  readonly cpuDrift?: number;
  readonly syncs: ReadonlyMap<string, number> | undefined;
}

/** The least that a measurement under strace needs. */
const syncsLimit: Limit = { seconds: 1.5, operations: 300 };
export const once: Limit = { seconds: 0, operations: 1 };
const endless = 1e9;

/** Opens a job, hands it over, and ends it whatever happens. */
export async function withLoad<T>(job: Job, use: (load: LoadProcess) => Promise<T>): Promise<T> {
  const load = await LoadProcess.start(job);
  try {
    return await use(load);
  } finally {
    load.close();
  }
}

export interface MeasureOptions {
  /** The measurement ends when the server has written everything. */
  readonly quiesce?: boolean;
}

/** One phase: unmeasured for a while, the same on every server, then measured. */
export async function warmAndMeasure(
  context: Context,
  load: LoadProcess,
  phase: string,
  length: Length,
  options: MeasureOptions = {},
): Promise<Sample> {
  const { scale, round, mode } = context;
  const warmSeconds = (round === 1 ? scale.warmSeconds : scale.rewarmSeconds)[length];
  await load.run(phase, mode === "syncs" ? once : { seconds: warmSeconds, operations: endless });
  return measure(context, load, phase, { seconds: scale.seconds[length], operations: endless }, options);
}

/** One phase, with the server's CPU time around it; or its syncs, in a run of its own. */
export async function measure(
  { server, mode }: Context,
  load: LoadProcess,
  phase: string,
  limit: Limit,
  options: MeasureOptions = {},
): Promise<Sample> {
  if (options.quiesce) await server.quiesce();
  const counted = mode === "syncs" ? await countSyncs(server.account.pids()) : undefined;
  const cpuBefore = server.account.cpuMicroseconds();
  const start = performance.now();
  let cpuHalfway: number | undefined;
  const halfway = setTimeout(() => (cpuHalfway = server.account.cpuMicroseconds()), limit.seconds * 500);
  const result = await load.run(phase, mode === "syncs" ? least(limit, syncsLimit) : limit);
  clearTimeout(halfway);
  const cpuAnswered = server.account.cpuMicroseconds();
  let wallMs = result.wallMs;
  if (options.quiesce) {
    await server.quiesce();
    wallMs = performance.now() - start;
  }
  const cpuMicroseconds = server.account.cpuMicroseconds() - cpuBefore;
  const drift = driftOf(result, cpuBefore, cpuHalfway, cpuAnswered);
  return {
    result,
    wallMs,
    cpuMicroseconds,
    ...(drift === undefined || mode === "syncs" ? {} : { cpuDrift: drift }),
    syncs: await counted?.(),
  };
}

/** Fewer steps than this say nothing about halves. */
const fewestSteps = 40;

function driftOf(result: JobResult, before: number, halfway: number | undefined, after: number): number | undefined {
  const first = result.operationsHalfway;
  if (halfway === undefined || first === undefined || result.latency.count < fewestSteps) return undefined;
  const second = result.operations - first;
  if (first === 0 || second === 0 || halfway === before) return undefined;
  return (after - halfway) / second / ((halfway - before) / first);
}

const least = (a: Limit, b: Limit): Limit => ({
  seconds: Math.min(a.seconds, b.seconds),
  operations: Math.min(a.operations, b.operations),
});

/** What a sample says about syncs and failures, for a figure. */
function common(sample: Sample): Partial<Figure> {
  const { result, syncs } = sample;
  const calls = syncs && [...syncs.values()].reduce((sum, n) => sum + n, 0);
  return {
    ...(calls === undefined ? {} : { syncs: calls / result.operations, syncCalls: Object.fromEntries(syncs ?? []) }),
    ...(sample.cpuDrift === undefined ? {} : { cpuDrift: sample.cpuDrift }),
    ...(result.failures > 0 ? { failures: result.failures, firstFailure: result.firstFailure ?? "" } : {}),
    ...(Object.keys(result.replies).length > 0 ? { replies: result.replies } : {}),
    ...(result.extra ? { extra: result.extra } : {}),
  };
}

/** Operations per second. */
export function rate(name: string, unit: string, per: string, sample: Sample): Figure {
  const { result, wallMs, cpuMicroseconds } = sample;
  return {
    name,
    unit,
    per,
    better: "higher",
    value: (result.operations / wallMs) * 1000,
    cpu: cpuMicroseconds / result.operations,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
    ...common(sample),
  };
}

/** The median latency of a step. */
export function latency(name: string, per: string, sample: Sample): Figure {
  const { result, cpuMicroseconds } = sample;
  return {
    name,
    unit: "ms",
    per,
    better: "lower",
    value: result.latency.p50,
    cpu: cpuMicroseconds / result.operations,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
    ...common(sample),
  };
}

/** Several samples of one thing as one. */
export function sum(samples: readonly Sample[]): Sample {
  const [first] = samples;
  if (!first) throw new Error("no sample");
  const add = (pick: (sample: Sample) => number): number => samples.reduce((total, each) => total + pick(each), 0);
  const syncs = new Map<string, number>();
  for (const sample of samples) {
    for (const [call, n] of sample.syncs ?? []) syncs.set(call, (syncs.get(call) ?? 0) + n);
  }
  return {
    result: { ...first.result, operations: add(({ result }) => result.operations) },
    wallMs: add(({ wallMs }) => wallMs),
    cpuMicroseconds: add(({ cpuMicroseconds }) => cpuMicroseconds),
    syncs: first.syncs ? syncs : undefined,
  };
}
