import assert from "node:assert/strict";
import { test } from "node:test";
import { FlagError, getopt } from "./getopt.ts";

const read = (line: string, spec: string): string => {
  const { given, words } = getopt(line.split(" "), spec);
  return [...given.map(({ letter, value }) => `${letter}=${value}`), ...words].join(" ");
};

test("flags and words, in the shapes of getopt", () => {
  assert.equal(read("-C f conf -v", "C:v"), "C=f v= conf");
  assert.equal(read("-Cf -vq x", "C:vq"), "C=f v= q= x");
  assert.equal(read("-vCf", "C:v"), "v= C=f");
  assert.equal(read("-v -- -v -", "v"), "v= -v -");
  assert.equal(read("- x", "v"), "- x");
  assert.equal(getopt(["-n", "a", "-n", "b"], "n:").last("n"), "b");
  assert.equal(getopt([], "n:").last("n"), undefined);
});

test("errors are worded as getopt words them", () => {
  assert.throws(() => getopt(["-Z"], "C:"), new FlagError("invalid option -- 'Z'"));
  assert.throws(() => getopt(["-:"], "C:"), new FlagError("invalid option -- ':'"));
  assert.throws(() => getopt(["-C"], "C:"), new FlagError("option requires an argument -- 'C'"));
});
