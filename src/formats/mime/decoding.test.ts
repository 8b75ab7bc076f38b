import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  baseSubject,
  decodeExtendedValue,
  decodeText,
  decodeTransfer,
  decodeWords,
  type Encoding,
  transferDecoder,
  WordDecoder,
} from "./index.ts";

const decode = (text: string, encoding: Encoding): string | undefined =>
  decodeTransfer(Buffer.from(text, "latin1"), encoding)?.toString("latin1");

test("base64, strict and broken", () => {
  assert.equal(decode("SGVsbG8=", "base64"), "Hello");
  assert.equal(decode("SGVs\r\nbG8", "base64"), "Hello");
  assert.equal(decode("S*G V?s-bG8=", "base64"), "Hello");
  assert.equal(decode("SGk=SGk=", "base64"), "HiHi");
  assert.equal(decode("S", "base64"), "");
  assert.equal(decode("====", "base64"), "");
});

test("quoted-printable, strict and broken", () => {
  assert.equal(decode("caf=C3=A9 =\r\nx", "quoted-printable"), "caf\xc3\xa9 x");
  assert.equal(decode("a \t\r\nb = \r\nc", "quoted-printable"), "a\r\nb c");
  assert.equal(decode("=c3=zz=", "quoted-printable"), "\xc3=zz");
  assert.equal(decode("a=3", "quoted-printable"), "a=3");
  assert.equal(decode("a  b ", "quoted-printable"), "a  b");
});

test("an unknown encoding is not decoded, the others copy", () => {
  assert.equal(decode("x", "unknown"), undefined);
  for (const encoding of ["7bit", "8bit", "binary"] as const) assert.equal(decode("\xe9=\0", encoding), "\xe9=\0");
});

test("what Node encodes in base64 is decoded, and pieces give the same as the whole", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      assert.deepEqual(
        decodeTransfer(Buffer.from(Buffer.from(octets).toString("base64")), "base64"),
        Buffer.from(octets),
      );
    }),
  );
  const text = fc.oneof(
    fc.array(fc.constantFrom("=", "=\r\n", " ", "\t", "\r\n", "\n", "\r", "4", "1", "F", "x", "=41", "= \r\n"), {
      maxLength: 40,
    }),
    fc.array(fc.string()),
  );
  fc.assert(
    fc.property(
      text,
      fc.constantFrom("base64", "quoted-printable"),
      fc.integer({ min: 1, max: 5 }),
      (parts, encoding, size) => {
        const octets = Buffer.from(parts.join(""), "latin1");
        const decoder = transferDecoder(encoding);
        assert.ok(decoder);
        const out: Buffer[] = [];
        for (let at = 0; at < octets.length; at += size) out.push(decoder.push(octets.subarray(at, at + size)));
        out.push(decoder.finish());
        assert.deepEqual(Buffer.concat(out), decodeTransfer(octets, encoding));
      },
    ),
    { numRuns: 500 },
  );
});

test("encoded words (RFC 2047 §8 and worse)", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["=?ISO-8859-1?Q?a?=", "a"],
    ["=?ISO-8859-1?Q?a?= b", "a b"],
    ["=?ISO-8859-1?Q?a?= \t =?ISO-8859-1?Q?b?=", "ab"],
    ["=?ISO-8859-1?Q?a_b?=", "a b"],
    ["=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"],
    ["=?utf-8?B?w6k=?= =?utf-8?b?w6k=?=", "éé"],
    ["=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"],
    ["=?iso-2022-jp?B?GyRCJDMkcxsoQg==?=", "こん"],
    ["=?UTF-8*en?q?x?=", "x"],
    ["=?utf-8?x?y?=", "=?utf-8?x?y?="],
    ["=?utf-8?q?open", "=?utf-8?q?open"],
    ["=?no-such-charset?q?caf=C3=A9?=", "café"],
    ["=?utf-7?Q?Hi_+AOk-?=", "Hi é"],
    ["caf\xc3\xa9", "café"],
    ["caf\xe9", "café"],
    ["", ""],
  ];
  for (const [text, expected] of cases) assert.equal(decodeWords(text), expected, text);
  fc.assert(fc.property(fc.string(), (text) => assert.equal(typeof decodeWords(`=?${text}?=`), "string")));
});

test("extended parameter values (RFC 2231 §4)", () => {
  assert.equal(decodeExtendedValue("utf-8''f%C3%A9.bin"), "fé.bin");
  assert.equal(decodeExtendedValue("us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"), "This is ***fun***");
  assert.equal(decodeExtendedValue("plain%zz"), "plain%zz");
});

test("texts in the charsets of the world", () => {
  assert.equal(decodeText(Buffer.from("cff0e8e2e5f2", "hex"), "windows-1251"), "Привет");
  assert.equal(decodeText(Buffer.from("e1e1", "hex"), "x-none"), "\ufffd\ufffd");
  assert.equal(decodeText(Buffer.from("plain"), ""), "plain");
});

test("base subjects (RFC 5256 §2.1)", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["Lunch", "Lunch", false],
    ["Re: Lunch", "Lunch", true],
    ["RE[2]: Fwd:  [list]  Lunch \t again (fwd) (FWD)", "Lunch again", true],
    ["[fwd: Re: Lunch ]", "Lunch", true],
    ["[list] Re: [list] Lunch", "Lunch", true],
    ["[only]", "[only]", false],
    ["[a][b]", "[b]", false],
    ["Reply: x", "Reply: x", false],
    ["=?utf-8?Q?Re=3A_Caf=C3=A9?=", "Café", true],
    ["", "", false],
    ["re:", "", true],
  ];
  for (const [subject, text, isReply] of cases) assert.deepEqual(baseSubject(subject), { text, isReply }, subject);
});

test("a hostile subject is not slow", { timeout: 20_000 }, () => {
  // Minutes, were the blobs counted anew for each of them.
  assert.equal(baseSubject("[a]".repeat(1_000_000)).text, "[a]");
  assert.equal(baseSubject(`${"[a]".repeat(1_000_000)}re: x`).text, "x");
});

test("what looks like encoded words by the thousand is not searched to its end for each", () => {
  // Would take minutes.
  const value = `${"=??q? ".repeat(170_000)}?=`;
  assert.equal(decodeWords(value), value);
});

test("a value that comes in pieces is decoded as it is as a whole, wherever it is cut", () => {
  const values = [
    "a =?utf-8?q?=C3?=  =?utf-8?q?=A9_x?= b =?iso-8859-1?q?=E9?= =?utf-8?b?4oKs?=",
    "=?utf-8*en?Q?=C3=A9?= \xe2\x82\xac \xf0\x9f\x98\x80 tail \xc3\xa9",
    "=??q?x?= =?a b?q?x?= =?utf-8?z?x?= =?utf-8?q=?x?= =?utf-8?q?=?= ?= = ?",
    "=?utf-8?q?never ends, and =? once more",
    "=?utf-8?q?a?=   ",
  ];
  for (const value of values) {
    for (let cut = 0; cut <= value.length; cut++) {
      for (let second = cut; second <= value.length; second++) {
        const decoder = new WordDecoder();
        const steps = [
          ...decoder.push(value.slice(0, cut), false),
          ...decoder.push(value.slice(cut, second), false),
          ...decoder.push(value.slice(second), true),
        ];
        assert.equal(steps.join(""), decodeWords(value), JSON.stringify([value, cut, second]));
      }
    }
  }
});

test("what begins like a word is text when its end does not come", () => {
  const decoder = new WordDecoder();
  const pieces = ["=?utf-8?q?", ...Array.from({ length: 20 }, () => "x".repeat(10_000)), "?= y"];
  const text = pieces.map((piece, n) => [...decoder.push(piece, n === pieces.length - 1)].join("")).join("");
  assert.equal(text, pieces.join(""));
});
