/**
 * A stand-in for the mail store with the same protocol: one writer, group commit in SQLite (WAL, synchronous=FULL), message
 * octets in the table `pending` of the same transaction, message files made behind the commit, `syncfs`, and only then the
 * `pending` rows deleted. It is the self-test of the simulation: right, it is never blamed; with a fault it is caught.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Action, Outcome } from "../workload/actions.ts";
import type { OpenStore } from "../workload/subject.ts";
import { syncDirectory } from "./toy-disk.ts";
import type { ToyFault } from "./toy-faults.ts";
import { ToyFiles } from "./toy-files.ts";
import { ToyVerbs } from "./toy-verbs.ts";

const schema = `
CREATE TABLE mailbox(uniqueid TEXT PRIMARY KEY, name TEXT UNIQUE, uidvalidity INT, lastuid INT, highestmodseq INT,
  messages INT, unseen INT, deleted INT, octets INT);
CREATE TABLE record(uniqueid TEXT, uid INT, modseq INT, flags TEXT, internaldate INT, octets INT, guid TEXT, expunged INT,
  PRIMARY KEY(uniqueid, uid));
CREATE TABLE pending(sequence INTEGER PRIMARY KEY AUTOINCREMENT, uniqueid TEXT, uid INT, guid TEXT, octets BLOB,
  source_uniqueid TEXT, source_uid INT);
CREATE TABLE quota(root TEXT PRIMARY KEY, octets_limit INT, used INT);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INT);
INSERT INTO counter VALUES('uidvalidity', 1000), ('uniqueid', 0);
`;

interface Waiting {
  readonly action: Action;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export class ToyStore implements OpenStore {
  private readonly database: DatabaseSync;
  private readonly verbs: ToyVerbs;
  private readonly files: ToyFiles;
  private readonly fault: ToyFault | undefined;
  private queue: Waiting[] = [];
  private groups = 0;
  private failed: unknown;

  constructor(root: string, fault?: ToyFault) {
    this.fault = fault;
    mkdirSync(join(root, "store"), { recursive: true, mode: 0o700 });
    if (fault !== "noDirectorySync") syncDirectory(root);
    this.database = new DatabaseSync(join(root, "store", "0.db"));
    try {
      const synchronous = fault === "synchronousNormal" ? "NORMAL" : fault === "synchronousOff" ? "OFF" : "FULL";
      this.database.exec(`PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous};
        PRAGMA wal_autocheckpoint=0`);
      if (this.database.prepare("SELECT 1 FROM sqlite_master").get() === undefined)
        this.database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
      this.verbs = new ToyVerbs(this.database, fault);
      this.files = new ToyFiles(this.database, root, fault);
      this.files.recover();
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  run(action: Action): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.failed) return reject(this.failed);
      if (this.queue.push({ action, resolve, reject }) === 1) setImmediate(() => this.group());
    });
  }
  async settle(): Promise<void> {
    await new Promise((done) => setImmediate(done));
    this.files.flush();
  }
  async close(): Promise<void> {
    this.files.close();
    this.database.close();
  }

  /** One group: all waiting actions in one transaction, each in a savepoint; one sync; then the answers, in order. */
  private group(): void {
    const waiting = this.queue;
    this.queue = [];
    if (this.failed) return rejectAll(waiting, this.failed);
    try {
      this.database.exec("BEGIN IMMEDIATE");
      const outcomes = waiting.map(({ action }) => this.verbs.run(action));
      if (this.fault === "acknowledgeEarly") for (const [i, { resolve }] of waiting.entries()) resolve(outcomes[i]!);
      if (this.fault === "acknowledgeEarly") return void setImmediate(() => this.database.exec("COMMIT"));
      this.database.exec("COMMIT");
      for (const [i, { resolve }] of waiting.entries()) resolve(outcomes[i]!);
      this.behind(waiting);
    } catch (error) {
      // After an error of the disk nothing more is acknowledged by this process.
      this.failed = error;
      rejectAll(waiting, error);
    }
  }
  /** Work behind the commit, in the places where the real store has threads. */
  private behind(group: readonly Waiting[]): void {
    if (++this.groups % 4 === 0) this.files.flush();
    if (this.groups % 40 === 0) this.database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    for (const { action } of group) {
      if (action.verb !== "housekeeping") continue;
      if (action.what === "expire") this.files.expire();
      else this.database.exec("PRAGMA wal_checkpoint(RESTART)");
    }
  }
}

function rejectAll(waiting: readonly Waiting[], error: unknown): void {
  for (const { reject } of waiting) reject(error);
}
