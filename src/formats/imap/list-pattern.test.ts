import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ListPattern } from "./index.ts";

/** The definition, word for word; slow. */
function oracle(pattern: string, name: string): boolean {
  if (pattern === "") return name === "";
  const rest = pattern.slice(1);
  if (pattern[0] !== "*" && pattern[0] !== "%") return name[0] === pattern[0] && oracle(rest, name.slice(1));
  if (oracle(rest, name)) return true;
  return name !== "" && (pattern[0] === "*" || name[0] !== "/") && oracle(pattern, name.slice(1));
}

test("against the definition", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "%"), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 10 });
  fc.assert(
    fc.property(pattern, name, (pattern, name) => {
      const subject = new ListPattern(pattern, "/");
      assert.equal(subject.matches(name), oracle(pattern, name));
      // The same behind a head that makes it a pattern of several words.
      const head = "x".repeat(40);
      assert.equal(new ListPattern(head + pattern, "/").matches(head + name), oracle(pattern, name));
      const parents = [...name.matchAll(/(?<=.)\//g)].map(({ index }) => index);
      assert.deepEqual(
        subject.matchingParents(name),
        parents.filter((length) => oracle(pattern, name.slice(0, length))),
      );
    }),
    { numRuns: 2000 },
  );
});

test("patterns of several words", () => {
  for (const length of [29, 30, 31, 32, 61, 62, 63, 93, 200]) {
    const name = "ab/".repeat(100).slice(0, length);
    assert.ok(new ListPattern(name, "/").matches(name), String(length));
    assert.ok(!new ListPattern(name, "/").matches(`${name}a`));
    assert.ok(!new ListPattern(`${name}a`, "/").matches(name));
    assert.ok(new ListPattern(`%${name}*`, "/").matches(`x${name}y/z`));
    assert.ok(!new ListPattern(`%${name}%`, "/").matches(`x${name}y/z`));
  }
});

function match(pattern: string, name: string, inbox: boolean): boolean {
  return new ListPattern(pattern, "/").matches(name, inbox);
}

test("INBOX in any case, where it is the inbox", () => {
  assert.ok(match("inbox", "INBOX", true));
  assert.ok(match("iNb%/Work", "INBOX/Work", true));
  assert.ok(!match("inbox/work", "INBOX/Work", true));
  assert.ok(!match("inbox", "INBOX", false));
  assert.ok(match("*BOX", "INBOX", true));
});

test("a hostile pattern is not slow", () => {
  const name = `${"a".repeat(489)}b`;
  assert.ok(!new ListPattern("*a".repeat(1024), "/").matches(name));
  assert.ok(!new ListPattern("a".repeat(100_000), "/").matches(name));
  assert.ok(new ListPattern("%*".repeat(50_000), "/").matches(name));
});

test("the prefix that names must have", () => {
  assert.equal(new ListPattern("user/b%", "/").prefix, "user/b");
  assert.equal(new ListPattern("INBOX", "/").prefix, "INBOX");
  assert.equal(new ListPattern("*", "/").prefix, "");
});
