import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { silentLog } from "../../base/log.ts";
import { FileThreadDoor } from "./file-thread-door.ts";
import type { FileThreadInput, FileThreadOutput } from "./file-thread.ts";

/** A thread that does nothing by itself. */
class FakeThread extends EventEmitter {
  readonly heard: FileThreadInput[] = [];

  postMessage(message: FileThreadInput): void {
    this.heard.push(message);
  }

  terminate(): Promise<number> {
    return Promise.resolve(1);
  }

  say(message: FileThreadOutput): void {
    this.emit("message", message);
  }
}

function openDoor(): { thread: FakeThread; door: FileThreadDoor; failures: () => number } {
  const thread = new FakeThread();
  let failures = 0;
  const hooks = { finished() {}, failing: () => void failures++, fatal: assert.fail };
  return { thread, door: new FileThreadDoor(thread, silentLog, hooks), failures: () => failures };
}

test("a drain is over when the thread says its number, and not by what it said before it heard of it", async () => {
  const { thread, door } = openDoor();
  const over: number[] = [];
  const one = door.drained().then(() => void over.push(1));
  assert.deepEqual(thread.heard, [{ kind: "drain", number: 1 }]);
  // On its way already when the drain was asked for.
  thread.say({ kind: "idle", drained: 0 });
  await nextTurn();
  assert.equal(over.length, 0);
  const two = door.drained().then(() => void over.push(2));
  thread.say({ kind: "idle", drained: 1 });
  await one;
  await nextTurn();
  assert.deepEqual(over, [1]);
  thread.say({ kind: "idle", drained: 2 });
  await two;
});

test("a thread that fails is asked again by itself, and a drain goes on waiting", async () => {
  const { thread, door, failures } = openDoor();
  const drained = door.drained();
  thread.say({ kind: "failing", error: "no space" });
  assert.equal(failures(), 1);
  thread.say({ kind: "idle", drained: 1 });
  await drained;
});

test("a thread at work is woken again when it rests, once", () => {
  const { thread, door } = openDoor();
  door.wanted(1_000);
  door.wanted(2_000);
  door.wanted(3_000);
  assert.deepEqual(thread.heard, [{ kind: "wake" }]);
  thread.say({ kind: "idle", drained: 0 });
  assert.deepEqual(thread.heard, [{ kind: "wake" }, { kind: "wake" }]);
  thread.say({ kind: "idle", drained: 0 });
  assert.equal(thread.heard.length, 2);
});
