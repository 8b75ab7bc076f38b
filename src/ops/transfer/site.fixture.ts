/** For tests: a store of several shards, all opened in this process without threads, in a throw-away directory. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../base/log.ts";
import { type Config, configFromText } from "../../config/index.ts";
import type { MboxName, UniqueId, UserId } from "../../formats/ids.ts";
import { type Database, openReader } from "../../store/database.ts";
import { databasePath, Flag, type ListEntry, type MessageLocation, shardOfOwner } from "../../store/index.ts";
import type { Caller } from "../acl/index.ts";
import type { CallerMail, Mail } from "../mail.ts";
import { takeIn } from "../messages/incoming.ts";
import { openProgramMail } from "../program-mail.ts";

export const SHARDS = 3;

export const name = (text: string): MboxName => text as MboxName;

/** A user whose mailboxes are in that shard. */
export function userIn(shard: number, nth = 0): string {
  for (let n = 0, found = 0; ; n++) {
    const user = `u${n}`;
    if (shardOfOwner(user, SHARDS) === shard && found++ === nth) return user;
  }
}

export function callerOf(user: string): Caller {
  return { userId: user as UserId, groups: [], isAdmin: user === "cyrus", sessionId: "test" };
}

export class ShardedSite {
  readonly directory = mkdtempSync(join(tmpdir(), "transfer-"));
  readonly config: Config;
  mail: Mail;

  constructor(options: readonly string[] = []) {
    const lines = [
      `configdirectory: ${this.directory}`,
      `partition-default: ${this.directory}/spool`,
      `partition-second: ${this.directory}/spool2`,
      "defaultpartition: default",
      `store_shards: ${SHARDS}`,
      "allowusermoves: yes",
      ...options,
      "",
    ];
    this.config = configFromText(lines.join("\n"));
    this.mail = openProgramMail(this.config, silentLog, "test");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mail.close();
    rmSync(this.directory, { recursive: true });
  }

  as(user: string): CallerMail {
    return this.mail.as(callerOf(user));
  }

  async reopen(): Promise<void> {
    await this.mail.close();
    this.open();
  }

  /** After `mail.close`. */
  open(): void {
    this.mail = openProgramMail(this.config, silentLog, "test");
  }

  async create(...names: readonly string[]): Promise<void> {
    for (const one of names) await this.as("cyrus").ask("mailboxes.create", { name: name(one) });
  }

  async allow(mailbox: string, user: string, rights = "lrswipkxtecda"): Promise<void> {
    const args = { name: name(mailbox), identifier: user, change: "replace", rights } as const;
    await this.as("cyrus").ask("acl.set", args);
  }

  entry(mailbox: string): ListEntry | undefined {
    return this.mail.view((snapshot) => snapshot.entry(name(mailbox)));
  }

  id(mailbox: string): UniqueId {
    return this.entry(mailbox)!.uniqueId;
  }

  /** Puts a message into it, and returns the uid. */
  async append(mailbox: string, text: string, flags: readonly string[] = [], system = 0): Promise<number> {
    const { args, attachments } = takeIn(octetsOf(text), { seconds: 1_000_000_000, nanos: 0 });
    const user = mailbox.split(".")[1]!;
    const messages = [{ ...args, flags: { system, user: [...flags] } }];
    const { uids } = await this.as(user).ask("messages.append", { box: this.id(mailbox), messages }, attachments);
    return uids!.first;
  }

  /** `uid:text` of each message there is, with its flags: "1:one 2:two*" (flagged). The text is read from the file, or from where it still is. */
  async messages(mailbox: string): Promise<string> {
    const entry = this.entry(mailbox);
    if (!entry || entry.mbox === undefined) return "none";
    const { mbox, uniqueId, partition } = entry;
    const found: { location: MessageLocation; flags: string }[] = this.mail.view((snapshot) => {
      const header = snapshot.header(mbox)!;
      const blocks = snapshot.hotBlocks(mbox, { first: 1, last: header.lastUid }, 1_000);
      return blocks.flatMap((block) =>
        Array.from({ length: block.count }, (_, index) => block.row(index))
          .filter(({ flags }) => (flags & Flag.expunged) === 0)
          .map((row) => {
            const cold = snapshot.coldRow(mbox, row.uid)!;
            const keywords = header.flagNames.filter((_, place) => (row.user[place >> 5]! >>> (place & 31)) & 1);
            const marks = (row.flags & Flag.flagged ? "*" : "") + (row.flags & Flag.seen ? "s" : "");
            return {
              location: {
                mbox,
                uniqueId,
                partition,
                uid: row.uid,
                sizeOctets: cold.sizeOctets,
                blobPlace: cold.blobPlace,
              },
              flags: marks + (keywords.length > 0 ? `(${keywords.join()})` : ""),
            };
          }),
      );
    });
    const texts: string[] = [];
    for (const { location, flags } of found)
      texts.push(`${location.uid}:${textOf(await this.mail.messages.read(location as MessageLocation))}${flags}`);
    return texts.join(" ");
  }

  /** Use of a quota root as "octets messages folders". */
  use(root: string): string {
    const quota = this.mail.view((snapshot) => snapshot.quota(name(root)));
    return quota ? `${quota.storageUsed} ${quota.messageUsed} ${quota.folderUsed}` : "none";
  }

  async setQuota(root: string, kib: number): Promise<void> {
    const limits = { STORAGE: kib, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
    await this.as("cyrus").ask("quota.set", { root: name(root), limits });
  }

  /** Runs a question on a shard's database. */
  count(shard: number, sql: string): number {
    const db: Database = openReader(databasePath(join(this.directory, "store"), shard));
    try {
      return db.get(sql)![0] as number;
    } finally {
      db.close();
    }
  }

  /** What must be empty when nothing is under way. */
  leftOver(): Record<string, number> {
    const tables = { intent: "intent", pending: "pending" };
    const left: Record<string, number> = {};
    for (let shard = 0; shard < SHARDS; shard++)
      for (const table of Object.values(tables)) {
        const count = this.count(shard, `SELECT count(*) FROM ${table}`);
        if (count > 0) left[`${table} in ${shard}`] = count;
      }
    return left;
  }
}

function octetsOf(text: string): Buffer {
  return Buffer.from(`From: a@b\r\nSubject: ${text}\r\nMessage-ID: <${digest(text)}@x>\r\n\r\n${text}\r\n`);
}

const digest = (text: string): string => createHash("sha1").update(text).digest("hex");

function textOf(octets: Buffer): string {
  return /^Subject: (.*)\r$/m.exec(octets.toString("latin1"))?.[1] ?? "?";
}
