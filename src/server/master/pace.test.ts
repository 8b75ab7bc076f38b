import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff, ForkRate, ReadyFailures, shares } from "./pace.ts";

test("back-off: at once, then doubling up to the limit, forgotten after a healthy run", () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, healthyMs: 10_000 });
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map(() => backoff.failed(50)),
    [0, 100, 200, 400, 800, 1_000, 1_000],
  );
  assert.equal(backoff.failures, 7);
  assert.equal(backoff.failed(10_000), 0);
  assert.equal(backoff.failed(50), 100);
});

test("fork rate: a burst passes, a constant stream is held to the rate", () => {
  const rate = new ForkRate(10, 0);
  let forks = 0;
  for (let now = 0; now < 10_000; now += 10) {
    if (rate.allows(now)) {
      rate.forked(now);
      forks++;
    }
  }
  assert.ok(forks > 100 && forks < 130, `${forks} forks in 10 s`);
  assert.ok(rate.perSecond(30_000) < 0.01);
  assert.ok(new ForkRate(0, 0).allows(0));
});

test("ready failures: the fifth within ten seconds each is one too many", () => {
  const failures = new ReadyFailures();
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((s) => failures.failed(s * 9_000)),
    [false, false, false, false, true],
  );
  failures.reset();
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((s) => failures.failed(s * 10_001)),
    [false, false, false, false, false],
  );
});

test("a cap is divided without remainder and never negative", () => {
  assert.deepEqual(shares(5, 2), [3, 2]);
  assert.deepEqual(shares(1, 2), [1, 0]);
  assert.deepEqual(shares(-1, 2), [-1, -1]);
  assert.deepEqual(shares(0, 2), [0, 0]);
});
