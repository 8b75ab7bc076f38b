/** Moving a mailbox between partitions and deleting it, with the real writer and files on disk. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import {
  type Answer,
  appendMessage,
  copyMessage,
  databasePath,
  type ListEntry,
  mailboxDirectory,
  type MessageBox,
  MessageReader,
  StoreReader,
  StoreWriter,
  type Tx,
} from "../../store/index.ts";
import { FileWork } from "../../store/writer/file-work.ts";
import { MailError } from "../errors.ts";
import { mailboxIntents, mailboxVerbFunctions } from "./index.ts";
import { callerOf, name, testRules } from "./site.fixture.ts";

const noFlags = { system: 0, user: [0, 0, 0, 0] as const };

/** The writer with its file work, without threads. */
function openStore(context: TestContext): {
  ask(user: string, verb: string, args: object): Promise<unknown>;
  settle(): Promise<void>;
  entry(box: string): ListEntry | undefined;
  directory(entry: ListEntry): string;
  read(box: string, uid: number): Promise<string>;
  /** Work on the files beside the writer, as its thread does it. */
  files(): FileWork;
} {
  const directory = mkdtempSync(join(tmpdir(), "ops-"));
  const partitions = new Map(["default", "second"].map((partition) => [partition, join(directory, partition)]));
  const verbs = mailboxVerbFunctions({ ...testRules, deleteMode: "immediate" });
  verbs.set("append", (tx, args) => {
    const { box, text } = args as { box: string; text: string };
    const octets = Buffer.from(text);
    const dates = { internalDate: tx.now, internalDateNanos: 0, sentDate: tx.now, gmTime: tx.now };
    const guid = createHash("sha1").update(octets).digest();
    const content = { octets };
    const message = {
      sizeOctets: octets.length,
      headerSizeOctets: 0,
      guid,
      ...dates,
      cacheVersion: 1,
      cache: octets,
      content,
    };
    return appendMessage(tx, tx.entry(name(box)) as MessageBox, message, noFlags);
  });
  const boxOf = (tx: Tx, box: string): MessageBox => tx.entry(name(box)) as MessageBox;
  verbs.set("copy", (tx, args) => {
    const { from, to } = args as { from: string; to: string };
    const [source, target] = [boxOf(tx, from), boxOf(tx, to)];
    const cold = tx.mailbox(source.mbox).coldRow(1)!;
    copyMessage(tx, source, cold, target, tx.mailbox(target.mbox).header.lastUid + 1, noFlags);
  });
  verbs.set("doom", (tx, args) => {
    const { box, uid } = args as { box: string; uid: number };
    const { uniqueId, partition } = boxOf(tx, box);
    tx.doom(uniqueId, partition, uid, tx.now);
  });
  // As MOVE, and a cyr_expire that leaves nothing.
  verbs.set("move", (tx, args) => {
    const { from, to } = args as { from: string; to: string };
    const { mbox, uniqueId, partition } = boxOf(tx, from);
    verbs.get("copy")!(tx, { from, to }, [], undefined);
    tx.mailbox(mbox).expunge([{ first: 1, last: 1 }], 1, 100, 0, []);
    tx.mailbox(mbox).removeTombstones(1, 100, tx.now, []);
    tx.doom(uniqueId, partition, 1, tx.now);
  });
  const writer = StoreWriter.open({
    directory: join(directory, "store"),
    shard: 0,
    partitions,
    conversations: true,
    deletedPrefix: "DELETED",
    verbs,
    intents: mailboxIntents(testRules),
    log: silentLog,
    ident: "test",
    threads: false,
    refusalOf: (thrown) => (thrown instanceof MailError ? { code: thrown.code, detail: thrown.detail } : undefined),
    published: () => {},
    fatal: (error) => assert.fail(String(error)),
  });
  const reader = new StoreReader(databasePath(join(directory, "store"), 0));
  const messages = new MessageReader(reader, partitions);
  context.after(async () => {
    reader.close();
    await writer.close();
    rmSync(directory, { recursive: true });
  });
  let id = 0;
  const entryOf = (box: string): ListEntry | undefined => reader.view((snapshot) => snapshot.entry(name(box)));
  return {
    async ask(user, verb, args) {
      const caller = callerOf(user);
      id += 1;
      const answer = await new Promise<Answer>((done) => {
        writer.submit({ client: "test", id, verb, args, octets: [], caller, confirmed: 0, answer: done });
      });
      return "result" in answer ? answer.result : answer.refusal.code;
    },
    settle: () => writer.settle(),
    entry: entryOf,
    directory: (entry) => mailboxDirectory(partitions.get(entry.partition)!, entry.uniqueId),
    async read(box, uid) {
      const { partition, uniqueId, mbox } = entryOf(box) as MessageBox;
      const { sizeOctets } = reader.view((snapshot) => snapshot.coldRow(mbox, uid))!;
      return (await messages.read({ mbox, uid, uniqueId, partition, sizeOctets })).toString();
    },
    files() {
      const work = new FileWork(reader.db, partitions, silentLog);
      context.after(() => work.close());
      return work;
    },
  };
}

test("files follow a mailbox to another partition, whether they were on disk yet or not", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "mailboxes.create", { name: "user.alice.p" });
  await store.ask("alice", "append", { box: "user.alice.p", text: "one" });
  await store.settle();
  const before = store.entry("user.alice.p")!;
  await store.ask("alice", "append", { box: "user.alice.p", text: "two, not on disk yet" });
  await store.ask("cyrus", "mailboxes.rename", { from: before.name, to: before.name, partition: "second" });
  assert.equal(store.entry("user.alice.p")!.partition, "second");
  const texts = async (): Promise<string[]> => [
    await store.read("user.alice.p", 1),
    await store.read("user.alice.p", 2),
  ];
  assert.deepEqual(await texts(), ["one", "two, not on disk yet"]);
  await store.settle();
  assert.deepEqual(await texts(), ["one", "two, not on disk yet"]);
  const files = readdirSync(store.directory(store.entry("user.alice.p")!));
  assert.ok(files.includes("1.") && files.includes("2."), files.join(" "));
  assert.ok(!existsSync(store.directory(before)), "the old directory is gone");
  await store.ask("alice", "append", { box: "user.alice.p", text: "three" });
  await store.settle();
  assert.equal(await store.read("user.alice.p", 3), "three");
});

test("a copy whose own file is made in this moment moves with its mailbox, though its source goes", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "mailboxes.create", { name: "user.alice.p" });
  await store.ask("alice", "append", { box: "user.alice", text: "one" });
  await store.settle();
  const files = store.files();
  const now = (): number => Math.ceil(Date.now() / 1000) + 1;
  await store.ask("alice", "copy", { from: "user.alice", to: "user.alice.p" });
  await store.ask("alice", "doom", { box: "user.alice", uid: 1 });
  const source = join(store.directory(store.entry("user.alice")!), "1.");
  // The copy is durable, which the writer has not heard yet, and the source goes.
  while (files.step(now())) files.sync();
  assert.ok(!existsSync(source));
  await store.ask("cyrus", "mailboxes.rename", { from: "user.alice.p", to: "user.alice.p", partition: "second" });
  assert.equal(await store.read("user.alice.p", 1), "one");
  while (files.step(now())) files.sync();
  assert.equal(await store.read("user.alice.p", 1), "one");
  await store.settle();
  assert.equal(await store.read("user.alice.p", 1), "one");
});

test("a mailbox that goes to another partition and back before anything is on disk", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "append", { box: "user.alice", text: "one" });
  for (const partition of ["second", "default", "second", "default"]) {
    await store.ask("cyrus", "mailboxes.rename", { from: "user.alice", to: "user.alice", partition });
    assert.equal(await store.read("user.alice", 1), "one");
  }
  await store.settle();
  assert.equal(await store.read("user.alice", 1), "one");
});

test("what a mailbox has left in a partition is replaced only when what is made of it is durable and its row gone", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "append", { box: "user.alice", text: "one" });
  await store.settle();
  const place = join(store.directory(store.entry("user.alice")!), "1.");
  for (const partition of ["second", "default"])
    await store.ask("cyrus", "mailboxes.rename", { from: "user.alice", to: "user.alice", partition });
  const files = store.files();
  const done: string[] = [];
  const { blobs } = files;
  const [link, sync] = [blobs.link.bind(blobs), blobs.sync.bind(blobs)];
  blobs.link = (from, blob) => {
    done.push(`${blob.place} made${existsSync(place) ? "" : " of nothing"}`);
    link(from, blob);
  };
  blobs.sync = () => {
    done.push("synced");
    sync();
  };
  const now = Math.floor(Date.now() / 1000);
  files.step(now);
  files.sync();
  files.step(now);
  assert.deepEqual([done, files.isBlocked], [["second made", "synced"], true]);
  assert.equal(await store.read("user.alice", 1), "one");
  await store.settle();
  files.step(now);
  assert.equal(files.isBlocked, false);
  assert.equal(await store.read("user.alice", 1), "one");
  assert.equal(readFileSync(place, "latin1"), "one");
});

test("a mailbox that comes back finds nothing of what was removed while it was away", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "mailboxes.create", { name: "user.alice.p" });
  await store.ask("alice", "append", { box: "user.alice.p", text: "one" });
  await store.settle();
  const here = store.directory(store.entry("user.alice.p")!);
  const move = { from: "user.alice.p", to: "user.alice.p" };
  await store.ask("cyrus", "mailboxes.rename", { ...move, partition: "second" });
  await store.ask("alice", "move", { from: "user.alice.p", to: "user.alice" });
  await store.ask("cyrus", "mailboxes.rename", { ...move, partition: "default" });
  await store.settle();
  assert.ok(!existsSync(join(here, "1.")));
  assert.equal(await store.read("user.alice", 1), "one");
});

for (const isGone of [false, true])
  test(`a directory that is to be looked at keeps what copies are made of, ${isGone ? "also when its mailbox is deleted" : "though its row is gone"}`, async (context) => {
    const store = openStore(context);
    await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
    await store.ask("alice", "mailboxes.create", { name: "user.alice.p" });
    await store.ask("alice", "append", { box: "user.alice.p", text: "one" });
    await store.settle();
    const directory = store.directory(store.entry("user.alice.p")!);
    // Left by an earlier move, and now to be looked at.
    await store.ask("alice", "doom", { box: "user.alice.p", uid: 0 });
    await store.ask("alice", "move", { from: "user.alice.p", to: "user.alice" });
    if (isGone) await store.ask("alice", "mailboxes.delete", { name: "user.alice.p" });
    const files = store.files();
    const now = Math.ceil(Date.now() / 1000) + 1;
    while (files.step(now));
    assert.ok(existsSync(join(directory, "1.")), "the copy is not durable yet");
    files.sync();
    while (files.step(now)) files.sync();
    assert.ok(!existsSync(join(directory, "1.")), "it goes in the end");
    assert.equal(await store.read("user.alice", 1), "one");
  });

test("a mailbox deleted at once leaves no files", async (context) => {
  const store = openStore(context);
  await store.ask("cyrus", "mailboxes.create", { name: "user.alice" });
  await store.ask("alice", "mailboxes.create", { name: "user.alice.x" });
  await store.ask("alice", "append", { box: "user.alice.x", text: "one" });
  await store.settle();
  const place = store.directory(store.entry("user.alice.x")!);
  assert.ok(existsSync(place));
  assert.equal(await store.ask("bob", "mailboxes.delete", { name: "user.alice.x" }), "mailboxNonexistent");
  await store.ask("alice", "mailboxes.delete", { name: "user.alice.x" });
  assert.equal(store.entry("user.alice.x"), undefined);
  await store.settle();
  assert.ok(!existsSync(place));
});
