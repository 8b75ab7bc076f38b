import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Database, openWriter } from "../database.ts";
import { OctetSlots } from "./octet-slots.ts";

function newDatabase(t: TestContext): Database {
  const directory = mkdtempSync(join(tmpdir(), "slots-"));
  const db = openWriter(join(directory, "0.db"));
  t.after(() => {
    db.close();
    rmSync(directory, { recursive: true });
  });
  return db;
}

const octetsIn = (db: Database, slot: number) =>
  Buffer.from(db.get("SELECT octets FROM slot WHERE slot=?", slot)![0] as Uint8Array).toString();
const count = (db: Database) => db.get("SELECT count(*) FROM slot")![0];

test("a slot is used again once its pending row is gone, and not before", (t) => {
  const db = newDatabase(t);
  const slots = new OctetSlots(db);
  slots.sliceBegins();
  const one = slots.put(1, undefined, Buffer.from("one"))!;
  const two = slots.put(2, undefined, Buffer.from("two"))!;
  slots.groupCommitted(0);
  slots.sliceBegins();
  const three = slots.put(3, undefined, Buffer.from("three"))!;
  assert.equal(new Set([one, two, three]).size, 3);
  slots.done(1);
  slots.groupCommitted(1);
  slots.sliceBegins();
  assert.equal(slots.put(4, undefined, Buffer.from("four")), one);
  assert.equal(octetsIn(db, one), "four");
  assert.equal(octetsIn(db, two), "two");
  assert.equal(slots.put(5, undefined, undefined), undefined);
});

test("what a failed slice or group took is free again", (t) => {
  const db = newDatabase(t);
  const slots = new OctetSlots(db);
  slots.sliceBegins();
  const kept = slots.put(1, undefined, Buffer.from("kept"))!;
  slots.sliceBegins();
  const lost = slots.put(2, undefined, Buffer.from("lost"))!;
  slots.sliceFailed();
  slots.sliceBegins();
  assert.equal(slots.put(3, undefined, Buffer.from("next")), lost);
  slots.groupFailed();
  slots.sliceBegins();
  const again = [slots.put(4, undefined, Buffer.from("a"))!, slots.put(5, undefined, Buffer.from("b"))!];
  assert.deepEqual(again.toSorted(), [kept, lost].toSorted());
});

test("the cache record of one message for many recipients is kept once, until the last of them is done", (t) => {
  const db = newDatabase(t);
  const slots = new OctetSlots(db);
  const cache = Buffer.from("cache record");
  slots.sliceBegins();
  const slot = slots.put(1, cache, Buffer.from("octets"))!;
  assert.equal(slots.put(2, cache, undefined), slot);
  assert.notEqual(slots.put(3, Buffer.from("cache record"), undefined), slot);
  slots.groupCommitted(0);
  slots.done(1);
  slots.groupCommitted(1);
  slots.sliceBegins();
  assert.notEqual(slots.put(4, undefined, Buffer.from("other")), slot);
  assert.equal(octetsIn(db, slot), "octets");
});

test("large ones are deleted when done, and slots beyond those kept when nothing is pending", (t) => {
  const db = newDatabase(t);
  const slots = new OctetSlots(db);
  slots.sliceBegins();
  slots.put(1, undefined, Buffer.alloc(20_000));
  for (let seq = 2; seq <= 1_500; seq++) slots.put(seq, undefined, Buffer.from("small"));
  slots.groupCommitted(0);
  slots.done(1);
  slots.groupCommitted(1);
  assert.equal(count(db), 1_499);
  slots.done(1_500);
  slots.groupCommitted(1_500);
  slots.done(1_500);
  slots.done(1_500);
  assert.equal(count(db), 1_024);
  slots.recovered();
  slots.sliceBegins();
  assert.equal(slots.put(1, undefined, Buffer.from("first again")), 0);
});
