import assert from "node:assert/strict";
import { test } from "node:test";
import { Needs, type Test } from "./compile.ts";
import { messagesALook } from "./search-run.ts";

const key: Test = { kind: "constant", value: true, needs: Needs.hot };
const and = (count: number): Test => ({
  kind: "and",
  tests: Array.from({ length: count }, (): Test => ({ kind: "not", test: key, needs: Needs.hot })),
  needs: Needs.hot,
});

test("the more keys, the fewer messages between looks at the clock", () => {
  assert.equal(messagesALook(key), 64);
  assert.equal(messagesALook(and(10)), 64);
  assert.equal(messagesALook(and(127)), 8);
  assert.equal(messagesALook(and(1_000)), 1);
  assert.equal(messagesALook(and(100_000)), 1);
});
