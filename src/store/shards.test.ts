import assert from "node:assert/strict";
import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import * as fc from "fast-check";
import type { MboxName } from "../formats/ids.ts";
import { openWriter, SchemaError, type ShardPlace, ShardsError } from "./database.ts";
import { childRange, keyBefore, keyOf, LAST_KEY } from "./keys.ts";
import { mergeByKey, mergeInSteps } from "./reader/merge.ts";
import { openStore } from "./reader/store-reader.ts";
import {
  databasePath,
  firstMbox,
  isAboveOwners,
  shardOfMbox,
  shardOfName,
  shardOfOwner,
  shardOfRange,
} from "./shards.ts";

const name = (text: string): MboxName => text as MboxName;
const layout = { shards: 3, deletedPrefix: "DELETED" };

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "shards-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function make(path: string, place: ShardPlace): void {
  openWriter(databasePath(path, place.shard), place).close();
}

test("the shard of an owner never changes: what is stored depends on it", () => {
  const known = ["alice", "bob", "carol", "jane", "anna", "fred", "jane@example.org", "cyrus"];
  assert.deepEqual(
    known.map((owner) => shardOfOwner(owner, 3)),
    [0, 1, 1, 2, 2, 1, 1, 0],
  );
  assert.deepEqual([shardOfOwner("", 3), shardOfOwner("bob", 1)], [0, 0]);
  const counts = new Map<number, number>();
  for (let n = 0; n < 16_000; n++) {
    const shard = shardOfOwner(`user${n}`, 16);
    counts.set(shard, (counts.get(shard) ?? 0) + 1);
  }
  for (let shard = 0; shard < 16; shard++) assert.ok(Math.abs(counts.get(shard)! - 1_000) < 150, `shard ${shard}`);
});

test("a userid and the names of its mailboxes, deleted ones too, are in one shard", () => {
  const pairs = [
    ["john.doe", "user.john^doe", "user.john^doe.Sent", "DELETED.user.john^doe.Sent.5F000000"],
    ["jane@example.org", "example.org!user.jane", "example.org!DELETED.user.jane.A.5F000000"],
    ["fred@example.org", "user.fred@example^org"],
    ["", "shared.box", "DELETED.shared.box.5F000000", "example.org!shared"],
  ] as const;
  for (const [user, ...names] of pairs) {
    for (const one of names) {
      for (const shards of [2, 3, 7, 16]) {
        assert.equal(shardOfName(name(one), { ...layout, shards }), shardOfOwner(user, shards), one);
      }
    }
  }
});

test("mailbox numbers say their shard, and none is 0", () => {
  for (const shards of [1, 2, 3, 16]) {
    for (let shard = 0; shard < shards; shard++) {
      const first = firstMbox(shard, shards);
      assert.ok(first >= 1 && first <= shards);
      for (let n = 0; n < 3; n++) assert.equal(shardOfMbox(first + n * shards, shards), shard);
    }
  }
  assert.equal(firstMbox(0, 1), 1);
});

test("a range of one owner's names is read in one shard, others in all", () => {
  const inOne = (after: string, to: string): number | undefined => shardOfRange(after, to, layout);
  const key = keyOf(name("user.bob"));
  const { from, to } = childRange(key);
  assert.deepEqual([inOne(from, to), inOne(keyBefore(key), to), inOne(keyOf(name("user.bob.A.B")), to)], [1, 1, 1]);
  assert.equal(inOne("", to), undefined);
  assert.equal(inOne("", LAST_KEY), undefined);
  for (const above of ["user", "DELETED", "DELETED.user", "example.org!user"]) {
    assert.ok(isAboveOwners(name(above), "DELETED"));
    const range = childRange(keyOf(name(above)));
    assert.equal(inOne(range.from, range.to), undefined, above);
  }
  const shared = childRange(keyOf(name("users")));
  assert.equal(inOne(shared.from, shared.to), 0);
});

test("lists of several shards become one in order, however much is asked for", () => {
  const letters = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6, unit: "grapheme-ascii" }), { maxLength: 200 });
  const spread = fc.tuple(letters, fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 250 }));
  fc.assert(
    fc.property(spread, ([all, count, limit]) => {
      const lists = Array.from({ length: count }, (_, n) =>
        all.filter((text) => shardOfOwner(text, count) === n).sort(),
      );
      const wanted = [...all].sort();
      assert.deepEqual(
        mergeByKey(lists, (text) => text),
        wanted,
      );
      const read = (n: number, last: string | undefined, most: number): string[] =>
        lists[n]!.filter((text) => last === undefined || text > last).slice(0, most);
      assert.deepEqual(
        mergeInSteps(count, limit, (text) => text, read),
        wanted.slice(0, limit),
      );
    }),
    { numRuns: 100 },
  );
});

test("another number of shards than the store was made with is refused, with both numbers", (t) => {
  const path = directory(t);
  for (let shard = 0; shard < 3; shard++) make(path, { shard, shards: 3 });
  const text = (stored: string, wanted: number): RegExp =>
    new RegExp(`the store has ${stored}, imapd.conf says store_shards: ${wanted};`);
  for (const shards of [1, 2, 4]) {
    for (let shard = 0; shard < shards; shard++) {
      assert.throws(() => make(path, { shard, shards }), text("3 shards", shards), `${shard} of ${shards}`);
    }
    assert.throws(() => openStore(path, { ...layout, shards }), ShardsError);
  }
  openStore(path, layout).close();
  // One that is lost is made anew, beside the others.
  for (const end of ["", "-wal", "-shm"]) rmSync(`${databasePath(path, 1)}${end}`, { force: true });
  assert.throws(() => make(path, { shard: 1, shards: 2 }), ShardsError);
  make(path, { shard: 1, shards: 3 });
  assert.throws(() => openWriter(databasePath(path, 1), { shard: 2, shards: 3 }), SchemaError);
});

test("a store made before there were shards is one", (t) => {
  const path = directory(t);
  make(path, { shard: 0, shards: 1 });
  const db = openWriter(databasePath(path, 0));
  db.run("DELETE FROM meta WHERE key IN ('shard', 'shards')");
  db.close();
  make(path, { shard: 0, shards: 1 });
  openStore(path, { ...layout, shards: 1 }).close();
  for (const shard of [0, 1]) assert.throws(() => make(path, { shard, shards: 2 }), /the store has 1 shard,/);
});

test("a shard that cannot be opened is missed only by those who ask for it", (t) => {
  const path = directory(t);
  for (let shard = 0; shard < 3; shard++) make(path, { shard, shards: 3 });
  unlinkSync(databasePath(path, 1));
  const store = openStore(path, layout);
  try {
    store.view((snapshot) => {
      assert.equal(snapshot.entry(name("user.alice")), undefined);
      assert.deepEqual(snapshot.namesByRightsIdentifier("anyone"), []);
      assert.throws(() => snapshot.entry(name("user.bob")), /1\.db/);
      assert.throws(() => snapshot.entryByUniqueId("nowhere" as never), /1\.db/);
    });
    make(path, { shard: 1, shards: 3 });
    store.view((snapshot) => assert.equal(snapshot.entry(name("user.bob")), undefined));
  } finally {
    store.close();
  }
});
