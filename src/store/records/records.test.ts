import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { addFixed, addHex, addNumber, fixedText, REGISTER_INIT } from "./crc-text.ts";
import { COLD_SPAN, ColdBlock, type ColdRow } from "./cold.ts";
import { Flag, HOT_SPAN, HotBlock, headOf, type HotRow } from "./hot.ts";
import {
  ANNOT_CRC_INIT,
  annotationCrc,
  basicCrc,
  basicCrcChange,
  crcConcat,
  crcSuffixOf,
  userFlagCrcs,
  virtualAnnotationsCrc,
} from "./sync-crc.ts";

const A = "6ded1254e795010fd9b5441f252f74823cbe3748";
const B = "b0e7572cd2cd60e111c18f2c589e7906533b9c06";
const C = "247a3791998e973168fde90eb413508a614f94c7";
const none: HotRow["user"] = [0, 0, 0, 0];

const hot = (
  uid: number,
  modseq: number,
  lastUpdated: number,
  flags: number,
  date: number,
  guid: string,
  user = none,
): HotRow => ({
  uid,
  modseq,
  lastUpdated,
  flags,
  user,
  ...crcSuffixOf(date, Buffer.from(guid, "hex")),
});

test("sync CRC: the worked examples of the replication protocol", () => {
  const names = userFlagCrcs(["$Label1"]);
  const one = hot(1, 2, 1795445160, Flag.seen, 1704103200, A);
  const two = hot(2, 3, 1795445160, Flag.flagged, 1704189600, B, [1, 0, 0, 0]);
  assert.equal(basicCrc(one, names), 147769033);
  assert.equal(basicCrc(two, names), 2294500535);
  assert.equal((basicCrc(one, names) ^ basicCrc(two, names)) >>> 0, 2148371070);
  const changed = hot(2, 5, 1795445216, Flag.flagged | Flag.seen | Flag.answered, 1704189600, B, [1, 0, 0, 0]);
  assert.equal(basicCrc(changed, names), 2091514054);
  assert.equal((147769033 ^ basicCrc(changed, names)) >>> 0, 1952923151);
  const annotated = hot(2, 10, 1795445264, changed.flags, 1704189600, B, [1, 0, 0, 0]);
  assert.equal(basicCrc(annotated, names), 569637752);
  const archive = hot(1, 4, 1795445160, Flag.seen | Flag.answered, 1704276000, C, [1, 0, 0, 0]);
  assert.equal(basicCrc(archive, userFlagCrcs(["NonJunk"])), 3660491726);
});

test("sync CRC of annotations: the worked examples", () => {
  const V = "/vendor/cmu/cyrus-imapd";
  const row = (uid: number, createdModseq: number, cid = "0000000000000000") => ({
    uid,
    cid,
    saveDate: 1795445160,
    createdModseq,
  });
  assert.equal(annotationCrc(1, `${V}/savedate`, "", "1795445160"), 3920306453);
  assert.equal(annotationCrc(1, `${V}/createdmodseq`, "", "2"), 365805277);
  const both = virtualAnnotationsCrc(row(1, 2)) ^ virtualAnnotationsCrc(row(2, 3));
  assert.equal((ANNOT_CRC_INIT ^ both) >>> 0, 3487200798);
  assert.equal((ANNOT_CRC_INIT ^ virtualAnnotationsCrc(row(2, 3))) >>> 0, 868018646);
  assert.equal(annotationCrc(2, "/comment", "", "smsg"), 1007610324);
  assert.equal(annotationCrc(2, "/comment", "user1", "pmsg"), 2768292609);
  assert.equal((ANNOT_CRC_INIT ^ virtualAnnotationsCrc(row(1, 3))) >>> 0, 2346569232);
  const threaded = virtualAnnotationsCrc({ uid: 1, cid: "0eb525cfcbc2b157", saveDate: 0, createdModseq: 0 });
  assert.equal(threaded, 2467064921);
});

test("a register over numbers, hexadecimal digits and fixed pieces is that over their text", () => {
  const number = fc.oneof(fc.nat(20_000), fc.maxSafeNat());
  fc.assert(
    fc.property(number, fc.uint8Array({ maxLength: 24 }), number, (one, octets, two) => {
      let register = addNumber(REGISTER_INIT, one);
      register = addFixed(register, fixedText(" of ("));
      register = addNumber(addHex(register, octets), two);
      assert.equal(~register >>> 0, crc32(`${one} of (${Buffer.from(octets).toString("hex")}${two}`));
    }),
  );
  const guid = Buffer.from(A, "hex");
  for (const date of [0, 9, 1_704_103_200, 99_999_999_999, -1, -86_400]) {
    const { crcSuffix, dateDigits } = crcSuffixOf(date, guid);
    assert.equal(crcSuffix, crc32(`) ${date} ${A}`));
    assert.equal(dateDigits, `${date}`.length);
  }
});

test("the change of a row's sync CRC is that of its two texts", () => {
  const part = fc.record({ modseq: fc.maxSafeNat(), lastUpdated: fc.nat(), flags: fc.nat(0xffff_ffff) });
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), part, part, fc.integer(), (uid, before, after, date) => {
      const text = ({ modseq, lastUpdated, flags }: typeof before) =>
        crc32(`${uid} ${modseq} ${lastUpdated} (${flags}) ${date} ${A}`);
      const { dateDigits } = crcSuffixOf(date, Buffer.from(A, "hex"));
      assert.equal(basicCrcChange(uid, before, after, dateDigits), (text(before) ^ text(after)) >>> 0);
    }),
  );
});

test("crcConcat equals the CRC of the joined text", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ maxLength: 80 }), (a, b) => {
      assert.equal(crcConcat(crc32(a), crc32(b), Buffer.byteLength(b)), crc32(a + b));
    }),
  );
});

const hotRow = fc.record<HotRow>(
  {
    uid: fc.integer({ min: 0, max: HOT_SPAN - 1 }),
    flags: fc.integer({ min: 0, max: 0xffffff }),
    modseq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    lastUpdated: fc.integer({ min: 0, max: 0xffffffff }),
    crcSuffix: fc.integer({ min: 0, max: 0xffffffff }),
    dateDigits: fc.integer({ min: 1, max: 20 }),
    user: fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff)),
  },
  { noNullPrototype: true },
);

test("hot block: put, remove and store again behave as a sorted map", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(hotRow, fc.integer({ min: 0, max: HOT_SPAN - 1 })), { maxLength: 150 }), (steps) => {
      let block = HotBlock.empty();
      const model = new Map<number, HotRow>();
      for (const step of steps) {
        if (typeof step === "number") assert.equal(block.remove(step), model.delete(step));
        else {
          block.put(step);
          model.set(step.uid, step);
        }
        block = HotBlock.decode(Buffer.from(block.encode()));
      }
      const expected = [...model.values()].sort((a, b) => a.uid - b.uid);
      assert.deepEqual(
        Array.from({ length: block.count }, (_, i) => block.row(i)),
        expected,
      );
      const head = headOf(block);
      const live = expected.filter((row) => (row.flags & Flag.expunged) === 0);
      assert.equal(head.unseen, live.filter((row) => (row.flags & Flag.seen) === 0).length);
      const bits = (BigInt(head.liveHigh) << 48n) | BigInt(head.liveLow);
      assert.equal(
        bits,
        live.reduce((sum, row) => sum | (1n << BigInt(row.uid)), 0n),
      );
    }),
    { numRuns: 60 },
  );
});

test("cold block: rows come back as they were put", () => {
  const row = fc.record<ColdRow>(
    {
      uid: fc.integer({ min: 0, max: COLD_SPAN - 1 }),
      headerSizeOctets: fc.nat(0xffffffff),
      internalDate: fc.integer({ min: -1e10, max: 1e11 }),
      internalDateNanos: fc.nat(999_999_999),
      sizeOctets: fc.nat(0xffffffff),
      sentDate: fc.integer(),
      gmTime: fc.integer(),
      saveDate: fc.integer(),
      createdModseq: fc.nat(Number.MAX_SAFE_INTEGER),
      cid: fc.constantFrom("0000000000000000", "0eb525cfcbc2b157", "ffffffffffffffff"),
      guid: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((octets) => Buffer.from(octets)),
      cacheOffset: fc.nat(Number.MAX_SAFE_INTEGER),
      cacheLength: fc.nat(0xffffffff),
      cacheCrc: fc.nat(0xffffffff),
      cacheVersion: fc.nat(0xffff),
      cacheGeneration: fc.nat(0xffffffff),
      blobPlace: fc.nat(255),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.uniqueArray(row, { selector: (r) => r.uid }), (rows) => {
      let block = ColdBlock.empty();
      for (const item of rows) block.put(item);
      block = ColdBlock.decode(Buffer.from(block.encode()));
      for (const item of rows) assert.deepEqual(block.row(block.find(item.uid)), item);
      for (let i = 1; i < block.count; i++) assert.ok(block.uid(i - 1) < block.uid(i));
    }),
  );
});

test("a block with one wrong octet is refused", () => {
  const block = HotBlock.empty();
  block.put(hot(3, 4, 5, 0, 6, A));
  const octets = Buffer.from(block.encode());
  for (let i = 0; i < octets.length; i++) {
    const wrong = Buffer.from(octets);
    wrong[i]! ^= 1;
    assert.throws(() => HotBlock.decode(wrong));
  }
});
