/** What a running server has acknowledged, and whether it is there: read from database and files with code of its own. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeHot, flagNamesOf } from "../../simulation/store/decode.ts";

export interface Acknowledged {
  readonly uniqueId: string;
  readonly uid: number;
  /** SHA-1 of the octets in hex. */
  readonly digest: string;
  /** Flags that are known to be set; undefined: not known. */
  flags?: string | undefined;
}

const blockFactor = 2 ** 27;
const hotSpan = 96;

export class Ledger {
  readonly acknowledged: Acknowledged[] = [];
  readonly problems: string[] = [];
  private readonly database: DatabaseSync;
  private readonly spool: string;
  private checkedUpTo = 0;

  constructor(databasePath: string, spool: string) {
    this.database = new DatabaseSync(databasePath, { readOnly: true, timeout: 5_000 });
    this.spool = spool;
  }
  close(): void {
    this.database.close();
  }

  /** Checks what was acknowledged since the last time, and `sample` of the older ones. Returns how many were looked at. */
  check(sample: number): number {
    const fresh = this.acknowledged.slice(this.checkedUpTo);
    const old = this.acknowledged.slice(0, this.checkedUpTo);
    const step = Math.max(1, Math.floor(old.length / Math.max(1, sample)));
    const some = old.filter((_, i) => i % step === 0);
    this.checkedUpTo = this.acknowledged.length;
    for (const one of [...fresh, ...some]) this.checkOne(one);
    return fresh.length + some.length;
  }
  checkAll(): void {
    for (const one of this.acknowledged) this.checkOne(one);
  }
  /** Live messages of a mailbox by digest: how often each is there. */
  copies(uniqueId: string): Map<string, number> {
    const counts = new Map<string, number>();
    const box = this.box(uniqueId);
    const sql = "SELECT lower(hex(guid)) AS guid, uid FROM guid WHERE mbox = ?";
    for (const { guid } of this.database.prepare(sql).all(box.mbox) as { guid: string }[])
      counts.set(guid, (counts.get(guid) ?? 0) + 1);
    return counts;
  }
  /** Octets of all messages of a mailbox, by uid. */
  *contents(uniqueId: string): Generator<Buffer> {
    const { mbox } = this.box(uniqueId);
    const rows = this.database.prepare("SELECT uid FROM guid WHERE mbox = ?").all(mbox) as { uid: number }[];
    for (const { uid } of rows) {
      const octets = this.octets(uniqueId, mbox, uid);
      if (octets) yield octets;
    }
  }

  private box(uniqueId: string): { mbox: number; flag_names: string } {
    const sql = "SELECT mbox, flag_names FROM mailbox WHERE uniqueid = ?";
    const row = this.database.prepare(sql).get(uniqueId) as { mbox: number; flag_names: string } | undefined;
    if (!row) throw new Error(`mailbox ${uniqueId} is gone`);
    return row;
  }
  private checkOne({ uniqueId, uid, digest, flags }: Acknowledged): void {
    const say = (problem: string): void => void this.problems.push(`${uniqueId} uid ${uid}: ${problem}`);
    const { mbox, flag_names } = this.box(uniqueId);
    const id = mbox * blockFactor + Math.floor(uid / hotSpan);
    const block = this.database.prepare("SELECT rows FROM hot WHERE id = ?").get(id) as
      | { rows: Uint8Array }
      | undefined;
    const row = block && decodeHot(id, block.rows, this.problems).find((one) => one.uid === uid);
    if (!row || row.expunged) {
      say("the row is lost");
      return;
    }
    const octets = this.octets(uniqueId, mbox, uid);
    const is = octets && createHash("sha1").update(octets).digest("hex");
    if (is !== digest) say(`octets are ${is ?? "nowhere"}, were ${digest}`);
    const names = flagNamesOf(row, JSON.parse(flag_names) as (string | null)[])
      .toSorted()
      .join(" ");
    if (flags !== undefined && names !== flags) say(`flags are (${names}), were (${flags})`);
  }
  /** From the file, or from table `pending`; looked for again, as the file may be written between the two looks. */
  private octets(uniqueId: string, mbox: number, uid: number): Buffer | undefined {
    const path = join(this.spool, "uuid", uniqueId[0]!, uniqueId[1]!, uniqueId, `${uid}.`);
    for (let round = 0; round < 3; round++) {
      const sql =
        "SELECT source, (SELECT octets FROM slot WHERE slot = pending.slot AND source IS NULL) AS octets " +
        "FROM pending WHERE mbox = ? AND uid = ? ORDER BY seq DESC LIMIT 1";
      const row = this.database.prepare(sql).get(mbox, uid) as { octets: Uint8Array | null; source: string | null };
      if (row?.octets) return Buffer.from(row.octets);
      const link = row?.source
        ? (JSON.parse(row.source) as { link?: { mbox: number; uniqueId: string; uid: number } }).link
        : undefined;
      const linked = link && this.octets(link.uniqueId, link.mbox, link.uid);
      if (linked) return linked;
      if (existsSync(path)) return readFileSync(path);
    }
    return undefined;
  }
}
