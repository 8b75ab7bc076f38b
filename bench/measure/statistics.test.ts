import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram, median } from "./statistics.ts";

test("quantiles are right within 2%", () => {
  const histogram = new Histogram();
  for (let i = 1; i <= 10_000; i++) histogram.add(i / 100);
  const { p50, p99, max, count } = histogram.summary();
  assert.ok(Math.abs(p50 - 50) < 1.5, `p50 ${p50}`);
  assert.ok(Math.abs(p99 - 99) < 2.5, `p99 ${p99}`);
  assert.equal(max, 100);
  assert.equal(count, 10_000);
});

test("the median of an even number lies between the middle two, of none is NaN", () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
  assert.ok(Number.isNaN(median([])));
});
