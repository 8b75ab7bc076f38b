/** Files that messages of several shards share, or are about to. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { cachePath, mailboxDirectory } from "../../store/index.ts";
import { programCaller } from "../program-mail.ts";
import { ShardedSite, userIn } from "./site.fixture.ts";

const [a, b, c] = [userIn(0), userIn(1), userIn(2)];
const [A, B, C] = [`user.${a}`, `user.${b}`, `user.${c}`];
const all = [{ first: 1, last: 0xffffffff }];

async function site(): Promise<ShardedSite> {
  const made = new ShardedSite(["expunge_mode: delayed"]);
  await made.create(A, B, C);
  for (const [mailbox, user] of [
    [B, a],
    [B, c],
    [C, a],
    [C, b],
  ] as const)
    await made.allow(mailbox, user);
  return made;
}

function files({ directory }: ShardedSite, id: string): string[] {
  const path = join(directory, "spool", "uuid", id[0]!, id[1]!, id);
  return existsSync(path) ? readdirSync(path).filter((name) => /^\d+\.$/.test(name)) : [];
}

/** Expunges everything, and removes what is expunged for good. */
async function clear(store: ShardedSite, mailbox: string): Promise<void> {
  const box = store.id(mailbox);
  const user = mailbox.split(".")[1]!;
  const flags = { system: 4, user: [] };
  await store.as(user).ask("messages.store-flags", { box, uids: all, mode: "add", flags });
  await store.as(user).ask("messages.expunge", { box });
  await store.mail.as(programCaller("test")).ask("maintenance.remove-expunged", { box, before: 2 ** 40 });
}

test("a file stays as long as another shard has yet to link to it", async () => {
  await using store = await site();
  await store.append(A, "one");
  await store.mail.settleShard(0);
  const from = store.id(A);
  await store.as(a).ask("messages.copy", { from, uids: all, to: store.id(B) });
  await clear(store, A);
  await store.mail.settleShard(0);
  assert.deepEqual(files(store, from), ["1."]);
  assert.equal(await store.messages(B), "1:one");
  await store.mail.settleShard(1);
  await store.mail.settleShard(0);
  assert.deepEqual(files(store, from), []);
  assert.equal(await store.messages(B), "1:one");
});

test("copies of copies get their octets although no file has been written yet", async () => {
  await using store = await site();
  await store.append(A, "one");
  await store.as(a).ask("messages.copy", { from: store.id(A), uids: all, to: store.id(B) });
  await store.as(b).ask("messages.copy", { from: store.id(B), uids: all, to: store.id(C) });
  assert.equal(await store.messages(C), "1:one");
  await store.mail.settleShard(2);
  assert.deepEqual(files(store, store.id(C)), ["1."]);
  await clear(store, A);
  await clear(store, B);
  await store.mail.settle();
  await store.mail.settle();
  assert.deepEqual(files(store, store.id(A)), []);
  assert.equal(await store.messages(C), "1:one");
  await store.reopen();
  assert.equal(await store.messages(C), "1:one");
});

test("a mailbox that is deleted keeps its files for links from other shards", async () => {
  await using store = await site();
  await store.create(`${A}.Gone`);
  await store.append(`${A}.Gone`, "one");
  await store.mail.settleShard(0);
  const from = store.id(`${A}.Gone`);
  await store.as(a).ask("messages.copy", { from, uids: all, to: store.id(B) });
  await store.as("cyrus").ask("mailboxes.delete", { name: `${A}.Gone` as never, local: true });
  await store.mail.settleShard(0);
  assert.deepEqual(files(store, from), ["1."]);
  await store.mail.settleShard(1);
  await store.mail.settleShard(0);
  assert.deepEqual(files(store, from), []);
  assert.equal(await store.messages(B), "1:one");
});

test("a directory whose mailbox has gone to another shard stays", async () => {
  await using store = await site();
  await store.create(`${A}.Work`);
  await store.append(`${A}.Work`, "one");
  const from = store.id(`${A}.Work`);
  const rename = (names: { from: string; to: string; partition?: string }): Promise<unknown> =>
    store.as("cyrus").ask("mailboxes.rename", names as never);
  // There and back: the first directory is to go, unless the mailbox lives in it.
  await rename({ from: `${A}.Work`, to: `${A}.Work`, partition: "second" });
  await rename({ from: `${A}.Work`, to: `${A}.Work`, partition: "default" });
  await rename({ from: `${A}.Work`, to: `${B}.Work` });
  await store.mail.settle();
  await store.mail.settle();
  assert.deepEqual(files(store, from), ["1."]);
  assert.equal(await store.messages(`${B}.Work`), "1:one");
  assert.deepEqual(store.leftOver(), {});
});

/** Whether the cache file of a mailbox has the record that the row of uid 1 says. */
function hasCacheRecord(store: ShardedSite, mailbox: string): boolean {
  const { uniqueId, mbox } = store.entry(mailbox)!;
  const row = store.mail.view((snapshot) => snapshot.coldRow(mbox!, 1))!;
  const path = cachePath(mailboxDirectory(join(store.directory, "spool"), uniqueId), row.cacheGeneration);
  if (!existsSync(path)) return false;
  const record = readFileSync(path).subarray(row.cacheOffset, row.cacheOffset + row.cacheLength);
  return record.length > 0 && record.length === row.cacheLength && crc32(record) === row.cacheCrc;
}

test("copies have their cache records also when another shard has not written the source's yet", async () => {
  await using store = await site();
  await store.append(A, "one");
  await store.as(a).ask("messages.copy", { from: store.id(A), uids: all, to: store.id(B) });
  await store.as(b).ask("messages.copy", { from: store.id(B), uids: all, to: store.id(C) });
  // The last one first: of those before there are no files.
  for (const [shard, mailbox] of [
    [2, C],
    [1, B],
    [0, A],
  ] as const) {
    await store.mail.settleShard(shard);
    assert.ok(hasCacheRecord(store, mailbox), mailbox);
  }
});
