import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { BitfieldOption } from "./options/define.ts";
import { options } from "./options/index.ts";
import { parseBitfield, parseDuration, parseInteger, parseSwitch } from "./values.ts";

const no = undefined;

test("integers are read as strtol reads them", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["10", 10],
    ["-1", -1],
    ["+5", 5],
    ["0", 0],
    ["-0", 0],
    ["0x10", 16],
    ["0XfF", 255],
    ["010", 8],
    ["00", 0],
    ["2147483647", 2147483647],
    ["2147483648", no],
    ["08", no],
    ["0x", no],
    ["1k", no],
    ["1 ", no],
    ["--1", no],
    ["1.5", no],
    ["", no],
  ];
  for (const [text, value] of cases) assert.equal(parseInteger(text), value, text);
});

test("switches are decided by their first letters, in lower case", () => {
  for (const text of ["0", "n", "no", "nope", "f", "false", "off", "of"]) assert.equal(parseSwitch(text), false, text);
  for (const text of ["1", "y", "yes", "yup", "t", "true", "on", "only"]) assert.equal(parseSwitch(text), true, text);
  for (const text of ["YES", "No", "o", "2", "", "-1"]) assert.equal(parseSwitch(text), undefined, text);
});

test("durations add up groups, and the option has a unit for a bare number", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["45", 45 * 60],
    ["1h30", 5400],
    ["1h30m", 5400],
    ["5h3m2h", 7 * 3600 + 180],
    ["2d", 172_800],
    ["10s", 10],
    ["-1", -60],
    ["-1h1s", -3601],
    ["0", 0],
    ["-0", 0],
    ["-", no],
    ["m", no],
    ["1x", no],
    ["1 h", no],
    ["1H", no],
    ["--3", no],
    ["1h-3", no],
    ["99999999999999999999", no],
    ["", no],
  ];
  for (const [text, value] of cases) assert.equal(parseDuration(text, "m"), value, text);
});

test("a duration written in any units comes back", () => {
  const part = fc.nat({ max: 50 });
  fc.assert(
    fc.property(fc.boolean(), part, part, part, part, (negative, d, h, m, s) => {
      const seconds = d * 86_400 + h * 3_600 + m * 60 + s;
      const text = `${negative ? "-" : ""}${d}d${h}h${m}m${s}s`;
      assert.equal(parseDuration(text, "d"), negative && seconds > 0 ? -seconds : seconds);
      assert.equal(parseDuration(text.slice(0, -1), "s"), parseDuration(text, "d"));
    }),
  );
});

test("an integer written in decimal, hexadecimal or octal comes back", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (value) => {
      const sign = value < 0 ? "-" : "";
      const size = Math.abs(value);
      for (const text of [`${value}`, `${sign}0x${size.toString(16)}`, `${sign}0${size.toString(8)}`]) {
        assert.equal(parseInteger(text), value, text);
      }
    }),
  );
});

test("bitfields take words in any order, old words for new ones, and name what is none", () => {
  const option = options.get("sieve_extensions") as BitfieldOption<string>;
  const { words, replaced, unknown } = parseBitfield("imapflags  fileinto\tfoo", option);
  assert.deepEqual([...words].sort(), ["fileinto", "imap4flags"]);
  assert.deepEqual(replaced, [{ old: "imapflags", word: "imap4flags" }]);
  assert.deepEqual(unknown, ["foo"]);
});
