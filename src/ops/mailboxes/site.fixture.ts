/** For tests: a store in a throw-away directory, whose verbs run one at a time under a clock that stands still. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  databasePath,
  isTombstone,
  type ListEntry,
  openStore,
  type ShardLayout,
  shardOfName,
  shardOfOwner,
  type StoreView,
  Tx,
} from "../../store/index.ts";
import { type Database, openWriter } from "../../store/database.ts";
import { readEntries } from "../../store/list-entry.ts";
import { Access, type Caller, defaultAclSettings } from "../acl/index.ts";
import { MailError, type MailErrorCode } from "../errors.ts";
import { defaultNameSettings, Namespace } from "../names/index.ts";
import { placeOf } from "../shards/places.ts";
import type { AuditNote } from "../verb.ts";
import type { VerbName } from "../verbs.ts";
import { mailboxIntents } from "./index.ts";
import type { MailboxRules } from "./rules.ts";
import { defaultSpecialUses } from "./special-use.ts";
import { contextOf, type MailboxVerb } from "./verb.ts";

export const name = (text: string): MboxName => text as MboxName;

export const testRules: MailboxRules = {
  names: { ...defaultNameSettings, altNamespace: false },
  acl: defaultAclSettings,
  partitions: new Set(["default", "second"]),
  choosePartition: () => "default",
  auditLog: true,
  deleteMode: "delayed",
  deleteUnsubscribe: false,
  allowUserMoves: false,
  allowAllSubscribe: false,
  allowSetAcl: true,
  anyoneUserAcl: true,
  defaultAcl: "anyone\tlrs\t",
  specialUses: defaultSpecialUses,
  initialFlags: [],
  toLower: true,
  autocreate: undefined,
  moveAllMessages: undefined,
  groupExists: undefined,
};

/** `cyrus` administers; everybody else is a user of that name; "" is anonymous. */
export function callerOf(user: string): Caller {
  return { userId: user === "" ? undefined : (user as UserId), groups: [], isAdmin: user === "cyrus", sessionId: "s1" };
}

export class Site {
  readonly rules: MailboxRules;
  /** Of the first shard. */
  readonly db: Database;
  tx: Tx;
  /** Epoch seconds. */
  now = 0x6b0454a8;
  readonly audit: AuditNote[] = [];
  private readonly directory: string;
  private readonly partitions = new Map([
    ["default", "/nonexistent"],
    ["second", "/nonexistent2"],
  ]);
  private readonly layout: ShardLayout;
  private readonly dbs: readonly Database[];
  private txs: readonly Tx[];
  private opened: StoreView | undefined;

  /** @param shards with several, only verbs that stay within one, and reading */
  constructor(rules: Partial<MailboxRules> = {}, shards = 1) {
    this.rules = { ...testRules, ...rules };
    this.layout = { shards, deletedPrefix: this.rules.names.deletedPrefix };
    this.directory = mkdtempSync(join(tmpdir(), "ops-"));
    this.dbs = Array.from({ length: shards }, (_, shard) =>
      openWriter(databasePath(this.directory, shard), { shard, shards }),
    );
    for (const db of this.dbs) db.sqlite.exec("PRAGMA synchronous=OFF");
    this.db = this.dbs[0]!;
    this.txs = this.dbs.map((db, shard) => this.openTx(db, shard));
    this.tx = this.txs[0]!;
  }

  [Symbol.dispose](): void {
    this.opened?.close();
    for (const tx of this.txs) tx.close();
    for (const db of this.dbs) db.close();
    rmSync(this.directory, { recursive: true });
  }

  get reader(): StoreView {
    this.opened ??= openStore(this.directory, this.layout);
    return this.opened;
  }

  private txOf<A, R>(user: string, verb: MailboxVerb<A, R>, args: A): Tx {
    if (this.txs.length === 1) return this.tx;
    const place = placeOf(verb.name as VerbName, args, callerOf(user));
    if (place === "everywhere" || !("name" in place || "user" in place)) {
      throw new Error(`${verb.name} is for a site of one shard`);
    }
    const { layout } = this;
    return this.txs["name" in place ? shardOfName(place.name, layout) : shardOfOwner(place.user ?? "", layout.shards)]!;
  }

  /** Runs a verb to its end, each slice in a transaction of its own. @throws MailError, and Error after `slices` slices */
  ask<A, R>(user: string, verb: MailboxVerb<A, R>, args: A, slices = Number.POSITIVE_INFINITY): R {
    const next = this.start(user, verb, args);
    for (let n = 0; n < slices; n++) {
      const step = next();
      if (step.done) return step.value;
    }
    throw new Error("cut");
  }

  /** Begins a verb; each call of what is returned runs a slice. */
  start<A, R>(user: string, verb: MailboxVerb<A, R>, args: A): () => { done: true; value: R } | { done: false } {
    const holder = {};
    const tx = this.txOf(user, verb, args);
    let slices: Generator<void, R, void> | undefined;
    return () => {
      if (slices === undefined) {
        const started = this.slice(tx, holder, () => verb.run(contextOf(tx, callerOf(user), this.rules), args));
        if (typeof started !== "object" || started === null || !("next" in started))
          return { done: true, value: started };
        slices = started;
      }
      const going = slices;
      const step = this.slice(tx, holder, () => going.next());
      return step.done ? { done: true, value: step.value } : { done: false };
    };
  }

  /** Another verb takes a mailbox, until the returned function is called. */
  hold(mailbox: string): () => void {
    const { mbox } = this.entry(mailbox)!;
    this.slice(this.tx, {}, () => this.tx.lock(mbox!));
    return () => this.tx.unlock(mbox!);
  }

  /** "OK", or the code of the refusal. */
  try<A, R>(user: string, verb: MailboxVerb<A, R>, args: A): "OK" | MailErrorCode {
    try {
      this.ask(user, verb, args);
      return "OK";
    } catch (error) {
      if (error instanceof MailError) return error.code;
      throw error;
    }
  }

  /** As after a crash: memory is gone, and recovery has finished what was begun. */
  recover(): void {
    this.tx = this.openTx(this.db, 0);
    this.txs = [this.tx, ...this.txs.slice(1)];
    const handlers = mailboxIntents(this.rules);
    for (const [id, kind, args] of this.db.all("SELECT id, kind, args FROM intent")) {
      const handler = handlers.get(kind as string);
      if (!handler) continue;
      this.slice(this.tx, {}, () => {
        handler(this.tx, JSON.parse(args as string));
        this.db.run("DELETE FROM intent WHERE id=?", id!);
      });
    }
  }

  /** Puts messages of so many octets into a mailbox. */
  fill(mailbox: string, count: number, octets: number): void {
    const tx = this.txOfName(mailbox);
    this.slice(tx, {}, () => {
      const writer = tx.mailbox(this.entry(mailbox)!.mbox!);
      for (let n = 0; n < count; n++) {
        const uid = writer.header.lastUid + 1;
        const modseq = tx.nextModseq(writer.header);
        const guid = createHash("sha1").update(`${mailbox} ${uid}`).digest();
        writer.insert(
          { uid, flags: 0, modseq, lastUpdated: this.now, user: [0, 0, 0, 0] },
          {
            uid,
            headerSizeOctets: 10,
            internalDate: this.now,
            internalDateNanos: 0,
            sizeOctets: octets,
            sentDate: this.now,
            gmTime: this.now,
            saveDate: this.now,
            createdModseq: modseq,
            cid: "0000000000000000",
            guid,
            cacheOffset: 0,
            cacheLength: 0,
            cacheCrc: 0,
            cacheVersion: 0,
            cacheGeneration: 1,
            blobPlace: 0,
          },
        );
      }
      tx.quotaChanged(writer.header, 0, 0);
    });
  }

  entry(mailbox: string): ListEntry | undefined {
    return this.txOfName(mailbox).entry(name(mailbox));
  }

  private txOfName(mailbox: string): Tx {
    return this.txs[shardOfName(name(mailbox), this.layout)]!;
  }

  /** The ACL with blanks. */
  acl(mailbox: string): string {
    return (this.entry(mailbox)?.acl ?? "none").replaceAll("\t", " ").trim();
  }

  all(): ListEntry[] {
    return this.dbs.flatMap((db) => readEntries(db, "", "\uffff", 1_000_000));
  }

  /** Names of all mailboxes, blank-separated. */
  get names(): string {
    return this.all()
      .filter((entry) => !isTombstone(entry))
      .map((entry) => entry.name)
      .join(" ");
  }

  /** Use of a quota root as "octets messages folders". */
  use(root: string): string {
    const quota = this.tx.quota(name(root));
    return quota ? `${quota.storageUsed} ${quota.messageUsed} ${quota.folderUsed}` : "none";
  }

  /** What every quota root ought to count, by adding up. Compare with `use`. */
  recount(root: string): string {
    const sums = [0, 0, 0];
    for (const entry of this.all()) {
      if (entry.mbox === undefined || this.tx.quotaRoot(entry.name) !== root) continue;
      const { header } = this.tx.mailbox(entry.mbox);
      sums[0]! += header.sizeOctets;
      sums[1]! += header.exists;
      sums[2]! += 1;
    }
    return sums.join(" ");
  }

  namespace(user: string): Namespace {
    return new Namespace(this.rules.names, { userId: callerOf(user).userId, adminView: user === "cyrus" });
  }

  access(user: string): Access {
    return new Access(callerOf(user), this.rules.acl, this.rules.names);
  }

  private openTx(db: Database, shard: number): Tx {
    return new Tx(db, {
      shard,
      shards: this.dbs.length,
      partitions: this.partitions,
      conversations: true,
      deletedPrefix: this.rules.names.deletedPrefix,
    });
  }

  private slice<T>(tx: Tx, holder: object, work: () => T): T {
    const { db } = tx;
    tx.begin(holder, this.now * 1000, { client: "site", id: 1 });
    db.run("BEGIN IMMEDIATE");
    try {
      const result = work();
      tx.flush();
      db.run("COMMIT");
      for (const note of tx.takeChanges().notes) this.audit.push(note as AuditNote);
      return result;
    } catch (error) {
      db.run("ROLLBACK");
      tx.rollback();
      tx.takeChanges();
      throw error;
    }
  }
}
