import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../base/log.ts";

/** A thread that is asked to end finishes the step it is in, a sync at most. */
const PATIENCE_MILLISECONDS = 5_000;
/** From its termination on: it may be in a system call that does not return. */
const TERMINATE_MILLISECONDS = 1_000;

/** The part of a Worker that is used here. */
export interface EndingThread {
  once(event: "exit", listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

/**
 * Waits for the end of a thread that has been asked for it, and ends it by force when that takes too long: what it was doing is then recovery's business.
 * False: not even that has ended it.
 */
export async function endThread(
  thread: EndingThread,
  name: string,
  log: Log,
  patienceMs = PATIENCE_MILLISECONDS,
  terminateMs = TERMINATE_MILLISECONDS,
): Promise<boolean> {
  const ended = new Promise<true>((resolve) => thread.once("exit", () => resolve(true)));
  if (await Promise.race([ended, delay(patienceMs, false, { ref: false })])) return true;
  log.err(`the ${name} does not end, and is terminated`, { seconds: patienceMs / 1000 });
  const terminated = thread.terminate().then(() => true);
  return Promise.race([ended, terminated, delay(terminateMs, false, { ref: false })]);
}
