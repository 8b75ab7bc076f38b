/** deliver.db: which messages were delivered to which mailboxes, so that they are not delivered there again. */
import type { Log } from "../../base/log.ts";
import { isTwoskip } from "../../formats/twoskip/index.ts";
import { CyrusDeliveries } from "./cyrus-deliveries.ts";
import type { DuplicateKey, DuplicateMark } from "./duplicate-mark.ts";
import { EphemeralDatabase } from "./ephemeral-database.ts";

/** "dlvr". */
const APPLICATION_ID = 0x646c7672;
const SCHEMA = `CREATE TABLE duplicate(
  id TEXT NOT NULL, recipient TEXT NOT NULL, date TEXT NOT NULL, at INTEGER NOT NULL, uid INTEGER NOT NULL,
  PRIMARY KEY(id, recipient, date)) WITHOUT ROWID`;
const SELECT_ONE = "SELECT at FROM duplicate WHERE id=? AND recipient=? AND date=?";
const ADD = "INSERT OR IGNORE INTO duplicate(id, recipient, date, at, uid) VALUES (?,?,?,?,?)";
const REPLACE = "INSERT OR REPLACE INTO duplicate(id, recipient, date, at, uid) VALUES (?,?,?,?,?)";
/** Longer ids and dates are no use as keys: their beginning tells them apart. */
const MAX_KEY_CHARACTERS = 2_000;

export class DuplicateDatabase {
  readonly #db: EphemeralDatabase;
  #takingOver: CyrusDeliveries | undefined;
  /** Resolves when what Cyrus's file says, if there was one, is all taken over. */
  takenOver: Promise<void> = Promise.resolve();

  constructor(path: string, log: Log) {
    const begin = (old: string): void => {
      this.#takingOver = new CyrusDeliveries(old, (marks) => this.#put(ADD, marks), log);
      this.takenOver = this.#takingOver.inBackground();
    };
    const takeOver = { recognizes: isTwoskip, begin };
    this.#db = new EphemeralDatabase({
      path,
      applicationId: APPLICATION_ID,
      version: 1,
      schema: SCHEMA,
      log,
      takeOver,
    });
  }

  /** When it was marked, epoch seconds; undefined when it was not. */
  find({ id, recipient, date }: DuplicateKey): number | undefined {
    return this.#db.get(SELECT_ONE, cut(id), recipient, cut(date))?.[0] as number | undefined;
  }

  /** In one transaction. */
  mark(marks: readonly DuplicateMark[]): void {
    this.#put(REPLACE, marks);
  }

  #put(sql: string, marks: readonly DuplicateMark[]): void {
    this.#db.transaction(() => {
      for (const { id, recipient, date, at, uid } of marks) this.#db.run(sql, cut(id), recipient, cut(date), at, uid);
    });
  }

  /** For programs that look at all marks: does not leave to later what is to be taken over. */
  #openWhole(): void {
    this.#db.open();
    this.#takingOver?.finish();
  }

  /** Removes marks set before `epochSeconds`. @returns how many there were and how many went */
  prune(epochSeconds: number): { readonly seen: number; readonly removed: number } {
    this.#openWhole();
    return this.#db.transaction(() => {
      const seen = this.#db.get("SELECT count(*) FROM duplicate")![0] as number;
      return { seen, removed: this.#db.run("DELETE FROM duplicate WHERE at<?", epochSeconds) };
    });
  }

  /** All marks in order of their ids. */
  dump(): DuplicateMark[] {
    this.#openWhole();
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
    this.#takingOver?.stop();
    this.#db.close();
  }
}

const cut = (text: string): string => (text.length > MAX_KEY_CHARACTERS ? text.slice(0, MAX_KEY_CHARACTERS) : text);
