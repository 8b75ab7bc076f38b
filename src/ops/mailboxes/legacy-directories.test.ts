/** Mailboxes with directories by name: created, renamed, deleted and made again, with the real writer and files on disk. */
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
  copyMessage,
  databasePath,
  type MessageBox,
  MessageMissing,
  MessageReader,
  StoreReader,
  StoreWriter,
} from "../../store/index.ts";
import { MailError } from "../errors.ts";
import { mailboxIntents, mailboxVerbFunctions } from "./index.ts";
import { callerOf, name, testRules } from "./site.fixture.ts";

const noFlags = { system: 0, user: [0, 0, 0, 0] as const };
const hashing = { spool: true, full: false };

class Site {
  readonly directory = mkdtempSync(join(tmpdir(), "legacy-"));
  private readonly writer: StoreWriter;
  private readonly reader: StoreReader;
  private readonly messages: MessageReader;
  private id = 0;

  constructor(context: TestContext) {
    const { directory } = this;
    const partitions = new Map(["default", "second"].map((partition) => [partition, join(directory, partition)]));
    const rules = { ...testRules, deleteMode: "immediate" as const, legacyDirectories: true };
    const verbs = mailboxVerbFunctions(rules);
    verbs.set("append", (tx, args) => {
      const { box, text } = args as { box: string; text: string };
      const octets = Buffer.from(text);
      const dates = { internalDate: tx.now, internalDateNanos: 0, sentDate: tx.now, gmTime: tx.now };
      const guid = createHash("sha1").update(octets).digest();
      const known = { sizeOctets: octets.length, headerSizeOctets: 0, guid, ...dates, cacheVersion: 1, cache: octets };
      return appendMessage(tx, tx.entry(name(box)) as MessageBox, { ...known, content: { octets } }, noFlags);
    });
    verbs.set("copy", (tx, args) => {
      const { from, uid, to } = args as { from: string; uid: number; to: string };
      const [source, target] = [tx.entry(name(from)) as MessageBox, tx.entry(name(to)) as MessageBox];
      const cold = tx.mailbox(source.mbox).coldRow(uid)!;
      const row = { ...cold, guid: Buffer.from(cold.guid) };
      copyMessage(tx, source, row, target, tx.mailbox(target.mbox).header.lastUid + 1, noFlags);
    });
    this.writer = StoreWriter.open({
      directory: join(directory, "store"),
      shard: 0,
      partitions,
      hashing,
      conversations: false,
      deletedPrefix: "DELETED",
      verbs,
      intents: mailboxIntents(rules),
      log: silentLog,
      ident: "test",
      threads: false,
      refusalOf: (thrown) => (thrown instanceof MailError ? { code: thrown.code, detail: thrown.detail } : undefined),
      published: () => {},
      fatal: (error) => assert.fail(String(error)),
    });
    this.reader = new StoreReader(databasePath(join(directory, "store"), 0));
    this.messages = new MessageReader(this.reader, partitions, hashing);
    context.after(async () => {
      this.reader.close();
      await this.writer.close();
      rmSync(directory, { recursive: true });
    });
  }

  async ask(user: string, verb: string, args: object): Promise<unknown> {
    const caller = callerOf(user);
    this.id += 1;
    const answer = await new Promise<Answer>((done) => {
      this.writer.submit({ client: "test", id: this.id, verb, args, octets: [], caller, confirmed: 0, answer: done });
    });
    return "result" in answer ? answer.result : answer.refusal.code;
  }

  async create(box: string): Promise<void> {
    await this.ask("cyrus", "mailboxes.create", { name: name(box) });
  }

  async append(box: string, text: string): Promise<void> {
    await this.ask("alice", "append", { box, text });
  }

  async rename(from: string, to: string, partition?: string): Promise<void> {
    const answer = await this.ask(partition ? "cyrus" : "alice", "mailboxes.rename", {
      from: name(from),
      to: name(to),
      partition,
    });
    assert.ok(Array.isArray(answer), String(answer));
  }

  async remove(box: string): Promise<void> {
    assert.notEqual(typeof (await this.ask("alice", "mailboxes.delete", { name: name(box) })), "string");
  }

  settle(): Promise<void> {
    return this.writer.settle();
  }

  /** All messages of a mailbox; "missing" for one that cannot be read. */
  async texts(box: string): Promise<string[]> {
    const found = this.reader.view((snapshot) => {
      const entry = snapshot.entry(name(box)) as MessageBox;
      const { lastUid } = snapshot.header(entry.mbox)!;
      const rows = Array.from({ length: lastUid }, (_, n) => snapshot.coldRow(entry.mbox, n + 1)?.sizeOctets);
      return { entry, rows };
    });
    const texts: string[] = [];
    for (const [n, sizeOctets] of found.rows.entries()) {
      if (sizeOctets === undefined) continue;
      const { mbox, uniqueId, partition } = found.entry;
      try {
        const octets = await this.messages.read({ mbox, uid: n + 1, uniqueId, partition, sizeOctets });
        texts.push(octets.toString());
      } catch (error) {
        if (!(error instanceof MessageMissing)) throw error;
        texts.push("missing");
      }
    }
    return texts;
  }

  type(box: string): string | undefined {
    return this.reader.view((snapshot) => snapshot.entry(name(box)))?.type;
  }

  files(directory: string): string[] {
    const path = join(this.directory, directory);
    return existsSync(path) ? readdirSync(path).sort() : [];
  }
}

test("a mailbox lies where its name says, its children below it, and goes with its name", async (context) => {
  const site = new Site(context);
  for (const box of ["user.alice", "user.alice.p", "user.alice.p.q"]) await site.create(box);
  assert.deepEqual([site.type("user.alice"), site.type("user.alice.p.q")], ["el", "el"]);
  await site.append("user.alice.p", "one");
  await site.append("user.alice.p.q", "deep");
  await site.settle();
  assert.deepEqual(site.files("default/a/user/alice"), ["p"]);
  assert.deepEqual(site.files("default/a/user/alice/p"), ["1.", "q"]);
  await site.append("user.alice.p", "two, not on disk yet");
  await site.rename("user.alice.p", "user.alice.r");
  await site.append("user.alice.r", "three");
  const expected = ["one", "two, not on disk yet", "three"];
  assert.deepEqual(await site.texts("user.alice.r"), expected, "before the files have followed");
  await site.settle();
  assert.deepEqual(await site.texts("user.alice.r"), expected);
  assert.deepEqual(await site.texts("user.alice.r.q"), ["deep"]);
  assert.deepEqual(site.files("default/a/user/alice"), ["r"], "the old directory is gone");
  assert.deepEqual(site.files("default/a/user/alice/r"), ["1.", "2.", "3.", "q"]);
});

test("a name that is used again at once gets nothing of what was there, and takes nothing along", async (context) => {
  const site = new Site(context);
  for (const box of ["user.alice", "user.alice.p", "user.alice.copies"]) await site.create(box);
  await site.append("user.alice.p", "old one");
  await site.settle();
  await site.append("user.alice.p", "old two");
  await site.ask("alice", "copy", { from: "user.alice.p", uid: 1, to: "user.alice.copies" });
  await site.ask("alice", "copy", { from: "user.alice.p", uid: 2, to: "user.alice.copies" });
  await site.rename("user.alice.p", "user.alice.kept");
  await site.create("user.alice.p");
  await site.append("user.alice.p", "new one");
  await site.ask("alice", "copy", { from: "user.alice.kept", uid: 1, to: "user.alice.p" });
  const check = async (): Promise<void> => {
    assert.deepEqual(await site.texts("user.alice.kept"), ["old one", "old two"]);
    assert.deepEqual(await site.texts("user.alice.p"), ["new one", "old one"]);
    assert.deepEqual(await site.texts("user.alice.copies"), ["old one", "old two"]);
  };
  await check();
  await site.settle();
  await check();

  await site.ask("alice", "copy", { from: "user.alice.p", uid: 1, to: "user.alice.copies" });
  await site.remove("user.alice.p");
  await site.create("user.alice.p");
  await site.append("user.alice.p", "newest");
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await site.texts("user.alice.p"), ["newest"]);
    assert.deepEqual(await site.texts("user.alice.copies"), ["old one", "old two", "new one"]);
    await site.settle();
  }
  await site.remove("user.alice.p");
  await site.settle();
  assert.deepEqual(site.files("default/a/user/alice"), ["copies", "kept"]);
  const identities = site
    .files("default/uuid")
    .flatMap((a) => site.files(`default/uuid/${a}`).flatMap((b) => site.files(`default/uuid/${a}/${b}`)));
  assert.equal(identities.length, 3, "cache and header file of each that is left");
});

test("three names in a circle, before and after the files have followed", async (context) => {
  const site = new Site(context);
  await site.create("user.alice");
  for (const box of ["a", "b"]) {
    await site.create(`user.alice.${box}`);
    await site.append(`user.alice.${box}`, `of ${box}`);
  }
  await site.settle();
  for (let round = 0; round < 3; round++) {
    await site.rename("user.alice.a", "user.alice.t");
    await site.rename("user.alice.b", "user.alice.a");
    await site.rename("user.alice.t", "user.alice.b");
    if (round === 1) await site.settle();
  }
  for (let round = 0; round < 2; round++) {
    assert.deepEqual([await site.texts("user.alice.a"), await site.texts("user.alice.b")], [["of b"], ["of a"]]);
    await site.settle();
  }
});

test("another partition, and a name that can be no directory", async (context) => {
  const site = new Site(context);
  for (const box of ["user.alice", "user.alice.p"]) await site.create(box);
  await site.append("user.alice.p", "one");
  await site.settle();
  await site.append("user.alice.p", "two");
  await site.rename("user.alice.p", "user.alice.p", "second");
  await site.append("user.alice.p", "three");
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await site.texts("user.alice.p"), ["one", "two", "three"]);
    await site.settle();
  }
  assert.deepEqual(site.files("second/a/user/alice/p"), ["1.", "2.", "3."]);
  assert.deepEqual(site.files("default/a"), []);
  const long = `user.alice.${"x".repeat(260)}`;
  await site.rename("user.alice.p", long);
  await site.settle();
  assert.deepEqual(await site.texts(long), ["one", "two", "three"]);
  assert.deepEqual(site.files("second/a"), []);
  await site.rename(long, "user.alice.short");
  await site.settle();
  assert.deepEqual(site.files("second/a/user/alice/short"), ["1.", "2.", "3."]);
  assert.deepEqual(await site.texts("user.alice.short"), ["one", "two", "three"]);
});
