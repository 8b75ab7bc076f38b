/**
 * Node frees memory when it wants to: what a process holds at rest swings by 20 MB, more than two thousand idle
 * sessions take. Memory that sessions hold is therefore measured right after garbage was collected, before and after.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const hook = join(import.meta.dirname, "garbage-hook.mjs");
const times = 3;
const pauseMs = 1_500;

/** Environment of a server whose processes are to obey `collectGarbage`. */
export function collectable(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, NODE_OPTIONS: `${env["NODE_OPTIONS"] ?? ""} --expose-gc --import ${hook}`.trim() };
}

/** To processes that were started so; others ignore the signal. What a collection sets free may free more. */
export async function collectGarbage(pids: () => readonly number[]): Promise<void> {
  for (let i = 0; i < times; i++) {
    for (const pid of pids()) {
      try {
        process.kill(pid, "SIGWINCH");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    await sleep(pauseMs);
  }
}
