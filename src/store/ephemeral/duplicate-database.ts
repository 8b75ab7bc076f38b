/** deliver.db: which messages were delivered to which mailboxes, so that they are not delivered there again. */
import type { Log } from "../../base/log.ts";
import { EphemeralDatabase } from "./ephemeral-database.ts";

/** What is not delivered twice: a message with this id and this date, to this mailbox. */
export interface DuplicateKey {
  /** Message-ID as it stands in the message. */
  readonly id: string;
  /** Uniqueid of the mailbox; other users of the database have names of their own here (Sieve: `.USERID.sieve.`). */
  readonly recipient: string;
  /** Text of the Date field. */
  readonly date: string;
}

export interface DuplicateMark extends DuplicateKey {
  /** Epoch seconds. */
  readonly at: number;
  readonly uid: number;
}

/** "dlvr". */
const APPLICATION_ID = 0x646c7672;
const SCHEMA = `CREATE TABLE duplicate(
  id TEXT NOT NULL, recipient TEXT NOT NULL, date TEXT NOT NULL, at INTEGER NOT NULL, uid INTEGER NOT NULL,
  PRIMARY KEY(id, recipient, date)) WITHOUT ROWID`;
const SELECT_ONE = "SELECT at FROM duplicate WHERE id=? AND recipient=? AND date=?";
const REPLACE = "INSERT OR REPLACE INTO duplicate(id, recipient, date, at, uid) VALUES (?,?,?,?,?)";
/** Longer ids and dates are no use as keys: their beginning tells them apart. */
const MAX_KEY_CHARACTERS = 2_000;

export class DuplicateDatabase {
  readonly #db: EphemeralDatabase;

  constructor(path: string, log: Log) {
    this.#db = new EphemeralDatabase({ path, applicationId: APPLICATION_ID, version: 1, schema: SCHEMA, log });
  }

  /** When it was marked, epoch seconds; undefined when it was not. */
  find({ id, recipient, date }: DuplicateKey): number | undefined {
    return this.#db.get(SELECT_ONE, cut(id), recipient, cut(date))?.[0] as number | undefined;
  }

  /** In one transaction. */
  mark(marks: readonly DuplicateMark[]): void {
    this.#db.transaction(() => {
      for (const { id, recipient, date, at, uid } of marks)
        this.#db.run(REPLACE, cut(id), recipient, cut(date), at, uid);
    });
  }

  /** Removes marks set before `epochSeconds`. @returns how many there were and how many went */
  prune(epochSeconds: number): { readonly seen: number; readonly removed: number } {
    return this.#db.transaction(() => {
      const seen = this.#db.get("SELECT count(*) FROM duplicate")![0] as number;
      return { seen, removed: this.#db.run("DELETE FROM duplicate WHERE at<?", epochSeconds) };
    });
  }

  /** All marks in order of their ids. */
  dump(): DuplicateMark[] {
    const rows = this.#db.all("SELECT id, recipient, date, at, uid FROM duplicate ORDER BY id, recipient, date");
    return rows.map(([id, recipient, date, at, uid]) => ({
      id: id as string,
      recipient: recipient as string,
      date: date as string,
      at: at as number,
      uid: uid as number,
    }));
  }

  close(): void {
    this.#db.close();
  }
}

const cut = (text: string): string => (text.length > MAX_KEY_CHARACTERS ? text.slice(0, MAX_KEY_CHARACTERS) : text);
