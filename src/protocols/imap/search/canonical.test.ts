import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Canonical } from "./canonical.ts";

const merging = new Canonical({ skipDiacritics: true, whitespace: "merge" });

test("case, accents and white space do not count", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Café", "cafe"],
    ["CAFE\u0301", "cafe"],
    ["Straße", "strasse"],
    ["STRAẞE", "strasse"],
    ["ΣΊΣΥΦΟΣ", "σισυφοσ"],
    ["a  b\t\r\n c", "a b c"],
    ["\ufb01n", "fin"],
    ["İ", "i"],
    ["plain text", "plain text"],
  ];
  for (const [text, expected] of cases) assert.equal(merging.text(text), expected, text);
});

test("accents and white space count where the options say so", () => {
  const strict = new Canonical({ skipDiacritics: false, whitespace: "keep" });
  assert.notEqual(strict.text("Café"), "cafe");
  assert.equal(strict.text("A  B"), "a  b");
  assert.equal(new Canonical({ skipDiacritics: true, whitespace: "skip" }).text("A  B é"), "abe");
});

test("what is canonical stays as it is", () => {
  for (const whitespace of ["merge", "skip", "keep"] as const) {
    const canonical = new Canonical({ skipDiacritics: true, whitespace });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const once = canonical.text(text);
        assert.equal(canonical.text(once), once);
      }),
    );
  }
});
