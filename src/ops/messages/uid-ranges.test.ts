import assert from "node:assert/strict";
import { test } from "node:test";
import { uidsWithin } from "./uid-ranges.ts";

test("uids within ranges are found in one walk", () => {
  const ranges = [
    { first: 2, last: 4 },
    { first: 7, last: 7 },
    { first: 9, last: 20 },
  ];
  assert.deepEqual(uidsWithin([1, 2, 3, 5, 7, 8, 20, 21], ranges), [2, 3, 7, 20]);
  assert.deepEqual(uidsWithin([1, 2], []), []);
  assert.deepEqual(uidsWithin([], ranges), []);
});
