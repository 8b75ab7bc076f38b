/** The writer of one of two shards ends after each slice of its part, in turn; then all shards are opened again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { openWriter } from "../../store/database.ts";
import { databasePath, StoreWriter, Tx } from "../../store/index.ts";
import type { MailboxVerb, Sliced } from "../mailboxes/verb.ts";
import { contextOf } from "../mailboxes/verb.ts";
import { mailboxRules } from "../mailboxes/index.ts";
import { writerOptions } from "../program-mail.ts";
import { fetchTree } from "./fetch.ts";
import { leave } from "./leave.ts";
import { callerOf, name, SHARDS, ShardedSite, userIn } from "./site.fixture.ts";

const [A, B] = [`user.${userIn(0)}`, `user.${userIn(1)}`];
const id = "1".repeat(24);
const tree = { id, from: name(`${A}.Work`), to: name(`${B}.Job`) };
/** So few rows a slice. */
const sliceScale = 0.004;

/**
 * Runs slices of a verb in one shard, each in a transaction of its own, until `most` are done. The other shards have writers meanwhile; nobody but them
 * has the store open. Returns whether the verb came to its end.
 */
async function runSlices<Args>(
  site: ShardedSite,
  shard: number,
  verb: MailboxVerb<Args, unknown>,
  args: Args,
  most: number,
): Promise<boolean> {
  const others: StoreWriter[] = [];
  for (let other = 0; other < SHARDS; other++)
    if (other !== shard)
      others.push(StoreWriter.open({ ...writerOptions(site.config, silentLog, "test", other), threads: false }));
  const db = openWriter(databasePath(join(site.directory, "store"), shard), { shard, shards: SHARDS });
  const tx = new Tx(db, { ...writerOptions(site.config, silentLog, "test", shard), sliceScale });
  tx.guard!.markUp();
  const context = contextOf(tx, callerOf("cyrus"), mailboxRules(site.config));
  let slices: Sliced<unknown> | undefined;
  const next = (): boolean => {
    if (slices) return slices.next().done === true;
    const started = verb.run(context, args);
    if (typeof started !== "object" || started === null || !("next" in started)) return true;
    slices = started as Sliced<unknown>;
    return false;
  };
  let isDone = false;
  for (let n = 0; n < most && !isDone; n++) {
    tx.begin("test", Date.now());
    db.run("BEGIN IMMEDIATE");
    isDone = next();
    tx.flush();
    db.run("COMMIT");
    tx.takeChanges();
  }
  tx.close();
  db.close();
  for (const other of others) await other.close();
  return isDone;
}

async function prepared(): Promise<ShardedSite> {
  const site = new ShardedSite();
  await site.create(A, B, `${A}.Work`, `${A}.Work.Old`);
  await site.setQuota(A, 1_000);
  await site.setQuota(B, 1_000);
  for (let n = 0; n < 9; n++) await site.append(`${A}.Work`, `w${n}`, ["$Todo"]);
  await site.append(`${A}.Work.Old`, "old");
  await site.mail.settle();
  return site;
}

const work = Array.from({ length: 9 }, (_, n) => `${n + 1}:w${n}($Todo)`).join(" ");

/** All of it in one place, nothing anywhere else, and it takes changes. */
async function check(site: ShardedSite, place: "source" | "target", when: string): Promise<void> {
  const [here, there] = place === "source" ? [`${A}.Work`, `${B}.Job`] : [`${B}.Job`, `${A}.Work`];
  const owner = here.split(".")[1]!;
  await site.allow(here, owner);
  await site.append(here, "later");
  await site.mail.settle();
  assert.equal(await site.messages(here), `${work} 10:later`, when);
  assert.equal(await site.messages(`${here}.Old`), "1:old", when);
  assert.equal(site.entry(there), undefined, when);
  assert.equal(site.entry(`${there}.Old`), undefined, when);
  assert.deepEqual(site.leftOver(), {}, when);
  const [full, empty] = place === "source" ? [0, 1] : [1, 0];
  for (const table of ["hot", "cold"]) assert.equal(site.count(full, `SELECT count(*) FROM ${table}`), 2, when);
  assert.equal(site.count(full, "SELECT count(*) FROM guid"), 11, when);
  for (const table of ["hot", "cold", "guid"])
    assert.equal(site.count(empty, `SELECT count(*) FROM ${table}`), 0, when);
  assert.match(site.use(`user.${owner}`), / 11 3$/, when);
}

test("a tree whose coming is cut short stays where it was, or has come", async () => {
  for (let most = 1; ; most++) {
    await using site = await prepared();
    await site.mail.askShard(0, "transfer.begin", tree, callerOf("cyrus"));
    await site.mail.close();
    const isDone = await runSlices(site, 1, fetchTree, { ...tree, source: 0 }, most);
    site.open();
    await check(site, isDone ? "target" : "source", `after ${most} slices`);
    if (isDone) {
      assert.ok(most > 3, `${most} slices are too few for a test`);
      return;
    }
  }
});

test("a tree whose leaving is cut short has left", async () => {
  for (let most = 1; ; most++) {
    await using site = await prepared();
    await site.mail.askShard(0, "transfer.begin", tree, callerOf("cyrus"));
    await site.mail.askShard(1, "transfer.fetch", { ...tree, source: 0 }, callerOf("cyrus"));
    await site.mail.close();
    const isDone = await runSlices(site, 0, leave, { id, shard: 0 }, most);
    site.open();
    await check(site, "target", `after ${most} slices`);
    if (isDone) {
      assert.ok(most > 3, `${most} slices are too few for a test`);
      return;
    }
  }
});
