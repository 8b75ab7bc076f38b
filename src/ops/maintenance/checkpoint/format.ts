/**
 * What `cyr_cyrusdb -c` writes, and `cyr_reconstruct` reads back when the database is lost.
 *
 *   configdirectory/db.backup1/       the newest generation, db.backup2/ the one before; text, one JSON value a line, the last line `end CRC32 LINES`
 *     mailboxes                       the mailbox list, tombstones included, with the header of each mailbox and the places of its rows
 *     quotas annotations subscriptions seen owners
 *   configdirectory/db.backup.kept/   the last one of a database that is no more; stays until an administrator removes it
 *   configdirectory/db.rows/X/Y/UNIQUEID.N
 *                                     rows of a mailbox, never changed once written; both generations refer to them. The first file of a mailbox has
 *                                     all blocks, each further one the blocks that changed since. Per block `hot|cold BLOCKID LENGTH` and the octets
 *                                     as they are in the database, with the block's own CRC.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { ListEntry, MailboxHeader } from "../../../store/index.ts";

export const generations = ["db.backup1", "db.backup2"] as const;
/** What the newest generation was when the database turned out to be another one: the old may hold what the new one lost. */
export const KEPT = "db.backup.kept";

/** A line of `mailboxes`. */
export interface MailboxLine {
  readonly entry: ListEntry;
  readonly header?: MailboxHeader | undefined;
  readonly rows?: RowFiles | undefined;
}

/** Where the rows of a mailbox are. */
export interface RowFiles {
  /** In the order in which they were written: later blocks replace earlier ones. */
  readonly files: readonly string[];
  /** Octets in the first file and in the others. */
  readonly baseOctets: number;
  readonly deltaOctets: number;
  /** What the newest of them was written from. */
  readonly highestModseq: number;
  readonly lastUid: number;
  readonly deletedModseq: number;
}

/** A line of `mailboxes` for row files that only the generation before this one refers to. */
export interface GoneLine {
  readonly gone: readonly string[];
}

export function rowsDirectory(configDirectory: string): string {
  return join(configDirectory, "db.rows");
}

/** Only plain names of our own making become paths. */
export function rowsPath(configDirectory: string, file: string): string {
  if (!/^[A-Za-z0-9-]{2,64}\.\d{1,15}$/.test(file)) throw new Error(`"${file}" is no file of rows`);
  return join(rowsDirectory(configDirectory), file[0]!, file[1]!, file);
}

/** Sums up a text file line by line. */
export class LineSum {
  private crc = 0;
  private lines = 0;

  add(line: string): void {
    this.crc = crc32(`${line}\n`, this.crc);
    this.lines += 1;
  }

  get end(): string {
    return `end ${this.crc.toString(16)} ${this.lines}`;
  }
}
