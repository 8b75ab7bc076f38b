/** What every workload is made of: a context, a measured phase, a figure. */
import type { Job, JobResult, Limit } from "../clients/job.ts";
import { LoadProcess } from "../clients/load-process.ts";
import type { FillName } from "../fill.ts";
import { countSyncs } from "../measure/syncs.ts";
import type { Scale } from "../scale.ts";
import type { BenchServer, ServerName } from "../servers/server.ts";

/** "time" measures; "syncs" runs less of the same under strace and is only good for counting. */
export type Mode = "time" | "syncs";

export interface Context {
  readonly server: BenchServer;
  readonly scale: Scale;
  readonly mode: Mode;
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
  /** Runs only when asked for by name. */
  readonly optional?: boolean;
  run(context: Context): Promise<readonly Figure[]>;
}

export interface Sample {
  readonly result: JobResult;
  /** From the first operation until the server had written everything. */
  readonly wallMs: number;
  readonly cpuMicroseconds: number;
  readonly syncs: ReadonlyMap<string, number> | undefined;
}

/** The least that a measurement under strace needs. */
const syncsLimit: Limit = { seconds: 1.5, operations: 300 };
export const once: Limit = { seconds: 0, operations: 1 };

/** Opens a job, hands it over, and ends it whatever happens. */
export async function withLoad<T>(job: Job, use: (load: LoadProcess) => Promise<T>): Promise<T> {
  const load = await LoadProcess.start(job);
  try {
    return await use(load);
  } finally {
    load.close();
  }
}

/** One phase, with the server's CPU time around it; or its syncs, in a run of its own. */
export async function measure(
  { server, mode }: Context,
  load: LoadProcess,
  phase: string,
  limit: Limit,
  options: { readonly quiesce?: boolean } = {},
): Promise<Sample> {
  if (options.quiesce) await server.quiesce();
  const counted = mode === "syncs" ? await countSyncs(server.account.pids()) : undefined;
  const cpuBefore = server.account.cpuMicroseconds();
  const start = performance.now();
  const result = await load.run(phase, mode === "syncs" ? least(limit, syncsLimit) : limit);
  let wallMs = result.wallMs;
  if (options.quiesce) {
    await server.quiesce();
    wallMs = performance.now() - start;
  }
  const cpuMicroseconds = server.account.cpuMicroseconds() - cpuBefore;
  return { result, wallMs, cpuMicroseconds, syncs: await counted?.() };
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
