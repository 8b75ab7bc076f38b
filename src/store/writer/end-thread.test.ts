import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type Log, silentLog } from "../../base/log.ts";
import { endThread } from "./end-thread.ts";

function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: { ...silentLog, err: (text) => void lines.push(text) }, lines };
}

test("a thread that ends when it is asked to is not terminated", async () => {
  const { log, lines } = recordingLog();
  const thread = new Worker("require('node:worker_threads').parentPort.once('message', () => {})", { eval: true });
  const ended = endThread(thread, "file thread", log);
  thread.postMessage("stop");
  assert.equal(await ended, true);
  assert.deepEqual(lines, []);
});

test("a thread that does not end is terminated, and the log says so", async () => {
  const { log, lines } = recordingLog();
  const thread = new Worker("for (;;);", { eval: true });
  await once(thread, "online");
  assert.equal(await endThread(thread, "file thread", log, 20), true);
  assert.deepEqual(lines, ["the file thread does not end, and is terminated"]);
});

test("one that not even its termination ends is not waited for", async () => {
  const { log, lines } = recordingLog();
  const stuck = { once() {}, terminate: () => new Promise<number>(() => {}) };
  assert.equal(await endThread(stuck, "file thread", log, 1, 1), false);
  assert.equal(lines.length, 1);
});
