import assert from "node:assert/strict";
import { test } from "node:test";
import { inTurns, SLICE_MILLISECONDS } from "./turns.ts";

function* work(steps: number, busyMilliseconds: number): Generator<void, string> {
  for (let n = 0; n < steps; n++) {
    for (const start = performance.now(); performance.now() - start < busyMilliseconds; );
    yield;
  }
  return "done";
}

test("long work lets others have a turn", async () => {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  assert.equal(await inTurns(work(5, SLICE_MILLISECONDS * 2)), "done");
  isOver = true;
  assert.ok(turns >= 4, String(turns));
});

test("work without steps is done at once, what it throws is thrown", async () => {
  let isDone = false;
  const done = inTurns(work(0, 0)).then(() => (isDone = true));
  await Promise.resolve()
    .then(() => {})
    .then(() => {});
  assert.equal(isDone, true);
  await done;
  await assert.rejects(
    inTurns(
      (function* (): Generator<void, void> {
        yield;
        throw new Error("broken");
      })(),
    ),
    /broken/,
  );
});
