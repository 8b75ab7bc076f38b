/** Memory of a set of processes: proportional set size, so that shared pages count once. */
import { readFileSync } from "node:fs";

/** @returns KiB; processes that end meanwhile count as nothing */
export function pssKib(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    try {
      sum += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return sum;
}
