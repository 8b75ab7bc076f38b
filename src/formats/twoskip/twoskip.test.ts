import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { fuzz } from "../../base/fuzz.ts";
import { isTwoskip, readTwoskip, TwoskipError } from "./index.ts";
import { twoskip } from "./twoskip.fuzz.ts";

/** Made by cyr_dbtool of Cyrus 3.6.1. */
const file = (name: string): Buffer => readFileSync(join(import.meta.dirname, "testdata", name));
const contents = (octets: Buffer): Record<string, string> =>
  Object.fromEntries([...readTwoskip(octets)].map(({ key, value }) => [key.toString(), value.toString()]));

test("keys that were set, set again, and deleted", () => {
  assert.deepEqual(contents(file("replaced-and-deleted.db")), { alpha: "three", gamma: "" });
});

test("a commit that was cut short does not count", () => {
  const octets = file("half-a-commit.db");
  assert.equal(octets.readUInt32BE(56), 1, "marked as being written");
  assert.deepEqual(contents(octets), { one: "1", zero: "0" });
});

/** A file with one record, whose lengths are the long ones where `long` says so. */
function single(key: Buffer, value: Buffer, long: boolean): Buffer {
  const head = Buffer.alloc(8 + (long ? 16 : 0) + 16 + 8);
  head.write("+\x01", "latin1");
  head.writeUInt16BE(long ? 0xffff : key.length, 2);
  head.writeUInt32BE(long ? 0xffff_ffff : value.length, 4);
  if (long) {
    head.writeBigUInt64BE(BigInt(key.length), 8);
    head.writeBigUInt64BE(BigInt(value.length), 16);
  }
  const body = Buffer.alloc(Math.ceil((key.length + value.length) / 8) * 8);
  body.set(key);
  body.set(value, key.length);
  head.writeUInt32BE(crc32(head.subarray(0, -8)), head.length - 8);
  head.writeUInt32BE(crc32(body), head.length - 4);
  const before = Buffer.from(file("replaced-and-deleted.db").subarray(0, 0x150));
  before.writeBigUInt64BE(0x150n, 0x48);
  before.writeBigUInt64BE(0x150n, 0x50);
  before.writeUInt32BE(crc32(before.subarray(0x40, 0x148)), 0x148);
  before.writeBigUInt64BE(BigInt(0x150 + head.length + body.length), 48);
  before.writeUInt32BE(crc32(before.subarray(0, 60)), 60);
  return Buffer.concat([before, head, body]);
}

test("lengths of eight octets", () => {
  for (const long of [false, true]) {
    assert.deepEqual(contents(single(Buffer.from("key"), Buffer.from("and value"), long)), { key: "and value" });
  }
  const key = Buffer.alloc(70_000, "k");
  assert.deepEqual([...readTwoskip(single(key, Buffer.alloc(0), true))], [{ key, value: Buffer.alloc(0) }]);
});

test("damage is found, and what came before it is good", () => {
  const good = file("replaced-and-deleted.db");
  assert.ok(isTwoskip(good) && !isTwoskip(good.subarray(0, 19)) && !isTwoskip(Buffer.alloc(100)));
  for (const cut of [0, 19, 63, 64, 400]) assert.throws(() => contents(good.subarray(0, cut)), TwoskipError);
  // Every octet that counts is covered by a checksum.
  const alpha = 0x1f8;
  for (const at of [20, 50, 0x40, 0x48, alpha, alpha + 8, alpha + 40, alpha + 50]) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x40;
    assert.throws(() => contents(bad), TwoskipError, `octet ${at}`);
  }
  const bad = Buffer.from(good);
  bad[0x248 + 0x28]! ^= 1;
  const seen: string[] = [];
  assert.throws(() => {
    for (const { key } of readTwoskip(bad)) seen.push(key.toString());
  }, /key or value damaged at octet 584/);
  assert.deepEqual(seen, ["alpha"]);
});

test("a circle has an end", () => {
  const octets = single(Buffer.from("k"), Buffer.from("v"), false);
  octets.writeBigUInt64BE(0x150n, 0x158);
  octets.writeUInt32BE(crc32(octets.subarray(0x150, 0x168)), 0x168);
  assert.throws(() => contents(octets), /records without end/);
});

test("fuzz: twoskip files", () => {
  fuzz(twoskip, { seed: 1, iterations: 2_000 });
});
