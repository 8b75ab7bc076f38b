import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Boundaries } from "./boundaries.ts";

function find(names: readonly string[], line: string, whole = true): string {
  const boundaries = new Boundaries();
  for (const name of names) boundaries.push(Buffer.from(name));
  const octets = Buffer.from(`xx${line}`);
  const at = boundaries.find(octets, 2, octets.length, whole);
  return at < 0 ? "none" : `${at}${boundaries.closing ? " closes" : ""}`;
}

test("delimiters and what only looks like them", () => {
  assert.equal(find(["b"], "--b"), "0");
  assert.equal(find(["b"], "--b \t"), "0");
  assert.equal(find(["b"], "--b--"), "0 closes");
  assert.equal(find(["b"], "--b-- anything"), "0 closes");
  assert.equal(find(["b"], "--b-"), "none");
  assert.equal(find(["b"], "--bx"), "none");
  assert.equal(find(["b"], "--"), "none");
  assert.equal(find([""], "--"), "0");
  assert.equal(find(["a", "b", "b"], "--b"), "1");
  assert.equal(find(["b"], "--b  ", false), "none");
  assert.equal(find(["b"], "--b--", false), "0 closes");
});

test("many boundaries are found as few are, also after some were closed", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "-", " "), maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 12 }),
      fc.nat(12),
      name,
      fc.constantFrom("", "--", " ", "x"),
      (names, cut, line, tail) => {
        const many = new Boundaries();
        for (const text of names) many.push(Buffer.from(text));
        many.truncate(Math.min(cut, names.length));
        const left = names.slice(0, cut);
        const octets = Buffer.from(`--${line}${tail}`);
        const found = many.find(octets, 0, octets.length, true);
        // One at a time, the outermost that matches.
        const expected = left.findIndex((text) => {
          const one = new Boundaries();
          one.push(Buffer.from(text));
          return one.find(octets, 0, octets.length, true) === 0;
        });
        assert.equal(found, expected);
        assert.equal(many.length, left.length);
      },
    ),
    { numRuns: 1_000 },
  );
});
