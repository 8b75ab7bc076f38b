/** A store whose mailboxes have directories by name, with the real writer and files on disk, and what a crash leaves of the files' work. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
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
import { openReader } from "../../store/database.ts";
import { FileWork, PENDING_AFTER, pendingFromRow } from "../../store/writer/file-work.ts";
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

  constructor(context: TestContext) {
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

  /**
   * The files' work is done up to a point, of that only what `isKept` says reaches the disk, then the power goes and recovery does everything again.
   * @param reached how many rows, of so many
   */
  crash(reached: (rows: number) => number, isKept: () => boolean): void {
    const path = databasePath(join(this.directory, "store"), 0);
    const db = openReader(path);
    const rows = db.all(PENDING_AFTER, 0, 100_000).map(pendingFromRow);
    const before = new FileWork(db, this.partitions, silentLog, undefined, hashing);
    for (const row of rows.slice(0, reached(rows.length))) if (isKept()) before.place(row, false);
    before.close();
    const after = new FileWork(db, this.partitions, silentLog, undefined, hashing);
    for (const row of rows) assert.ok(after.place(row, true), `row ${row.seq} of ${row.partition}: octets are gone`);
    after.close();
    db.close();
    const writing = new DatabaseSync(path);
    writing.exec("DELETE FROM pending; UPDATE doomed SET pending_seq=0");
    writing.close();
  }
}
