/** Quick looks at the database as a whole. */
import { backup } from "node:sqlite";
import type { Database } from "../../store/database.ts";

/** Above this size only the structure of the mailbox list is looked at: START must not take minutes. Octets. */
const SMALL_DATABASE = 64 << 20;

/** What is wrong with the database file; empty when all is well. */
export function checkStore(db: Database): string[] {
  const pages = (db.get("PRAGMA page_count")![0] as number) * (db.get("PRAGMA page_size")![0] as number);
  const rows = db.all(pages <= SMALL_DATABASE ? "PRAGMA quick_check(20)" : "PRAGMA quick_check('list')");
  return rows.map(([text]) => text as string).filter((text) => text !== "ok");
}

/** Copies the whole database into one file, while others write. @throws Error of SQLite */
export async function copyDatabase(db: Database, path: string): Promise<void> {
  await backup(db.sqlite, path);
}
