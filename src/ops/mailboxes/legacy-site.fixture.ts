/** A store whose mailboxes have directories by name, with the real writer and files on disk, and what a crash leaves of the files' work. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
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
import { openReader, openWriter } from "../../store/database.ts";
import { FileWork } from "../../store/writer/file-work.ts";
import { recover } from "../../store/writer/recovery.ts";
import { Tx } from "../../store/writer/tx.ts";
import { MailError } from "../errors.ts";
import { mailboxIntents, mailboxVerbFunctions } from "./index.ts";
import { callerOf, name, testRules } from "./site.fixture.ts";

const noFlags = { system: 0, user: [0, 0, 0, 0] as const };
const hashing = { spool: true, full: false };

export class LegacySite {
  readonly directory = mkdtempSync(join(tmpdir(), "legacy-"));
  private readonly partitions = new Map(
    ["default", "second"].map((partition) => [partition, join(this.directory, partition)]),
  );
  private readonly writer: StoreWriter;
  private readonly reader: StoreReader;
  private readonly messages: MessageReader;
  private id = 0;

  constructor(context: TestContext, threads = false) {
    const { directory } = this;
    const { partitions } = this;
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
      threads,
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

  /**
   * The files' work is done up to a point; of what no sync covers only what `isKept` says reaches the disk. Then the power goes, and comes back, perhaps
   * to go again while recovery works.
   */
  crash(random: (below: number) => number, isKept: () => boolean): void {
    const path = databasePath(join(this.directory, "store"), 0);
    const reader = openReader(path);
    const db = openWriter(path);
    const files = new FileWork(reader, this.partitions, silentLog, undefined, hashing);
    const now = Math.floor(Date.now() / 1000);
    for (let turns = random(4); turns > 0 && files.step(now); turns--) {
      db.run("DELETE FROM pending WHERE seq<=?", files.sync().pendingSeq);
    }
    loseSome(files, isKept);
    files.step(now);
    files.close();
    for (;;) {
      const again = new FileWork(reader, this.partitions, silentLog, undefined, hashing);
      const tx = new Tx(db, { partitions: this.partitions, hashing, conversations: false, deletedPrefix: "DELETED" });
      if (random(2) === 0) loseAfter(again, random(10), isKept);
      try {
        assert.equal(recover(tx, again, new Map(), Date.now()).lost, 0);
        break;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      } finally {
        again.close();
      }
    }
    reader.close();
    db.close();
  }
}

class PowerCut extends Error {}

/** Files are written and moved, or not. */
function loseSome(files: FileWork, isKept: () => boolean): void {
  const { blobs } = files;
  const put = blobs.put.bind(blobs);
  const link = blobs.link.bind(blobs);
  blobs.put = (blob, octets) => isKept() && put(blob, octets);
  blobs.link = (source, blob) => isKept() && link(source, blob);
  const move = blobs.moveMailbox.bind(blobs);
  blobs.moveMailbox = (from, to, uniqueId) => !isKept() || move(from, to, uniqueId);
}

/** The power goes with the `count`th file; what no sync has covered by then may be lost. */
function loseAfter(files: FileWork, count: number, isKept: () => boolean): void {
  const { blobs } = files;
  const place = files.place.bind(files);
  let left = count;
  let waiting: (() => void)[] = [];
  files.place = (pending) => {
    if (left-- <= 0) {
      for (const work of waiting) if (isKept()) work();
      throw new PowerCut();
    }
    waiting.push(() => place(pending));
    return true;
  };
  const sync = blobs.sync.bind(blobs);
  blobs.sync = () => {
    for (const work of waiting) work();
    waiting = [];
    sync();
  };
}
