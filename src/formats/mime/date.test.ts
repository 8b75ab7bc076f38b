import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDate } from "./index.ts";

/** ISO instant, and the day where it differs. */
function parse(text: string): string | undefined {
  const octets = Buffer.from(`xx${text}yy`, "latin1");
  const date = parseDate(octets, 2, octets.length - 2);
  if (date === undefined) return undefined;
  const iso = new Date(date.time * 1000).toISOString().replace(".000Z", "");
  const day = new Date(date.day * 1000).toISOString().slice(0, 10);
  return iso.startsWith(day) ? iso : `${iso} ${day}`;
}

test("dates, RFC 5322 and others", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["Mon, 7 Feb 2022 21:52:25 +0000", "2022-02-07T21:52:25"],
    ["Mon, 7 Feb 2022 21:52:25 -0800", "2022-02-08T05:52:25 2022-02-07"],
    ["7 Feb 2022 00:30 +0900", "2022-02-06T15:30:00 2022-02-07"],
    ["7 feb 22 21:52:25 EST", "2022-02-08T02:52:25 2022-02-07"],
    ["7 Feb 99 21:52:25 GMT", "1999-02-07T21:52:25"],
    ["7-Feb-2022 21:52:25", "2022-02-07T21:52:25"],
    ["(c) Mon (d), 7 (e(f)) Feb\r\n 2022 01:02:03 (UTC)", "2022-02-07T01:02:03"],
    ["Monday, 7 February 2022 1:2:3 Z", "2022-02-07T01:02:03"],
    ["7 Feb 2022", "2022-02-07T00:00:00"],
    ["7 Feb 2022 25:00:00", "2022-02-07T00:00:00"],
    ["30 Feb 2022", "2022-03-02T00:00:00"],
    ["7 Feb 2022 23:59:60 +0000", "2022-02-08T00:00:00 2022-02-07"],
    ["2022-02-07T21:52:25Z", undefined],
    ["32 Jan 2022", undefined],
    ["7 Foo 2022", undefined],
    ["7 Feb 1960 00:00:00", undefined],
    ["7 Feb", undefined],
    ["junk", undefined],
    ["(", undefined],
    ["", undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parse(text), expected, text);
});

test("every date that toUTCString writes is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 86_400, max: 4_000_000_000 }), (time) => {
      const octets = Buffer.from(new Date(time * 1000).toUTCString());
      assert.equal(parseDate(octets, 0, octets.length)?.time, time);
    }),
  );
});
