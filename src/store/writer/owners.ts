/** The owners' counters: modseq and uidvalidity of all mailboxes of a user, or of all shared ones. Kept in memory between groups. */
import type { Database } from "../database.ts";

export interface OwnerRow {
  readonly id: number;
  readonly name: string;
  modseq: number;
  uidValidity: number;
}

/** Rows kept between groups. */
const KEPT_OWNERS = 4096;

export class Owners {
  private readonly db: Database;
  private readonly rows = new Map<string, OwnerRow>();
  private readonly dirty = new Set<OwnerRow>();

  constructor(db: Database) {
    this.db = db;
  }

  /** The owner's row, made when first needed. "" is the owner of all shared mailboxes. Whoever changes it calls `changed`. */
  get(name: string): OwnerRow {
    let owner = this.rows.get(name);
    if (owner) return owner;
    let row = this.read(name);
    if (!row) {
      this.db.run("INSERT INTO owner(name, modseq, uidvalidity) VALUES (?,0,0)", name);
      row = this.read(name)!;
    }
    owner = row;
    if (this.rows.size >= KEPT_OWNERS) this.rows.clear();
    this.rows.set(name, owner);
    return owner;
  }

  changed(owner: OwnerRow): void {
    this.dirty.add(owner);
  }

  /** Writes what was changed since the last call. */
  flush(): void {
    for (const { id, modseq, uidValidity } of this.dirty)
      this.db.run("UPDATE owner SET modseq=?, uidvalidity=? WHERE id=?", modseq, uidValidity, id);
    this.dirty.clear();
  }

  /** The slice was taken back: what memory holds may be ahead of the rows. */
  forget(): void {
    this.dirty.clear();
    this.rows.clear();
  }

  private read(name: string): OwnerRow | undefined {
    const row = this.db.get("SELECT id, modseq, uidvalidity FROM owner WHERE name=?", name);
    return row && { id: row[0] as number, name, modseq: row[1] as number, uidValidity: row[2] as number };
  }
}
