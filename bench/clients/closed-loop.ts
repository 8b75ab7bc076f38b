/** The closed loop: every connection has one step under way, and begins the next as soon as it is over. */
import { Histogram } from "../measure/statistics.ts";
import type { JobResult, Limit } from "./job.ts";

/** Does one step and calls `done` once, with the reason when it failed. */
export type Step = (done: (failure?: string) => void) => void;

const mostFailures = 20;

/**
 * @param operationsPerStep what one step counts for
 * @param octets octets received so far, over all connections
 */
export function closedLoop(
  steps: readonly Step[],
  limit: Limit,
  operationsPerStep: number,
  octets: () => number,
): Promise<JobResult> {
  return new Promise((finish) => {
    const histogram = new Histogram();
    const octetsBefore = octets();
    const start = performance.now();
    const until = start + limit.seconds * 1000;
    let begun = 0;
    let operations = 0;
    let underWay = steps.length;
    let failures = 0;
    let firstFailure: string | undefined;
    let operationsHalfway: number | undefined;
    const halfway = start + limit.seconds * 500;
    const end = (): void => {
      if (--underWay > 0) return;
      finish({
        operations,
        ...(operationsHalfway === undefined ? {} : { operationsHalfway }),
        wallMs: performance.now() - start,
        latency: histogram.summary(),
        octets: octets() - octetsBefore,
        replies: {},
        failures,
        ...(firstFailure === undefined ? {} : { firstFailure }),
      });
    };
    for (const step of steps) {
      const next = (): void => {
        const began = performance.now();
        if (operationsHalfway === undefined && began >= halfway) operationsHalfway = operations;
        if (begun > 0 && (began >= until || begun >= limit.operations || failures >= mostFailures)) return end();
        begun += operationsPerStep;
        let over = false;
        step((failure) => {
          // A connection that breaks may say so twice.
          if (over) return;
          over = true;
          if (failure === undefined) operations += operationsPerStep;
          else {
            failures++;
            firstFailure ??= failure;
          }
          histogram.add(performance.now() - began);
          next();
        });
      };
      next();
    }
  });
}
