import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { MboxName } from "../formats/ids.ts";
import { type IncomingMessage, type MessageBox, appendMessage, copyMessage } from "./writer/append.ts";
import { beginHidden, showHidden } from "./writer/hidden.ts";
import { destroyMailbox } from "./writer/remains.ts";
import type { VerbFunction } from "./writer/group.ts";
import type { Answer } from "./writer/replies.ts";
import { StoreWriter, databasePath } from "./writer/store-writer.ts";
import { StoreReader } from "./reader/store-reader.ts";
import { MessageReader } from "./blobs/message-reader.ts";
import { mailboxDirectory, messagePath } from "./blobs/paths.ts";
import { readHeaderFile } from "./blobs/header-file.ts";
import { Flag } from "./records/hot.ts";

const log = { err: console.error, warning() {}, notice() {}, info() {}, debug() {} };
const name = (text: string) => text as MboxName;

function message(text: string): IncomingMessage {
  const octets = Buffer.from(text);
  return {
    sizeOctets: octets.length,
    headerSizeOctets: 10,
    guid: createHash("sha1").update(octets).digest(),
    internalDate: 1_700_000_000,
    internalDateNanos: 5,
    sentDate: 1_699_999_000,
    gmTime: 1_699_999_000,
    cacheVersion: 1,
    cache: Buffer.from(`cache of ${text}`),
    content: { octets },
  };
}

class Refused extends Error {}
const noFlags = { system: 0, user: [0, 0, 0, 0] as const };

/** A few verbs, as small as can be, to drive the engine with. */
const verbs = new Map<string, VerbFunction>([
  [
    "create",
    (tx, args) => {
      const { box } = args as { box: MboxName };
      const uniqueId = tx.newUniqueId();
      const uidValidity = tx.nextUidValidity(box);
      const createdModseq = tx.nextFolderModseq(box);
      const { header } = tx.createMailbox({ name: box, uniqueId, uidValidity, createdModseq, options: "P" });
      const { mbox } = header;
      tx.putEntry({
        name: box,
        uniqueId,
        mbox,
        type: "e",
        partition: "default",
        server: "",
        acl: "fred\tlrs\t",
        uidValidity,
        createdModseq,
        folderModseq: createdModseq,
        mtime: tx.now,
        specialUse: "",
        history: [],
      });
      return mbox;
    },
  ],
  [
    "append",
    (tx, args) => {
      const { box, text } = args as { box: MboxName; text: string };
      return appendMessage(tx, tx.entry(box) as MessageBox, message(text), noFlags);
    },
  ],
  [
    "refuse",
    (tx, args) => {
      appendMessage(tx, tx.entry((args as { box: MboxName }).box) as MessageBox, message("not to be"), noFlags);
      throw new Refused("no");
    },
  ],
  [
    "flag",
    (tx, args) => {
      const { box, set } = args as { box: MboxName; set: number };
      const writer = tx.mailbox(tx.entry(box)!.mbox!);
      writer.storeFlags(
        [{ first: 1, last: 1e9 }],
        1,
        1e9,
        { mode: "add", system: set, user: [0, 0, 0, 0], systemMask: 31, userAllowed: true, unchangedSince: undefined },
        [],
      );
      return writer.header.highestModseq;
    },
  ],
  [
    "expunge",
    (tx, args) => {
      const { box } = args as { box: MboxName };
      const gone: number[] = [];
      tx.mailbox(tx.entry(box)!.mbox!).expunge([{ first: 1, last: 1e9 }], 1, 1e9, Flag.deleted, gone);
      return gone;
    },
  ],
  [
    "copy",
    function* (tx, args) {
      const { from, to, failAt } = args as { from: MboxName; to: MboxName; failAt?: number };
      const source = tx.entry(from) as MessageBox;
      const target = tx.entry(to) as MessageBox;
      const first = tx.mailbox(target.mbox).header.lastUid + 1;
      const { lastUid } = tx.mailbox(source.mbox).header;
      const intent = beginHidden(tx, { mbox: target.mbox, first, last: first + lastUid - 1 });
      for (let uid = 1; uid <= lastUid; uid++) {
        copyMessage(tx, source, tx.mailbox(source.mbox).coldRow(uid)!, target, first + uid - 1, noFlags);
        yield;
        if (uid === failAt) throw new Refused("half way");
      }
      showHidden(tx, intent, target.mbox, first + lastUid - 1);
      return lastUid;
    },
  ],
  [
    "destroy",
    (tx, args) => {
      const entry = tx.entry((args as { box: MboxName }).box) as MessageBox;
      destroyMailbox(tx, entry);
      tx.removeEntry(entry.name);
    },
  ],
]);

class Fixture {
  readonly directory = mkdtempSync(join(tmpdir(), "pasargad-store-"));
  readonly spool = join(this.directory, "spool");
  readonly partitions = new Map([["default", this.spool]]);
  writer: StoreWriter;
  reader: StoreReader;
  private nextId = 1;

  constructor(context: TestContext, threads = false) {
    this.writer = this.open(threads);
    this.reader = new StoreReader(databasePath(this.directory, 0));
    context.after(async () => {
      this.reader.close();
      await this.writer.close();
      rmSync(this.directory, { recursive: true });
    });
  }

  open(threads: boolean): StoreWriter {
    return StoreWriter.open({
      directory: this.directory,
      shard: 0,
      partitions: this.partitions,
      conversations: false,
      deletedPrefix: "DELETED",
      verbs,
      intents: new Map(),
      log,
      ident: "test",
      threads,
      refusalOf: (thrown) => (thrown instanceof Refused ? { code: "refused", detail: thrown.message } : undefined),
      published: () => {},
      fatal: (error) => {
        throw error;
      },
    });
  }

  ask(verb: string, args: object): Promise<Answer> {
    return new Promise((answer) => {
      this.writer.submit({
        client: "test",
        id: this.nextId++,
        verb,
        args,
        octets: [],
        caller: undefined,
        confirmed: 0,
        answer,
      });
    });
  }

  header(box: string) {
    return this.reader.view((snapshot) => snapshot.header(snapshot.entry(name(box))!.mbox!)!);
  }

  map(box: string) {
    return this.reader.view((snapshot) => snapshot.uidMap(snapshot.header(snapshot.entry(name(box))!.mbox!)!));
  }

  async text(box: string, uid: number): Promise<string> {
    const messages = new MessageReader(this.reader, this.partitions);
    const location = this.reader.view((snapshot) => {
      const entry = snapshot.entry(name(box))!;
      const { sizeOctets } = snapshot.coldRow(entry.mbox!, uid)!;
      return { mbox: entry.mbox!, uniqueId: entry.uniqueId, partition: entry.partition, uid, sizeOctets };
    });
    return (await messages.read(location)).toString();
  }
}

test("an appended message can be read before and after its file is written", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  assert.deepEqual(await store.ask("append", { box: "user.fred", text: "one" }), { result: 1 });
  assert.equal(await store.text("user.fred", 1), "one");
  const { uniqueId, exists, unseen, sizeOctets } = store.header("user.fred");
  assert.deepEqual({ exists, unseen, sizeOctets }, { exists: 1, unseen: 1, sizeOctets: 3 });
  const directory = mailboxDirectory(store.spool, uniqueId);
  assert.equal(existsSync(messagePath(directory, 1)), false);
  await store.writer.settle();
  assert.equal(readFileSync(messagePath(directory, 1), "utf8"), "one");
  assert.equal(await store.text("user.fred", 1), "one");
  assert.equal(readHeaderFile(directory)?.name, "user.fred");
});

test("a verb that refuses has written nothing, and the next one is not disturbed", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  const before = store.header("user.fred");
  assert.deepEqual(await store.ask("refuse", { box: "user.fred" }), { refusal: { code: "refused", detail: "no" } });
  assert.deepEqual(store.header("user.fred"), before);
  assert.deepEqual(await store.ask("append", { box: "user.fred", text: "x" }), { result: 1 });
});

test("flags and expunge keep counts and the uid map", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  for (let n = 0; n < 200; n++) await store.ask("append", { box: "user.fred", text: `m${n}` });
  assert.equal(store.map("user.fred").runCount, 1);
  await store.ask("flag", { box: "user.fred", set: Flag.seen | Flag.deleted });
  assert.equal(store.header("user.fred").unseen, 0);
  assert.equal(store.header("user.fred").deleted, 200);
  assert.deepEqual(((await store.ask("expunge", { box: "user.fred" })) as { result: number[] }).result.length, 200);
  await store.ask("append", { box: "user.fred", text: "last" });
  const map = store.map("user.fred");
  assert.deepEqual([map.count, map.uidAt(1), map.seqnoOf(201), map.seqnoOf(5)], [1, 201, 1, 0]);
  const header = store.header("user.fred");
  assert.deepEqual([header.exists, header.expunged, header.sizeOctets, header.lastUid], [1, 200, 4, 201]);
});

test("a copy in slices shows all or nothing", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  await store.ask("create", { box: "user.fred.Copy" });
  for (let n = 0; n < 5; n++) await store.ask("append", { box: "user.fred", text: `m${n}` });
  const failed = await store.ask("copy", { from: "user.fred", to: "user.fred.Copy", failAt: 3 });
  assert.ok("refusal" in failed);
  assert.equal(store.map("user.fred.Copy").count, 0);
  assert.equal(store.header("user.fred.Copy").lastUid, 5);
  assert.deepEqual(await store.ask("copy", { from: "user.fred", to: "user.fred.Copy" }), { result: 5 });
  const map = store.map("user.fred.Copy");
  assert.deepEqual([map.count, map.uidAt(1)], [5, 6]);
  assert.equal(await store.text("user.fred.Copy", 6), "m0");
  await store.ask("destroy", { box: "user.fred" });
  assert.equal(await store.text("user.fred.Copy", 10), "m4");
  await store.writer.settle();
  assert.equal(await store.text("user.fred.Copy", 10), "m4");
});

test("recovery writes files again that a power cut took or emptied", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  await store.writer.settle();
  for (const text of ["one", "two", "three"]) await store.ask("append", { box: "user.fred", text });
  const directory = mailboxDirectory(store.spool, store.header("user.fred").uniqueId);
  writeFileSync(messagePath(directory, 2), "\0\0\0");
  // As after a kill: the writer does not settle.
  const kill = store.writer as unknown as { db: { close(): void }; lockFd: number };
  kill.db.close();
  const { closeSync } = await import("node:fs");
  closeSync(kill.lockFd);
  store.writer = store.open(false);
  assert.deepEqual(store.writer.recovery, { pending: 3, lost: 0, intents: 0 });
  assert.equal(readFileSync(messagePath(directory, 2), "utf8"), "two");
  unlinkSync(messagePath(directory, 3));
  await assert.rejects(store.text("user.fred", 3), /missing/);
});

test("a file that is being written in this moment is read from where its octets still are", async (t) => {
  const store = new Fixture(t);
  await store.ask("create", { box: "user.fred" });
  await store.writer.settle();
  await store.ask("append", { box: "user.fred", text: "a message" });
  const path = messagePath(mailboxDirectory(store.spool, store.header("user.fred").uniqueId), 1);
  for (const begun of ["", "a mess", "a message"]) {
    writeFileSync(path, begun);
    assert.equal(await store.text("user.fred", 1), "a message");
  }
  await store.writer.settle();
  writeFileSync(path, "a mess");
  await assert.rejects(store.text("user.fred", 1), /ends after 6 octets/);
});

test("with its threads: files appear, pending empties, a second writer is refused", async (t) => {
  const store = new Fixture(t, true);
  await store.ask("create", { box: "user.fred" });
  await Promise.all(Array.from({ length: 300 }, (_, n) => store.ask("append", { box: "user.fred", text: `m${n}` })));
  await store.writer.settle();
  assert.equal(store.reader.db.get("SELECT count(*) FROM pending")![0], 0);
  assert.equal(await store.text("user.fred", 300), "m299");
  assert.throws(() => store.open(false), /open for writing in process/);
});

test("who gives up ends the threads; what they have not done is the next start's", async (t) => {
  const store = new Fixture(t, true);
  await store.ask("create", { box: "user.fred" });
  await store.ask("append", { box: "user.fred", text: "one" });
  await Promise.all([store.writer.abandon(), store.writer.abandon()]);
  await store.ask("append", { box: "user.fred", text: "two" });
  await store.writer.close();
  store.writer = store.open(false);
  assert.ok(store.writer.recovery.pending >= 1);
  assert.equal(store.writer.recovery.lost, 0);
  assert.deepEqual(await Promise.all([1, 2].map((uid) => store.text("user.fred", uid))), ["one", "two"]);
});

test("settle waits for what was asked before it, while more and more is asked", async (t) => {
  const store = new Fixture(t, true);
  await store.ask("create", { box: "user.fred" });
  const end = new AbortController();
  const asking = Array.from({ length: 4 }, async (_, client) => {
    for (let n = 0; !end.signal.aborted; n++) await store.ask("append", { box: "user.fred", text: `m${client}.${n}` });
  });
  for (let round = 0; round < 5; round++) {
    await store.ask("append", { box: "user.fred", text: `round ${round}` });
    const last = store.reader.db.get("SELECT max(seq) FROM pending")![0] as number;
    await store.writer.settle();
    const first = store.reader.db.get("SELECT min(seq) FROM pending")![0] as number | null;
    assert.ok(first === null || first > last, `row ${first} is there after row ${last} was settled`);
  }
  end.abort();
  await Promise.all(asking);
});

test("what is left of a mailbox goes beside other work, without being asked for", async (t) => {
  for (const threads of [false, true]) {
    const store = new Fixture(t, threads);
    await store.ask("create", { box: "user.fred" });
    await store.ask("create", { box: "user.jane" });
    for (let n = 0; n < 100; n++) await store.ask("append", { box: "user.fred", text: `m${n}` });
    await store.ask("destroy", { box: "user.fred" });
    await store.ask("append", { box: "user.jane", text: "x" });
    await store.writer.engine.idle();
    const count = (from: string) => store.reader.db.get(`SELECT count(*) FROM ${from}`)![0];
    assert.deepEqual([count("guid"), count("cold"), count("hot"), count("intent")], [1, 1, 1, 0]);
  }
});
