import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "../../store/database.ts";
import { databasePath, mailboxDirectory } from "../../store/index.ts";
import { MailError } from "../errors.ts";
import { callerOf, name, ShardedSite, userIn } from "./site.fixture.ts";

const [a, b, c] = [userIn(0), userIn(1), userIn(2)];
const [A, B, C] = [`user.${a}`, `user.${b}`, `user.${c}`];
const all = [{ first: 1, last: 0xffffffff }];

async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return "OK";
  } catch (error) {
    if (error instanceof MailError) return error.code;
    throw error;
  }
}

/** Three users in three shards; b gives all rights to a. */
async function site(options: readonly string[] = []): Promise<ShardedSite> {
  const made = new ShardedSite(options);
  await made.create(A, B, C);
  await made.allow(B, a);
  return made;
}

test("COPY to another shard takes keywords, flags and octets along", async () => {
  await using store = await site();
  await store.append(A, "one", ["$Forwarded"], 2);
  await store.append(A, "two");
  const result = await store.as(a).ask("messages.copy", { from: store.id(A), uids: all, to: store.id(B) });
  assert.deepEqual([result.source, result.target], [[{ first: 1, last: 2 }], [{ first: 1, last: 2 }]]);
  assert.equal(await store.messages(B), "1:one*($Forwarded) 2:two");
  assert.equal(await store.messages(A), "1:one*($Forwarded) 2:two");
  await store.mail.settle();
  assert.equal(await store.messages(B), "1:one*($Forwarded) 2:two");
  assert.deepEqual(store.leftOver(), {});
});

test("COPY needs rights on both sides, and room", async () => {
  await using store = await site();
  await store.append(A, "one");
  const copy = (who: string, from: string, to: string): Promise<unknown> =>
    store.as(who).ask("messages.copy", { from: store.id(from), uids: all, to: store.id(to) });
  assert.equal(await refusal(copy(c, A, C)), "mailboxNonexistent");
  assert.equal(await refusal(copy(a, A, C)), "mailboxNonexistent");
  await store.setQuota(B, 0);
  assert.equal(await refusal(copy(a, A, B)), "overQuota");
  assert.equal(await store.messages(B), "");
});

test("MOVE to another shard", async () => {
  await using store = await site();
  await store.setQuota(B, 100);
  for (const text of ["one", "two", "three"]) await store.append(A, text);
  const uids = [{ first: 2, last: 3 }];
  const result = await store.as(a).ask("messages.move", { from: store.id(A), uids, to: store.id(B) });
  assert.deepEqual([result.source, result.target], [uids, [{ first: 1, last: 2 }]]);
  assert.equal(await store.messages(A), "1:one");
  assert.equal(await store.messages(B), "1:two 2:three");
  assert.equal(store.use(B).split(" ")[1], "2");
  await store.mail.settle();
  assert.equal(await store.messages(B), "1:two 2:three");
  assert.deepEqual(store.leftOver(), {});
});

test("a MOVE whose asker has gone is finished by the courier", async () => {
  await using store = await site();
  await store.append(A, "one");
  const args = { from: store.id(A), uids: all, to: store.id(B), sourceShard: 0 };
  await store.mail.askShard(1, "transfer.take", args, callerOf(a));
  assert.equal(`${await store.messages(A)} ${await store.messages(B)}`, "1:one 1:one");
  await store.reopen();
  await store.as("cyrus").ask("mailboxes.create", { name: name(`${A}.x`) });
  assert.equal(await store.messages(A), "");
  assert.equal(await store.messages(B), "1:one");
  assert.deepEqual(store.leftOver(), {});
});

test("a mailbox goes to another owner with all it has", async () => {
  await using store = await site();
  await store.create(`${A}.Work`, `${A}.Work.Old`);
  await store.allow(`${A}.Work`, c, "lr");
  await store.setQuota(A, 100);
  await store.setQuota(B, 100);
  await store.append(`${A}.Work`, "one", ["$Todo"]);
  await store.append(`${A}.Work`, "two");
  await store.append(`${A}.Work.Old`, "three");
  const before = store.entry(`${A}.Work`)!;
  const header = store.mail.view((snapshot) => snapshot.header(before.mbox!))!;
  const renamed = await store.as("cyrus").ask("mailboxes.rename", { from: name(`${A}.Work`), to: name(`${B}.Job`) });
  assert.deepEqual(renamed, [
    { from: `${A}.Work`, to: `${B}.Job` },
    { from: `${A}.Work.Old`, to: `${B}.Job.Old` },
  ]);
  assert.equal(await store.messages(`${B}.Job`), "1:one($Todo) 2:two");
  assert.equal(await store.messages(`${B}.Job.Old`), "1:three");
  assert.equal(store.entry(`${A}.Work`), undefined);
  const after = store.entry(`${B}.Job`)!;
  assert.deepEqual(
    [after.uniqueId, after.uidValidity, after.acl, after.history[0]?.name, after.mbox! % 3],
    [before.uniqueId, before.uidValidity, before.acl, `${A}.Work`, 1],
  );
  const moved = store.mail.view((snapshot) => snapshot.headerByUniqueId(after.uniqueId))!;
  const { mbox: _m, owner: _o, ...same } = header;
  const { mbox: _n, owner: _p, ...there } = moved;
  assert.deepEqual(there, same);
  assert.equal(store.use(A), "0 0 1");
  assert.equal(store.use(B).slice(-4), " 3 3");
  assert.deepEqual(store.leftOver(), {});
  for (const table of ["hot", "cold", "guid"]) assert.equal(store.count(0, `SELECT count(*) FROM ${table}`), 0, table);
  // It lives on: changes, further copies, and a way back.
  await store.allow(`${B}.Job`, b);
  await store.append(`${B}.Job`, "four");
  await store.as("cyrus").ask("mailboxes.rename", { from: name(`${B}.Job`), to: name(`${A}.Work`) });
  assert.equal(await store.messages(`${A}.Work`), "1:one($Todo) 2:two 3:four");
  await store.mail.settle();
  await store.reopen();
  assert.equal(await store.messages(`${A}.Work`), "1:one($Todo) 2:two 3:four");
});

test("a user goes with subscriptions, ACLs, quota and what it has seen elsewhere", async () => {
  await using store = await site();
  const target = userIn(1, 1);
  await store.setQuota(A, 100);
  await store.create(`${A}.Sub`);
  await store.append(A, "one");
  await store.append(C, "theirs");
  await store.allow(C, a);
  await store.as(a).ask("messages.store-flags", {
    box: store.id(C),
    uids: all,
    mode: "add",
    flags: { system: 16, user: [] },
  });
  for (const one of [A, `${A}.Sub`, C]) await store.as(a).ask("mailboxes.subscribe", { name: name(one) });
  await store.as("cyrus").ask("mailboxes.rename", { from: name(A), to: name(`user.${target}`) });
  assert.equal(await store.messages(`user.${target}`), "1:one");
  const seen = store.mail.view((snapshot) => ({
    subscriptions: snapshot.subscriptions(target),
    old: snapshot.subscriptions(a),
    seen: snapshot.seen(target, store.id(C))?.uids,
    acl: snapshot.entry(name(`user.${target}`))!.acl.split("\t")[0],
  }));
  assert.deepEqual(seen, {
    subscriptions: [`user.${target}`, `user.${target}.Sub`, C].sort(),
    old: [],
    seen: "1",
    acl: target,
  });
  assert.equal(store.use(A), "none");
  assert.equal(store.use(`user.${target}`).slice(-4), " 1 2");
  await store.mail.settle();
  assert.deepEqual(store.leftOver(), {});
});

test("refused renames leave everything as it was, and writable", async () => {
  await using store = await site();
  await store.create(`${A}.Work`, `${B}.Job`);
  await store.append(`${A}.Work`, "one");
  await store.setQuota(B, 0);
  const rename = (who: string, from: string, to: string): Promise<string> =>
    refusal(store.as(who).ask("mailboxes.rename", { from: name(from), to: name(to) }));
  assert.equal(await rename("cyrus", `${A}.Work`, `${B}.Job`), "mailboxExists");
  assert.equal(await rename("cyrus", `${A}.Work`, `${B}.New`), "overQuota");
  assert.equal(await rename(c, `${A}.Work`, `${C}.New`), "mailboxNonexistent");
  assert.equal(await rename(a, `${A}.Work`, `${C}.New`), "permissionDenied");
  assert.equal(await rename("cyrus", `${A}.Work`, `user.${userIn(2, 1)}.New`), "permissionDenied");
  assert.deepEqual(store.leftOver(), {});
  await store.append(`${A}.Work`, "two");
  assert.equal(await store.messages(`${A}.Work`), "1:one 2:two");
  for (const table of ["hot", "cold", "guid"])
    assert.equal(store.count(1, `SELECT count(*) FROM ${table}`) + store.count(2, `SELECT count(*) FROM ${table}`), 0);
});

test("RENAME INBOX to a mailbox of somebody else moves the messages", async () => {
  await using store = await site();
  await store.append(A, "one");
  await store.append(A, "two");
  await store.as(a).ask("mailboxes.rename", { from: name(A), to: name(`${B}.From`) });
  assert.equal(await store.messages(A), "");
  assert.equal(await store.messages(`${B}.From`), "1:one 2:two");
  await store.mail.settle();
  assert.deepEqual(store.leftOver(), {});
});

test("a rename whose asker has gone is taken back, or finished", async () => {
  await using store = await site();
  await store.create(`${A}.Work`, `${A}.Other`);
  await store.append(`${A}.Work`, "one");
  await store.append(`${A}.Other`, "two");
  await store.mail.settle();
  const begin = { id: "1".repeat(24), from: name(`${A}.Work`), to: name(`${B}.Work`) };
  await store.mail.askShard(0, "transfer.begin", begin, callerOf("cyrus"));
  const other = { id: "2".repeat(24), from: name(`${A}.Other`), to: name(`${B}.Other`) };
  await store.mail.askShard(0, "transfer.begin", other, callerOf("cyrus"));
  await store.mail.askShard(1, "transfer.fetch", { ...other, source: 0 }, callerOf("cyrus"));
  await store.reopen();
  // Both wait for the courier.
  await store.append(`${A}.Work`, "three");
  await store.allow(`${B}.Other`, b);
  await store.append(`${B}.Other`, "four");
  await store.mail.settle();
  assert.equal(await store.messages(`${A}.Work`), "1:one 2:three");
  assert.equal(await store.messages(`${B}.Other`), "1:two 2:four");
  assert.equal(store.entry(`${A}.Other`), undefined);
  assert.equal(store.entry(`${B}.Work`), undefined);
  assert.deepEqual(store.leftOver(), {});
});

test("nothing of a tree whose renaming is under way goes to another shard", async () => {
  await using store = await site();
  await store.create(`${A}.t`, `${A}.t.x`, `${A}.t.x.y`);
  const db = new Database(databasePath(`${store.directory}/store`, 0), false);
  db.run("UPDATE list SET type='ez', mbox=NULL WHERE uniqueid=?", store.id(`${A}.t.x`));
  db.close();
  const rename = (from: string): Promise<unknown> =>
    store.as("cyrus").ask("mailboxes.rename", { from: name(from), to: name(`${C}.t`) });
  assert.equal(await refusal(rename(`${A}.t.x.y`)), "mailboxReserved");
  assert.equal(await refusal(rename(`${A}.t`)), "mailboxReserved");
  assert.deepEqual(store.leftOver(), {});
});

test("cache records have a directory also where only they are on the metapartition", async () => {
  const meta = mkdtempSync(join(tmpdir(), "meta-"));
  try {
    await using store = await site(["metapartition_files: cache", `metapartition-default: ${meta}`]);
    await store.append(A, "one");
    await store.mail.settle();
    const { uniqueId } = store.entry(A)!;
    assert.deepEqual(readdirSync(mailboxDirectory(meta, uniqueId)), ["pasargad.cache.1"]);
  } finally {
    rmSync(meta, { recursive: true });
  }
});

test("a MOVE of many messages to another shard looks at a portion at a time, and takes all of them", async () => {
  await using store = await site();
  await store.append(A, "one");
  const from = store.id(A);
  for (let n = 0; n < 11; n++) await store.as(a).ask("messages.copy", { from, uids: all, to: from });
  const uids = [
    { first: 1, last: 599 },
    { first: 1_201, last: 0xffffffff },
  ];
  const result = await store.as(a).ask("messages.move", { from, uids, to: store.id(B) });
  const count = (ranges: readonly { first: number; last: number }[]): number =>
    ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  assert.deepEqual([count(result.source), count(result.target)], [2_048 - 601, 2_048 - 601]);
  const left = store.mail.view((snapshot) => snapshot.header(store.entry(A)!.mbox!)!.exists);
  assert.equal(left, 601);
  await store.mail.settle();
  assert.deepEqual(store.leftOver(), {});
});
