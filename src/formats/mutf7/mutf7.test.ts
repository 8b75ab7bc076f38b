import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { fuzz } from "../../base/fuzz.ts";
import { decode, encode, isValid } from "./index.ts";
import { target } from "./mutf7.fuzz.ts";

test("names", () => {
  const names: [string, string][] = [
    ["", ""],
    ["INBOX/Work", "INBOX/Work"],
    ["Entw&APw-rfe", "Entwürfe"],
    ["caf&AOk-", "café"],
    ["&-", "&"],
    ["a&-b", "a&b"],
    ["&APw-&-", "ü&"],
    ["&-&APw-", "&ü"],
    ["&-&-", "&&"],
    ["~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"],
    ["&2D3eAA-", "😀"],
  ];
  for (const [name, text] of names) {
    assert.equal(decode(name), text, name);
    assert.equal(encode(text), name, text);
  }
});

test("what is not canonical is refused", () => {
  const names = [
    "&",
    "a&",
    "with&name",
    "&APw",
    "&APw.-",
    "&AP-",
    "&AP",
    "&A-",
    "&APx-",
    "&APwA-",
    "&APwAAA-",
    "&AGE-",
    "&AAA-",
    "&AAo-",
    "&APw-&APw-",
    "&2D0-",
    "&3gA-",
    "&3gDYPQ-",
    "&APw/-",
    "caf\u00e9",
    "\x7f",
    "a\nb",
    "\0",
    "&AH8-",
    "&====-",
  ];
  for (const name of names) assert.equal(isValid(name), false, name);
});

test("encode gives the one valid form, decode gives the text back", () => {
  const text = fc
    .string({ unit: "binary", maxLength: 20 })
    .map((value) => value.replace(/[\0-\x1f\x7f]/g, "ü").toWellFormed());
  fc.assert(
    fc.property(text, (text) => {
      assert.equal(decode(encode(text)), text);
    }),
    { numRuns: 300 },
  );
  const name = fc.string({ unit: fc.constantFrom(..."&-APwü,+/2D3eA az"), maxLength: 12 });
  fc.assert(
    fc.property(name, (name) => {
      const text = decode(name);
      if (text !== undefined) assert.equal(encode(text), name);
    }),
    { numRuns: 500 },
  );
});

test("fuzz", () => {
  fuzz(target, { seed: 1, iterations: 5000 });
});
