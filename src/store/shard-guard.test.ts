import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ShardGuard } from "./shard-guard.ts";

function guards(): { all: [ShardGuard, ShardGuard, ShardGuard]; [Symbol.dispose](): void } {
  const directory = mkdtempSync(join(tmpdir(), "guard-"));
  const all = [0, 1, 2].map((shard) => new ShardGuard(directory, shard, 3)) as [ShardGuard, ShardGuard, ShardGuard];
  return {
    all,
    [Symbol.dispose]() {
      for (const guard of all) guard.close();
      rmSync(directory, { recursive: true });
    },
  };
}

test("nobody looks while a writer is inside", () => {
  using made = guards();
  const [one, two, three] = made.all;
  for (const guard of made.all) guard.markUp();
  assert.equal(
    one.look(() => "seen"),
    "seen",
  );
  two.enter();
  two.enter();
  three.enter();
  assert.equal(
    one.look(() => "seen"),
    undefined,
  );
  two.leave();
  assert.equal(
    one.look(() => "seen"),
    undefined,
  );
  three.leave();
  assert.equal(
    one.look(() => "seen"),
    "seen",
  );
});

test("a writer waits until a look is over", () => {
  using made = guards();
  const [one, two] = made.all;
  for (const guard of made.all) guard.markUp();
  one.look(() => assert.throws(() => two.enter(20), /held for too long/));
  two.enter(20);
  assert.ok(two.inside);
});

test("nobody looks while another shard is not up", () => {
  using made = guards();
  const [one, two, three] = made.all;
  one.markUp();
  two.markUp();
  assert.equal(
    one.look(() => "seen"),
    undefined,
  );
  assert.deepEqual([one.isUp(1), one.isUp(2), two.isUp(0)], [true, false, true]);
  three.markUp();
  assert.equal(
    one.look(() => "seen"),
    "seen",
  );
});
