/** Moving a mailbox between partitions and deleting it, with the real writer and files on disk. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import {
  type Answer,
  appendMessage,
  databasePath,
  type ListEntry,
  mailboxDirectory,
  type MessageBox,
  MessageReader,
  StoreReader,
  StoreWriter,
} from "../../store/index.ts";
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
