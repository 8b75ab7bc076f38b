import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkMessage, MessageChecker, munge8bit } from "./index.ts";
import { hostileMessage } from "./testing.ts";

const check = (text: string): string | undefined => checkMessage(Buffer.from(text, "latin1"));

test("what can be stored, and what cannot", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["Subject: a\r\n\r\nb\r\n", undefined],
    ["\r\nbody", undefined],
    ["Subject: a\r\n", undefined],
    ["Subject: a\r\n\r\nno line end", undefined],
    ["From a@b Mon\r\nSubject: a\r\n\r\n", undefined],
    ["Subject: a\r\nFrom a@b Mon\r\nTo: b\r\n\r\n", undefined],
    [" continued\r\nSubject: a\r\n\r\n", undefined],
    ["S\xe9: a\r\n\r\n", undefined],
    ["Subject: a\r\n\r\nb\rc", undefined],
    ["Subject: a\r\n\r\nb\0c", "containsNul"],
    ["Subject: a\0\r\n\r\n", "containsNul"],
    ["Subject: a\n\nb", "bareNewlines"],
    ["Subject: a\r\n\r\nb\nc\r\n", "bareNewlines"],
    ["\n", "bareNewlines"],
    ["x", "invalidHeader"],
    ["Subject: a", "invalidHeader"],
    ["Subject : a\r\n\r\n", "invalidHeader"],
    [": a\r\n\r\n", "invalidHeader"],
    ["S\x01: a\r\n\r\n", "invalidHeader"],
    [">From a@b\r\n\r\n", "invalidHeader"],
    ["Subject: a\r\nno field\r\n\r\n", "invalidHeader"],
  ];
  for (const [text, expected] of cases) assert.equal(check(text), expected, JSON.stringify(text));
  assert.equal(checkMessage(Buffer.from("X: \xe9\r\n\r\n", "latin1"), { reject8bit: true }), "nonAsciiHeader");
  assert.equal(checkMessage(Buffer.from("X: y\r\n\r\n\xe9", "latin1"), { reject8bit: true }), undefined);
});

test("the answer does not depend on how the octets are cut", () => {
  fc.assert(
    fc.property(hostileMessage, fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }), (octets, cuts) => {
      const checker = new MessageChecker();
      let at = 0;
      for (const cut of [...cuts, octets.length]) {
        checker.push(octets.subarray(at, at + cut));
        at += cut;
      }
      assert.equal(checker.finish(), checkMessage(octets));
    }),
  );
});

test("munge8bit changes the header only, once", () => {
  const octets = Buffer.from("S: \xe9\xff\r\n\r\n\xe9", "latin1");
  assert.equal(munge8bit(octets), 2);
  assert.equal(octets.toString("latin1"), "S: XX\r\n\r\n\xe9");
  assert.equal(munge8bit(octets), 0);
});
