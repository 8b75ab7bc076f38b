/** Memory of a set of processes: proportional set size, so that shared pages count once. */
import { readFileSync } from "node:fs";

export interface Memory {
  /** KiB of PSS, pages of programs and mapped files included: those are fewer when others have them mapped, too. */
  readonly pssKib: number;
  /** KiB of it that belong to no file: heaps, stacks, buffers. */
  readonly anonymousKib: number;
}

/** Processes that end meanwhile count as nothing. */
export function memoryOf(pids: readonly number[]): Memory {
  let pssKib = 0;
  let anonymousKib = 0;
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
      pssKib += field("Pss");
      anonymousKib += field("Pss_Anon") + field("Pss_Shmem");
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return { pssKib, anonymousKib };
}

/** @returns KiB */
export const pssKib = (pids: readonly number[]): number => memoryOf(pids).pssKib;
