/** A disk without room: what is acknowledged stays, the rest is refused, and work goes on when there is room again, without a restart. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import { TestStore } from "./store-under-test.ts";

/** A directory with room for so much; undefined where mounting is not permitted. */
function smallDisk(t: TestContext, root: string, folder: string, octets: number): string | undefined {
  const path = join(root, folder);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${octets},mode=0700`, "tmpfs", path]);
  if (status !== 0) return undefined;
  t.after(() => {
    spawnSync("umount", ["-l", path]);
    rmSync(root, { recursive: true, force: true });
  });
  return path;
}
/** Takes all room but `rest` octets. */
function fill(path: string, rest: number): string {
  const { bavail, bsize } = statfsSync(path);
  const filler = join(path, "filler");
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - rest)));
  return filler;
}
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
const whyNot = "mounting a small filesystem is not permitted here";

test("a full disk for the database refuses changes, keeps what is acknowledged, and passes", async (t) => {
  const root = scratchDirectory("full");
  const disk = smallDisk(t, root, "store", 6 << 20);
  const store = new TestStore(t, root);
  if (!disk) return t.skip(whyNot);
  store.open();
  await store.create("user.u0");
  for (let n = 0; n < 20; n++) assert.match(await store.append("user.u0"), /^uid/);
  const filler = fill(disk, 60_000);
  const answers: string[] = [];
  for (let n = 0; n < 60; n++) answers.push(await store.append("user.u0"));
  assert.ok(answers.includes("diskFull"), answers.join());
  assert.ok(!answers.some((answer) => !/^(uid \d+|diskFull)$/.test(answer)), answers.join());
  rmSync(filler);
  await until(async () => (await store.append("user.u0")).startsWith("uid"), "an append after room was made");
  await store.store.settle();
  assert.deepEqual(await store.problems(), []);
});

test("a full disk for message files delays them, and acknowledged messages are read from the database meanwhile", async (t) => {
  const root = scratchDirectory("full");
  const disk = smallDisk(t, root, "spool", 4 << 20);
  const store = new TestStore(t, root);
  if (!disk) return t.skip(whyNot);
  store.open();
  await store.create("user.u0");
  await store.store.settle();
  const filler = fill(disk, 8_192);
  for (let n = 1; n <= 30; n++) assert.equal(await store.append("user.u0"), `uid ${n}`);
  assert.equal((await store.flag("user.u0", [1, 2, 3])).ok, true);
  assert.equal((await store.read("user.u0", 30)).length, 2000);
  rmSync(filler);
  await store.store.settle();
  assert.equal(store.messageFiles(store.uniqueId("user.u0")).length, 30);
  assert.deepEqual(await store.problems(), []);
});

test("one full disk for both: nothing acknowledged is lost, and a new start recovers", async (t) => {
  const root = scratchDirectory("full");
  const disk = smallDisk(t, root, "all", 8 << 20);
  if (!disk) return t.skip(whyNot);
  const store = new TestStore(t, join(disk, "site"));
  store.open();
  await store.create("user.u0");
  await store.create("user.u1");
  const filler = fill(disk, 400_000);
  const answers = new Set<string>();
  for (let n = 0; n < 150; n++) answers.add((await store.append("user.u0", 6000)).replace(/\d+/, ""));
  assert.ok(answers.has("diskFull"), [...answers].join());
  rmSync(filler);
  await until(async () => (await store.append("user.u1")).startsWith("uid"), "an append after room was made");
  await store.store.close();
  store.open();
  assert.match(await store.append("user.u0"), /^uid/);
  await store.store.settle();
  assert.deepEqual(await store.problems(), []);
});
