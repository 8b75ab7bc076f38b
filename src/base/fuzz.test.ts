import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz, FuzzFailure, type FuzzTarget, randomNumbers } from "./fuzz.ts";

function recorder(seeds: readonly string[], fail?: (text: string) => boolean): { target: FuzzTarget; seen: string[] } {
  const seen: string[] = [];
  const target: FuzzTarget = {
    name: "recorder",
    seeds: seeds.map((text) => Buffer.from(text)),
    run(octets) {
      const text = Buffer.from(octets).toString("latin1");
      seen.push(text);
      octets.fill(0);
      if (fail?.(text)) throw new RangeError("unexpected");
    },
  };
  return { target, seen };
}

test("the seeds come first and as they are", () => {
  const { target, seen } = recorder(["one", "two"]);
  assert.equal(fuzz(target, { seed: 1, iterations: 50 }).iterations, 50);
  assert.deepEqual(seen.slice(0, 2), ["one", "two"]);
  assert.equal(seen.length, 50);
});

test("one seed gives one run, another gives another", () => {
  const runs = [7, 7, 8].map((seed) => {
    const { target, seen } = recorder(["a1 LOGIN {3}\r\nabc", "x"]);
    fuzz(target, { seed, iterations: 200 });
    return seen.join("|");
  });
  assert.equal(runs[0], runs[1]);
  assert.notEqual(runs[0], runs[2]);
});

test("inputs vary", () => {
  const { target, seen } = recorder(["name: value\n"]);
  fuzz(target, { seed: 3, iterations: 500 });
  assert.ok(new Set(seen).size > 300);
  assert.ok(seen.some((text) => text.length > 12));
  assert.ok(seen.some((text) => text.length < 12));
});

test("a failure carries the input, though the target has overwritten its copy", () => {
  const { target } = recorder(["abc"], (text) => text.includes("\\"));
  let failure: unknown;
  try {
    fuzz(target, { seed: 5, iterations: 10_000 });
  } catch (error) {
    failure = error;
  }
  assert.ok(failure instanceof FuzzFailure);
  assert.ok(failure.cause instanceof RangeError);
  assert.ok(Buffer.from(failure.input).includes(0x5c));
  assert.match(failure.message, /^recorder: seed 5, iteration \d+, input [0-9a-f]+: RangeError: unexpected$/);
});

test("a target without seeds starts from nothing", () => {
  const { target, seen } = recorder([]);
  fuzz(target, { seed: 9, iterations: 100 });
  assert.ok(new Set(seen).size > 10);
});

test("a limit of no time runs nothing", () => {
  const { target } = recorder(["a"]);
  assert.equal(fuzz(target, { seed: 1, milliseconds: 0 }).iterations, 0);
});

test("random numbers stay in their range and reach its ends", () => {
  const random = randomNumbers(42);
  const drawn = new Set(Array.from({ length: 400 }, () => random(4)));
  assert.deepEqual([...drawn].sort(), [0, 1, 2, 3]);
  assert.equal(random(1), 0);
});
