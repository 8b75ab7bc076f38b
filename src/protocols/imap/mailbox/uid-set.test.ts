import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addRange, UidWalk } from "./uid-set.ts";

test("a walk answers for uids in any order, quickest for ascending ones", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 60 });
  fc.assert(
    fc.property(numbers, fc.array(fc.integer({ min: 1, max: 210 })), (members, asked) => {
      const ranges: { first: number; last: number }[] = [];
      for (const uid of members.toSorted((a, b) => a - b)) addRange(ranges, uid, uid);
      const walk = new UidWalk(ranges);
      for (const uid of asked) assert.equal(walk.has(uid), members.includes(uid));
    }),
  );
});

test("ranges that touch are one", () => {
  const ranges: { first: number; last: number }[] = [];
  addRange(ranges, 1, 3);
  addRange(ranges, 4, 4);
  addRange(ranges, 6, 5);
  addRange(ranges, 8, 9);
  assert.deepEqual(ranges, [
    { first: 1, last: 4 },
    { first: 8, last: 9 },
  ]);
});
