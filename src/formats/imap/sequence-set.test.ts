import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  formatRanges,
  intersect,
  type NumberRange,
  RangeBuilder,
  type SeqnoMap,
  SequenceSet,
  uidRanges,
} from "./index.ts";

/** A mailbox with these uids. */
function mailbox(...uids: number[]): SeqnoMap {
  return {
    exists: uids.length,
    seqnoFrom: (uid) => uids.filter((other) => other < uid).length + 1,
    uidOf: (seqno) => uids[seqno - 1]!,
    runEnd: (seqno) => {
      let end = seqno;
      while (end < uids.length && uids[end] === uids[end - 1]! + 1) end++;
      return end;
    },
  };
}

function seqnos(set: string, uids: number[], byUid = false): string {
  return formatRanges(SequenceSet.parse(set)!.seqnoRanges(mailbox(...uids), byUid));
}

test("parsing sorts and merges", () => {
  const cases: [string, string | undefined][] = [
    ["1", "1"],
    ["5:3,4,1,2", "1:5"],
    ["*", "*"],
    ["*:5", "5:*"],
    ["1:4294967295", "1:4294967295"],
    ["0", "0"],
    ["7,1,7", "1,7"],
    ["4294967296", undefined],
    ["", undefined],
    [",", undefined],
    ["1,", undefined],
    ["1:", undefined],
    [":1", undefined],
    ["1:2:3", undefined],
    ["x", undefined],
    ["1 2", undefined],
    ["**", undefined],
    ["-1", undefined],
    ["1\0", undefined],
  ];
  for (const [text, expected] of cases) assert.equal(SequenceSet.parse(text)?.toString(), expected, text);
});

test("resolving", () => {
  assert.equal(seqnos("1:*", [3, 5, 6]), "1:3");
  assert.equal(seqnos("5:*", [3, 5, 6]), "3");
  assert.equal(seqnos("2,9:12,20:*", [3, 5, 6]), "2:3");
  assert.equal(seqnos("0", [3]), "");
  assert.equal(seqnos("99", [3]), "");
  assert.equal(seqnos("*", []), "");
  assert.equal(seqnos("4:5", [3, 5, 6], true), "2");
  assert.equal(seqnos("7:*", [3, 5, 6], true), "3");
  assert.equal(seqnos("1:4294967295", [3, 5, 6], true), "1:3");
  assert.equal(seqnos("3,6", [3, 6, 9], true), "1:2");
  assert.equal(seqnos("4,8:9", [3, 6, 9], true), "3");
});

test("a set means what its definition says", () => {
  const number = fc.oneof(fc.integer({ min: 1, max: 30 }).map(String), fc.constant("*"));
  const item = fc.oneof(
    number,
    fc.tuple(number, number).map((pair) => pair.join(":")),
  );
  const items = fc.array(item, { minLength: 1, maxLength: 8 });
  const uids = fc
    .uniqueArray(fc.integer({ min: 1, max: 25 }), { maxLength: 20 })
    .map((list) => list.sort((a, b) => a - b));
  fc.assert(
    fc.property(items, uids, fc.boolean(), (list, present, byUid) => {
      const set = SequenceSet.parse(list.join(","))!;
      assert.deepEqual(SequenceSet.parse(set.toString()), set);
      const max = byUid ? (present.at(-1) ?? 0) : present.length;
      const meant = (value: number): boolean =>
        list.some((text) => {
          const ends = text.split(":").map((end) => (end === "*" ? max : Number(end)));
          return value >= Math.min(...ends) && value <= Math.max(...ends);
        });
      const expected = present.map((_, i) => i + 1).filter((seqno) => meant(byUid ? present[seqno - 1]! : seqno));
      const map = mailbox(...present);
      const got = set.seqnoRanges(map, byUid);
      assert.deepEqual(expand(got), expected);
      const builder = new RangeBuilder();
      for (const seqno of expected) builder.add(seqno);
      assert.equal(builder.toString(), formatRanges(got), "merged");
      assert.deepEqual(
        expand(uidRanges(got, map)),
        expected.map((seqno) => present[seqno - 1]),
      );
      if (max > 0) for (let value = 1; value <= max; value++) assert.equal(set.has(value, max), meant(value));
    }),
    { numRuns: 500 },
  );
});

test("intersect is what is in both", () => {
  const ranges = fc
    .array(fc.nat(40), { maxLength: 10 })
    .map((list) => SequenceSet.of(list.map((n) => ({ first: n + 1, last: n + 3 }))).ranges(99));
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      const inB = new Set(expand(b));
      assert.deepEqual(
        expand(intersect(a, b)),
        expand(a).filter((value) => inB.has(value)),
      );
    }),
    { numRuns: 300 },
  );
});

test("COPYUID keeps pairs: only adjacent and ascending numbers join", () => {
  const builder = new RangeBuilder();
  for (const uid of [5, 6, 3, 4, 2, 9]) builder.add(uid);
  assert.equal(builder.toString(), "5:6,3:4,2,9");
});

function expand(ranges: readonly NumberRange[]): number[] {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}
