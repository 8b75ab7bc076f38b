/** Work across shards that has been begun: rows of table `intent` that stay until every shard has done its part (doc/decisions/0005-across-shards.md). */
import type { MboxName, UidRange, UniqueId } from "../../formats/ids.ts";
import type { Tx } from "../../store/index.ts";
import type { Caller } from "../acl/index.ts";

/** In the shard of the target: messages that have been copied and are to go from their source. */
export interface MoveRecord {
  readonly kind: "transfer.move";
  readonly id: string;
  /** Epoch seconds, as of all records. */
  readonly at: number;
  readonly from: UniqueId;
  readonly uids: readonly UidRange[];
  readonly caller: Caller;
}

/** In the shard that a tree leaves. */
export interface OutgoingRecord {
  readonly kind: "transfer.out";
  readonly id: string;
  readonly at: number;
  readonly from: MboxName;
  readonly to: MboxName;
  /** The other shard. */
  readonly shard: number;
  readonly caller: Caller;
  /** `open`: the other shard may publish. `aborting`: it may no longer. `leaving`: it has; nothing of the tree is in the list here, rows are being removed. */
  readonly state: "open" | "aborting" | "leaving";
  /** See Tx.frozenChanged. */
  readonly frozen: readonly number[];
  /** Whose rows are still to be removed. */
  readonly leaving: readonly MovedMailbox[];
}

/** A mailbox of the tree as a shard knows it. */
export interface MovedMailbox {
  readonly mbox: number;
  /** Number of its owner's row. */
  readonly owner: number;
  readonly uniqueId: UniqueId;
}

/** In the shard that a tree comes to. */
export interface IncomingRecord {
  readonly kind: "transfer.in";
  readonly id: string;
  readonly at: number;
  readonly from: MboxName;
  readonly to: MboxName;
  readonly shard: number;
  /**
   * `copying`: its rows belong to no mailbox of the list yet. `published`: it is here; nobody changes it as long as the other shard has it too. `undoing`:
   * it will not come; rows are being removed.
   */
  readonly state: "copying" | "published" | "undoing";
  readonly made: readonly MovedMailbox[];
  readonly frozen: readonly number[];
}

export type TransferRecord = MoveRecord | OutgoingRecord | IncomingRecord;
type Kind = TransferRecord["kind"];
type RecordOf<K extends Kind> = Extract<TransferRecord, { readonly kind: K }>;

type Reading = Pick<Tx["db"], "get" | "all">;

export function readRecord<K extends Kind>(db: Reading, kind: K, id: string): RecordOf<K> | undefined {
  const row = db.get("SELECT args FROM intent WHERE kind=? AND json_extract(args,'$.id')=?", kind, id);
  return row && (JSON.parse(row[0] as string) as RecordOf<K>);
}

/** Of one kind, in the order in which they were begun, those from before `before` (epoch seconds). */
export function readRecords<K extends Kind>(db: Reading, kind: K, before: number): RecordOf<K>[] {
  return db
    .all("SELECT args FROM intent WHERE kind=? ORDER BY id", kind)
    .map(([args]) => JSON.parse(args as string) as RecordOf<K>)
    .filter(({ at }) => at < before);
}

/** Writes it, in place of an earlier state of it. */
export function writeRecord(tx: Tx, record: TransferRecord): void {
  dropRecord(tx, record.kind, record.id);
  tx.db.run("INSERT INTO intent(kind, args) VALUES (?,?)", record.kind, JSON.stringify(record));
  if (record.kind !== "transfer.move") tx.frozenChanged();
}

export function dropRecord(tx: Tx, kind: Kind, id: string): void {
  tx.db.run("DELETE FROM intent WHERE kind=? AND json_extract(args,'$.id')=?", kind, id);
  if (kind !== "transfer.move") tx.frozenChanged();
}
