/**
 * Preloaded into a store (`slowFiles` below): its file thread stops now and then, so that what is committed runs far
 * ahead of the files, and mailboxes are renamed, moved and deleted before their files are there.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

/** One call in so many waits up to so long. */
const oneIn = 50;
const longestMs = 600;
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Environment of a process whose file thread is slow. */
export const slowFiles: Readonly<Record<string, string>> = { NODE_OPTIONS: `--import=${import.meta.filename}` };

function slow<A extends unknown[], R>(call: (...given: A) => R): (...given: A) => R {
  return (...given) => {
    if (Math.random() < 1 / oneIn) Atomics.wait(nobody, 0, 0, Math.random() * longestMs);
    return call(...given);
  };
}

if (!isMainThread) {
  fs.linkSync = slow(fs.linkSync);
  fs.writeSync = slow(fs.writeSync as (...given: unknown[]) => number) as typeof fs.writeSync;
  syncBuiltinESMExports();
}
