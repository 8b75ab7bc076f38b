/** A store in a throw-away directory with some users and mail, and the administration programs run on it as processes. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { silentLog } from "../../src/base/log.ts";
import { loadImapdConf } from "../../src/config/index.ts";
import type { MboxName, UserId } from "../../src/formats/ids.ts";
import { type Caller, type Mail, openProgramMail, programCaller, takeIn } from "../../src/ops/index.ts";
import { databasePath, mailboxDirectory, messagePath, shardOfOwner } from "../../src/store/index.ts";
import { shardLines, testShards } from "../support/shards.ts";

const root = resolve(import.meta.dirname, "../..");

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** All that a client can see of a mailbox. */
export interface MailboxState {
  readonly uniqueId: string;
  readonly acl: string;
  readonly uidValidity: number;
  /** uid to flags, internaldate and octets. */
  readonly messages: Readonly<Record<number, { flags: number; user: string; date: number; octets: string }>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly flagNames: readonly (string | null)[];
}

export class AdminSite {
  readonly dir: string;
  readonly imapdConf: string;
  readonly logFile: string;

  constructor(t: TestContext, settings = "") {
    this.dir = mkdtempSync(join(tmpdir(), "admin-"));
    t.after(() => rmSync(this.dir, { recursive: true, force: true }));
    this.imapdConf = join(this.dir, "imapd.conf");
    this.logFile = join(this.dir, "log");
    mkdirSync(join(this.dir, "conf"));
    writeFileSync(
      this.imapdConf,
      `configdirectory: ${this.dir}/conf\npartition-default: ${this.dir}/spool\nadmins: cyrus\n${shardLines(settings)}\n`,
    );
  }

  get spool(): string {
    return join(this.dir, "spool");
  }

  /** Of the shard that has the mailboxes of `fred`. */
  get database(): string {
    return databasePath(join(this.dir, "conf/store"), shardOfOwner("fred", testShards));
  }

  log(): string {
    return readFileSync(this.logFile, "latin1");
  }

  /** Runs a program, `quota` for cyr_quota, with -C. */
  run(program: string, ...args: string[]): Run {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        join(root, `src/programs/cyr_${program}.ts`),
        "-C",
        this.imapdConf,
        ...args,
      ],
      {
        encoding: "utf8",
        env: {
          ...process.env,
          PASARGAD_LOG: `file:${this.logFile}`,
          CYRUS_USER: "root",
          NODE_OPTIONS: "",
          NODE_COMPILE_CACHE: join(root, ".cache/compile"),
        },
      },
    );
    return { status: status ?? -1, stdout, stderr };
  }

  async withMail<T>(work: (mail: Mail) => Promise<T>): Promise<T> {
    const config = loadImapdConf({ path: this.imapdConf, service: "test" });
    const mail = openProgramMail(config, silentLog, "test");
    try {
      return await work(mail);
    } finally {
      await mail.close();
    }
  }

  /** Mailboxes by internal name. */
  async create(...names: string[]): Promise<void> {
    await this.withMail(async (mail) => {
      for (const name of names) await mail.as(programCaller("t")).ask("mailboxes.create", { name: name as MboxName });
    });
  }

  async append(name: string, texts: readonly string[], flags = 0, user: readonly string[] = []): Promise<void> {
    await this.withMail(async (mail) => {
      const box = mail.view((snapshot) => snapshot.entry(name as MboxName))!.uniqueId;
      for (const [n, text] of texts.entries()) {
        const { args, attachments } = takeIn(message(text), { seconds: 1_700_000_000 + n, nanos: 0 });
        const target = { box, flags: { system: flags, user }, quota: "ignore" as const, needsPost: false };
        await mail.as(programCaller("t")).ask("messages.deliver", { message: args, targets: [target] }, attachments);
      }
    });
  }

  /** Expunges these uids. */
  async expunge(name: string, uids: readonly number[]): Promise<void> {
    await this.withMail(async (mail) => {
      const box = mail.view((snapshot) => snapshot.entry(name as MboxName))!.uniqueId;
      const ranges = uids.map((uid) => ({ first: uid, last: uid }));
      const owner = mail.as(ownerOf(name));
      await owner.ask("messages.store-flags", { box, uids: ranges, mode: "add", flags: { system: 4, user: [] } });
      await owner.ask("messages.expunge", { box, uids: ranges });
    });
  }

  state(name: string): Promise<MailboxState> {
    return this.withMail(async (mail) => {
      const { entry, header, rows } = mail.view((snapshot) => {
        const found = snapshot.entry(name as MboxName)!;
        const head = snapshot.header(found.mbox!)!;
        const uids = [...mailUids(head.lastUid, (uid) => snapshot.hotRow(head.mbox, uid))];
        const both = uids.map(({ uid, hot }) => ({ uid, hot, cold: snapshot.coldRow(head.mbox, uid)! }));
        return { entry: found, header: { ...head }, rows: both };
      });
      const messages: Record<number, { flags: number; user: string; date: number; octets: string }> = {};
      for (const { uid, hot, cold } of rows) {
        const { partition, uniqueId, mbox } = { ...entry, mbox: entry.mbox! };
        const location = { mbox, uniqueId, partition, uid, sizeOctets: cold.sizeOctets };
        const octets = (await mail.messages.read(location)).toString("latin1");
        messages[uid] = { flags: hot.flags, user: hot.user.join(), date: cold.internalDate, octets };
      }
      const { exists, unseen, deleted, answered, flagged, expunged, sizeOctets } = header;
      return {
        uniqueId: entry.uniqueId,
        acl: entry.acl,
        uidValidity: header.uidValidity,
        messages,
        counts: { exists, unseen, deleted, answered, flagged, expunged, sizeOctets },
        flagNames: header.flagNames,
      };
    });
  }

  /** Directory of a mailbox. */
  directory(name: string): Promise<string> {
    return this.withMail(async (mail) => {
      const { uniqueId } = mail.view((snapshot) => snapshot.entry(name as MboxName))!;
      return mailboxDirectory(this.spool, uniqueId);
    });
  }

  async messageFile(name: string, uid: number): Promise<string> {
    return messagePath(await this.directory(name), uid);
  }

  /** Changes the database of `fred` behind everybody's back. */
  sql(text: string, ...values: (string | number | Uint8Array)[]): void {
    const db = new DatabaseSync(this.database);
    db.prepare(text).run(...values);
    db.close();
  }

  /** Rows of all databases, shard after shard. */
  query(text: string): unknown[] {
    return Array.from({ length: testShards }, (_, shard) => this.#rows(shard, text)).flat();
  }

  #rows(shard: number, text: string): unknown[] {
    const db = new DatabaseSync(databasePath(join(this.dir, "conf/store"), shard), { readOnly: true });
    try {
      return db
        .prepare(text)
        .all()
        .map((row) => ({ ...row }));
    } finally {
      db.close();
    }
  }
}

/** The owner of a mailbox, who may do everything with it. */
export function ownerOf(name: string): Caller {
  return { userId: name.split(".")[1] as UserId, groups: [], isAdmin: false, sessionId: "t" };
}

function* mailUids<R extends { readonly flags: number }>(
  lastUid: number,
  row: (uid: number) => R | undefined,
): Generator<{ uid: number; hot: R }> {
  for (let uid = 1; uid <= lastUid; uid++) {
    const hot = row(uid);
    if (hot && !(hot.flags & 0x100)) yield { uid, hot };
  }
}

export function message(text: string): Buffer {
  return Buffer.from(
    `From: fred@example.org\r\nTo: jane@example.org\r\nSubject: ${text}\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <${text.replaceAll(" ", ".")}@example.org>\r\n\r\n${text}\r\n`,
  );
}
