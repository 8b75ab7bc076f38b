/** A shard without engine and threads, for tests that drive its parts one call at a time. */
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import type { MboxName } from "../../formats/ids.ts";
import { type Database, openReader, openWriter, type Value } from "../database.ts";
import { databasePath } from "../shards.ts";
import { appendMessage, copyMessage, type IncomingMessage, type MessageBox } from "./append.ts";
import { FileWork } from "./file-work.ts";
import { recover, type RecoveryReport } from "./recovery.ts";
import { type StoreSettings, Tx } from "./tx.ts";

const noFlags = { system: 0, user: [0, 0, 0, 0] as const };

export const nameOfBox = (text: string): MboxName => text as MboxName;

export function incoming(text: string, content: IncomingMessage["content"]): IncomingMessage {
  return {
    sizeOctets: Buffer.byteLength(text),
    headerSizeOctets: 1,
    guid: createHash("sha1").update(text).digest(),
    internalDate: 1_700_000_000,
    internalDateNanos: 0,
    sentDate: 0,
    gmTime: 0,
    cacheVersion: 1,
    cache: Buffer.from(`cache of ${text}`),
    content,
  };
}

export class Site {
  readonly directory: string;
  readonly partitions: ReadonlyMap<string, string>;
  readonly db: Database;
  readonly tx: Tx;
  private readonly context: TestContext;
  private readonly settings: StoreSettings;

  /** @param from another site, as a crash would leave it now */
  constructor(context: TestContext, settings: Partial<StoreSettings> = {}, from?: Site) {
    this.context = context;
    this.directory = mkdtempSync(join(tmpdir(), "site-"));
    context.after(() => rmSync(this.directory, { recursive: true }));
    if (from) cpSync(from.directory, this.directory, { recursive: true });
    this.partitions = new Map(["default", "second"].map((name) => [name, join(this.directory, name)]));
    this.settings = { conversations: false, deletedPrefix: "DELETED", ...settings, partitions: this.partitions };
    this.db = openWriter(databasePath(this.directory, 0));
    // Power is not cut here.
    this.db.sqlite.exec("PRAGMA synchronous=OFF");
    this.tx = new Tx(this.db, this.settings);
    context.after(() => {
      this.tx.close();
      this.db.close();
    });
  }

  /** As a crash would leave everything now, opened again. Nothing is recovered yet. */
  crashed(): Site {
    return new Site(this.context, this.settings, this);
  }

  recover(log: Log = silentLog): RecoveryReport {
    const files = this.files(log);
    return recover(this.tx, files, new Map(), Date.now());
  }

  /** Message files beside the writer, as the thread does them; closed with the test. */
  files(log: Log = silentLog): FileWork {
    const reader = openReader(this.db.path);
    const work = new FileWork(reader, this.partitions, log);
    this.context.after(() => {
      work.close();
      reader.close();
    });
    return work;
  }

  /** One slice, committed; what it throws takes it back. */
  slice<T>(work: (tx: Tx) => T): T {
    const { db, tx } = this;
    tx.begin("test", Date.now());
    db.run("BEGIN IMMEDIATE");
    try {
      const result = work(tx);
      tx.flush();
      db.run("COMMIT");
      tx.takeChanges();
      return result;
    } catch (error) {
      db.run("ROLLBACK");
      tx.rollback();
      throw error;
    }
  }

  box(text: string): MessageBox {
    return this.slice((tx) => {
      const name = nameOfBox(text);
      const uniqueId = tx.newUniqueId();
      const uidValidity = tx.nextUidValidity(name);
      const createdModseq = tx.nextFolderModseq(name);
      const { mbox } = tx.createMailbox({ name, uniqueId, uidValidity, createdModseq, options: "" }).header;
      tx.putEntry({
        name,
        uniqueId,
        mbox,
        type: "e",
        partition: "default",
        server: "",
        acl: "",
        uidValidity,
        createdModseq,
        folderModseq: createdModseq,
        mtime: tx.now,
        specialUse: "",
        history: [],
      });
      return tx.entry(name) as MessageBox;
    });
  }

  /** @param staged the name of a file below `stage.` that has the text; without it the database has it */
  append(box: MessageBox, text: string, staged?: string): number {
    const content = staged === undefined ? { octets: Buffer.from(text) } : { staged };
    return this.slice((tx) => appendMessage(tx, box, incoming(text, content), noFlags));
  }

  copy(from: MessageBox, uid: number, to: MessageBox): number {
    return this.slice((tx) => {
      const at = tx.mailbox(to.mbox).header.lastUid + 1;
      copyMessage(tx, from, tx.mailbox(from.mbox).coldRow(uid)!, to, at, noFlags);
      return at;
    });
  }

  /** First column of all rows. */
  column(sql: string, ...values: Value[]): Value[] {
    return this.db.all(sql, ...values).map(([value]) => value!);
  }

  count(from: string, ...values: Value[]): number {
    return this.db.get(`SELECT count(*) FROM ${from}`, ...values)![0] as number;
  }
}
