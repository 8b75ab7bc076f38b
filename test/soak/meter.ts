/** What a soak run measures, part by part. */
import { statSync } from "node:fs";
import type { SoakStore } from "./store.ts";

export interface Sample {
  /** Share of the whole run that is done. */
  readonly done: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** User and system, of writer, file thread and checkpoint thread. */
  readonly cpuMicrosPerOperation: number;
  readonly refused: number;
  readonly liveMessages: number;
  readonly databaseMiB: number;
  readonly octetsPerMessage: number;
  readonly walMiB: number;
  /** The most that was seen during this part. */
  readonly walMaxMiB: number;
  readonly pending: number;
  readonly rssMiB: number;
}

/** Bound of growth between one tenth and the end. */
const maximumRatio = 1.5;
/**
 * The log is begun anew above 24 MiB, as soon as the pages are moved and readers let it. What the script writes in one go when it removes the tombstones of
 * all mailboxes comes on top.
 */
const maximumWalMiB = 384;
const watchEveryMs = 250;

export class Meter {
  private latencies: number[] = [];
  private refused = 0;
  private walMax = 0;
  private startedAt = 0;
  private cpu = process.cpuUsage();
  private watched: NodeJS.Timeout | undefined;
  private readonly walPath: string;

  constructor(databasePath: string) {
    this.walPath = `${databasePath}-wal`;
  }

  begin(): void {
    this.latencies = [];
    this.refused = 0;
    this.walMax = 0;
    this.startedAt = performance.now();
    this.cpu = process.cpuUsage();
    this.watched = setInterval(() => this.watchWal(), watchEveryMs);
  }
  add(latencyMs: number, ok: boolean): void {
    this.latencies.push(latencyMs);
    if (!ok) this.refused++;
  }
  end(done: number, liveMessages: number, store: SoakStore): Sample {
    clearInterval(this.watched);
    this.watchWal();
    const seconds = (performance.now() - this.startedAt) / 1000;
    const { user, system } = process.cpuUsage(this.cpu);
    const sorted = Float64Array.from(this.latencies).toSorted();
    const n = sorted.length;
    const databaseOctets = sizeOf(store.databasePath);
    return {
      done: Number(done.toFixed(2)),
      perSecond: Math.round(n / seconds),
      p50Ms: round(sorted[n >> 1]!),
      p99Ms: round(sorted[Math.floor(n * 0.99)]!),
      maxMs: round(sorted[n - 1]!),
      cpuMicrosPerOperation: round((user + system) / n),
      refused: this.refused,
      liveMessages,
      databaseMiB: round(databaseOctets / 2 ** 20),
      octetsPerMessage: Math.round(databaseOctets / Math.max(1, liveMessages)),
      walMiB: round(sizeOf(this.walPath) / 2 ** 20),
      walMaxMiB: round(this.walMax / 2 ** 20),
      pending: store.pending(),
      rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    };
  }
  private watchWal(): void {
    this.walMax = Math.max(this.walMax, sizeOf(this.walPath));
  }
}

/** What grew or slowed beyond the bounds; empty: nothing. */
export function checkBounds(samples: readonly Sample[]): string[] {
  const early = samples[Math.max(0, Math.floor(samples.length / 10) - 1)]!;
  const last = samples.at(-1)!;
  const broken: string[] = [];
  for (const field of ["p99Ms", "cpuMicrosPerOperation"] as const)
    if (last[field] > early[field] * maximumRatio)
      broken.push(`${field} went from ${early[field]} at one tenth to ${last[field]} at the end`);
  for (const { done, walMaxMiB } of samples)
    if (walMaxMiB > maximumWalMiB) broken.push(`the log grew to ${walMaxMiB} MiB at ${done}`);
  return broken;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
function round(value: number): number {
  return Number(value.toFixed(value < 10 ? 2 : 1));
}
