/** Duplicate suppression: looks before the store is asked, marks after it has answered. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import { DuplicateDatabase, type DuplicateKey, type DuplicateMark } from "../../store/ephemeral/index.ts";
import { MARK_DELAY_MILLISECONDS, MAX_WAITING_MARKS } from "./limits.ts";

/** Where deliver.db is. */
export const duplicatesPath = (config: Pick<Config, "duplicate_db_path" | "configdirectory">): string =>
  config.duplicate_db_path ?? join(config.configdirectory, "deliver.db");

/**
 * One for a process. Trouble with the database is logged and delivers: a message twice is better than none.
 */
export class Duplicates {
  readonly #database: DuplicateDatabase;
  readonly #path: string;
  readonly #log: Log;
  /** Marks not written yet, in order. */
  readonly #waiting = new Map<string, DuplicateMark>();
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#database = new DuplicateDatabase(path, log);
  }

  has(key: DuplicateKey): boolean {
    if (this.#waiting.size > 0 && this.#waiting.has(textOf(key))) return true;
    try {
      const found = this.#database.find(key) !== undefined;
      this.#isFailing = false;
      return found;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Known to this process at once, to others within milliseconds. */
  mark(mark: DuplicateMark): void {
    this.#waiting.set(textOf(mark), mark);
    this.#timer ??= setTimeout(() => this.#write(), MARK_DELAY_MILLISECONDS);
  }

  /** Writes what waits, and closes. */
  close(): void {
    this.#write();
    this.#database.close();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    try {
      this.#database.mark([...this.#waiting.values()]);
      this.#waiting.clear();
      this.#isFailing = false;
    } catch (error) {
      this.#failed(error);
      for (const key of this.#waiting.keys()) {
        if (this.#waiting.size <= MAX_WAITING_MARKS) break;
        this.#waiting.delete(key);
      }
      // They go with the next mark.
    }
  }

  /** One line for a row of failures. */
  #failed(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#log.err(`DBERROR: ${describe(this.#path, error)}; duplicates may be delivered`);
  }
}

const textOf = ({ id, recipient, date }: DuplicateKey): string => `${recipient}\0${id}\0${date}`;

/**
 * Forgets deliveries older than `days` (`cyr_expire -E`); the file is made when there is none.
 * @param days may be a fraction
 * @throws Error of the database
 */
export function pruneDuplicates(
  path: string,
  days: number,
  log: Log,
  now = Date.now(),
): { readonly seen: number; readonly removed: number } {
  const database = new DuplicateDatabase(path, log);
  try {
    return database.prune(Math.floor(now / 1_000 - days * 86_400));
  } finally {
    database.close();
  }
}

/** All that is remembered, in order of ids (`ctl_deliver -d`); nothing when there is no file. @throws Error of the database */
export function listDuplicates(path: string, log: Log): DuplicateMark[] {
  // Other errors than "no such file" are told.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  const database = new DuplicateDatabase(path, log);
  try {
    return database.dump();
  } finally {
    database.close();
  }
}

/** SQLite's errors name the file already. */
function describe(path: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.includes(path) ? text : `${path}: ${text}`;
}
