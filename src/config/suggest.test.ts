import assert from "node:assert/strict";
import { test } from "node:test";
import { options } from "./options/index.ts";
import { editDistance, suggest } from "./suggest.ts";

test("slips of the hand lead to the option that was meant", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["expunge_mod", "expunge_mode"],
    ["expugne_mode", "expunge_mode"],
    ["allowplaintxt", "allowplaintext"],
    ["configdir", undefined],
    ["xyzzy", undefined],
    ["", undefined],
    ["a".repeat(1000), undefined],
  ];
  for (const [name, meant] of cases) assert.equal(suggest(name, options.keys()), meant, name);
});

test("distance counts insertions, deletions, replacements and exchanges", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "abd", 1],
    ["abc", "ab", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of cases) {
    assert.equal(editDistance(a, b), distance);
    assert.equal(editDistance(b, a), distance);
  }
});
