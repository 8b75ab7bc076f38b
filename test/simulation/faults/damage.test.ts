/** Damaged or missing files: a clear error, nothing else concerned, the rest stays up. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { MessageMissing, WriterRunning } from "../../../src/store/index.ts";
import { scratchDirectory } from "../disk/tree.ts";
import { TestStore } from "./store-under-test.ts";

async function filled(t: TestContext): Promise<TestStore> {
  const store = new TestStore(t);
  store.open();
  for (const name of ["user.u0", "user.u1", "user.u0.m1"]) await store.create(name);
  for (let n = 0; n < 10; n++) {
    await store.append("user.u0");
    await store.append("user.u1");
  }
  await store.store.settle();
  return store;
}

test("a missing message file: its readers are told, a copy of it holds nothing up", async (t) => {
  const store = await filled(t);
  unlinkSync(join(store.directory(store.uniqueId("user.u0")), "3."));
  await assert.rejects(store.read("user.u0", 3), MessageMissing);
  assert.equal(await store.copy("user.u0", [3, 4], "user.u0.m1"), "2 copied");
  assert.equal(await store.append("user.u1"), "uid 11");
  await store.store.settle();
  assert.equal((await store.read("user.u1", 11)).length, 2000);
  assert.equal((await store.read("user.u0.m1", 2)).length, 2000);
  await assert.rejects(store.read("user.u0.m1", 1), MessageMissing);
  const problems = await store.problems();
  assert.deepEqual(
    problems.map((problem) => problem.replace(/, was .*/, "")),
    ["user.u0: uid 3: the octets are lost", "user.u0.m1: uid 1: the octets are lost", "user.u0 3: nowhere"],
  );
});

test("a message file that is too short is an error for its reader", async (t) => {
  const store = await filled(t);
  truncateSync(join(store.directory(store.uniqueId("user.u0")), "5."), 100);
  await assert.rejects(store.read("user.u0", 5), /ends after 100 octets/);
  await store.store.close();
});

test("missing cache and header files are made anew", async (t) => {
  const store = await filled(t);
  const directory = store.directory(store.uniqueId("user.u0"));
  for (const name of ["pasargad.cache.1", "pasargad.header"]) unlinkSync(join(directory, name));
  assert.equal(await store.append("user.u0"), "uid 11");
  await store.run({ verb: "acl", name: "user.u0", identifier: "bob", rights: "lr" });
  await store.store.settle();
  assert.deepEqual(await store.problems(), []);
});

test("a damaged block stops the verbs on its mailbox alone", async (t) => {
  const store = await filled(t);
  const { mbox } = new DatabaseSync(store.databasePath, { readOnly: true })
    .prepare("SELECT mbox FROM mailbox WHERE uniqueid=?")
    .get(store.uniqueId("user.u0")) as { mbox: number };
  await store.store.close();
  const database = new DatabaseSync(store.databasePath);
  database
    .prepare("UPDATE hot SET rows=zeroblob(length(rows)) WHERE id>=? AND id<?")
    .run(mbox * 2 ** 27, (mbox + 1) * 2 ** 27);
  database.close();
  store.open();
  await assert.rejects(store.append("user.u0"), /internalError/);
  assert.equal(await store.append("user.u1"), "uid 11");
  await assert.rejects(store.flag("user.u0", [1]), /internalError/);
  assert.equal((await store.flag("user.u1", [1])).ok, true);
  await store.store.close();
});

test("zeroed pages of the database stop the verbs that need them, not the writer", async (t) => {
  const store = await filled(t);
  await store.store.close();
  const database = new DatabaseSync(store.databasePath, { readOnly: true });
  const root = Number(database.prepare("SELECT rootpage FROM sqlite_schema WHERE name='hot'").get()!["rootpage"]);
  database.close();
  const fd = openSync(store.databasePath, "r+");
  writeSync(fd, Buffer.alloc(8192), 0, 8192, (root - 1) * 8192);
  closeSync(fd);
  store.open();
  await assert.rejects(store.append("user.u0"), /internalError/);
  await store.create("user.u2");
  await store.store.close();
});

test("what is no database of ours is refused with its path, and left alone", async (t) => {
  const store = new TestStore(t);
  mkdirSync(join(store.root, "store"), { recursive: true });
  writeFileSync(store.databasePath, Buffer.alloc(20_000, "something else "));
  assert.throws(() => store.open(), /not a database/);
  assert.equal(statSync(store.databasePath).size, 20_000);
  assert.match(readFileSync(store.databasePath, "latin1"), /^something else/);
});

test("a database cut short is refused, or the verbs that need the rest are", async (t) => {
  const store = await filled(t);
  await store.store.close();
  truncateSync(store.databasePath, 8192 * 3);
  let opened = false;
  try {
    store.open();
    opened = true;
  } catch (error) {
    assert.match(String(error), /malformed|corrupt|not a database/);
  }
  if (opened) {
    await assert.rejects(store.append("user.u0"), /internalError|storeUnavailable/);
    await store.store.close();
  }
});

test("staged files that nobody asks for any more go with the next start, others stay", async (t) => {
  const store = await filled(t);
  const stage = join(store.root, "spool/stage.");
  mkdirSync(stage, { mode: 0o700 });
  for (const name of ["left-long-ago", "just-written"]) writeFileSync(join(stage, name), "x");
  utimesSync(join(stage, "left-long-ago"), 1_600_000_000, 1_600_000_000);
  await store.store.close();
  store.open();
  assert.deepEqual(readdirSync(stage), ["just-written"]);
  assert.deepEqual(await store.problems(), []);
});

test("a second writer is told who the first is", async (t) => {
  const store = await filled(t);
  const other = new TestStore(t, store.root);
  assert.throws(
    () => other.open(false),
    (error) => error instanceof WriterRunning && error.message.includes(`process ${process.pid}`),
  );
  assert.equal(await store.append("user.u0"), "uid 11");
  await store.store.close();
});

test("a read-only store directory is an error at start", async (t) => {
  const root = scratchDirectory("readonly");
  const store = new TestStore(t, root);
  mkdirSync(join(root, "store"), { mode: 0o700 });
  const bound = spawnSync("mount", ["--bind", join(root, "store"), join(root, "store")]).status === 0;
  if (!bound || spawnSync("mount", ["-o", "remount,bind,ro", join(root, "store")]).status !== 0) {
    if (bound) spawnSync("umount", ["-l", join(root, "store")]);
    return t.skip("mounting is not permitted here");
  }
  try {
    assert.throws(() => store.open(), /EROFS|read-only/);
  } finally {
    spawnSync("umount", ["-l", join(root, "store")]);
  }
});
