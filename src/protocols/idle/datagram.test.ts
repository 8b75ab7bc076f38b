import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { decodeIdle, encodeIdle, idleKinds, MAX_NAME_OCTETS } from "./datagram.ts";
import { datagrams } from "./datagram.fuzz.ts";

/** Captured from Cyrus 3.6.1: IDLE begins, a delivery, IDLE ends. */
const captured = new Map([
  [`0000000000000000${Buffer.from("user.ev\0").toString("hex")}`, { kind: "init", name: "user.ev" }],
  [`0200000000000000${Buffer.from("user.ev\0").toString("hex")}`, { kind: "notify", name: "user.ev" }],
  [`0100000000000000${Buffer.from("user.ev\0").toString("hex")}`, { kind: "done", name: "user.ev" }],
] as const);

test("datagrams of a real Cyrus, read and written", () => {
  for (const [hex, message] of captured) {
    assert.deepEqual(decodeIdle(Buffer.from(hex, "hex")), message);
    assert.equal(encodeIdle(message).toString("hex"), hex);
  }
  for (const kind of idleKinds) assert.equal(decodeIdle(encodeIdle({ kind, name: "." }))?.kind, kind);
});

test("what is none", () => {
  const good = encodeIdle({ kind: "notify", name: "user.fred" });
  const broken = (change: (octets: Buffer) => void): Buffer => {
    const octets = Buffer.from(good);
    change(octets);
    return octets;
  };
  for (const octets of [
    Buffer.alloc(0),
    good.subarray(0, 7),
    good.subarray(0, 8),
    Buffer.alloc(9),
    good.subarray(0, -1),
    Buffer.concat([good, Buffer.from("x\0")]),
    broken((octets) => octets.writeUInt32LE(5, 0)),
    broken((octets) => octets.writeUInt32LE(1, 4)),
    broken((octets) => octets.writeUInt8(0, 10)),
    Buffer.concat([Buffer.alloc(8), Buffer.alloc(MAX_NAME_OCTETS + 1, "x"), Buffer.alloc(1)]),
  ])
    assert.equal(decodeIdle(octets), undefined);
  for (const name of ["", "a\0b", "x".repeat(MAX_NAME_OCTETS + 1)])
    assert.throws(() => encodeIdle({ kind: "init", name }), RangeError);
});

test("fuzz: idled datagrams", () => {
  fuzz(datagrams, { seed: 1, iterations: 1_000 });
});
