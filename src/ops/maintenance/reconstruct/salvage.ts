/**
 * Blocks of message rows whose CRC does not hold: every row that can still be trusted is kept, in a block written anew. A cold row has a CRC of its own. A
 * hot row is trusted when the part of it that never changes is that of its cold row, and its flags and modseq are possible ones.
 */
import type { UidRange, UniqueId } from "../../../formats/ids.ts";
import {
  BlockError,
  COLD_SPAN,
  ColdBlock,
  type ColdRow,
  HOT_ROW,
  HOT_SPAN,
  HotBlock,
  type HotRow,
} from "../../../store/index.ts";
import type { Database } from "../../../store/database.ts";
import { blockFirstUid, blockId } from "../../../store/keys.ts";
import { COLD_ROW, COLD_VERSION } from "../../../store/records/cold.ts";
import { BLOCK_HEAD, HOT_VERSION, headOf, sealBlock } from "../../../store/records/hot.ts";
import { crcSuffixOf } from "../../../store/records/sync-crc.ts";
import type { Verb } from "../../verb.ts";
import { boxOf, requireAdmin } from "../verb.ts";

export interface BlockPlace {
  readonly table: "hot" | "cold";
  readonly id: number;
}

/** Flag bits there are: five of clients, six of ours. */
const KNOWN_FLAGS = 0x3f1f;
const BLOCKS_AT_A_TIME = 200;

/** Blocks of a mailbox that cannot be read. */
export function damagedBlocks(db: Database, mbox: number): BlockPlace[] {
  const damaged: BlockPlace[] = [];
  for (const [table, span, block] of [
    ["hot", HOT_SPAN, HotBlock],
    ["cold", COLD_SPAN, ColdBlock],
  ] as const) {
    const sql = `SELECT id, rows FROM ${table} WHERE id>=? AND id<? ORDER BY id LIMIT ${BLOCKS_AT_A_TIME}`;
    const end = blockId(mbox + 1, 0, span);
    for (let from = blockId(mbox, 0, span); ; ) {
      const blocks = db.all(sql, from, end);
      for (const [id, rows] of blocks) {
        if (!isWhole(block, rows as Uint8Array)) damaged.push({ table, id: id as number });
      }
      if (blocks.length < BLOCKS_AT_A_TIME) break;
      from = (blocks.at(-1)![0] as number) + 1;
    }
  }
  return damaged;
}

function isWhole(block: typeof HotBlock | typeof ColdBlock, rows: Uint8Array): boolean {
  try {
    const decoded = block.decode(rows);
    for (let index = 0; index < decoded.count; index++) decoded.row(index);
    return true;
  } catch (error) {
    if (error instanceof BlockError) return false;
    throw error;
  }
}

export function rangeOf({ table, id }: BlockPlace): UidRange {
  const span = table === "hot" ? HOT_SPAN : COLD_SPAN;
  const first = blockFirstUid(id, span);
  return { first: Math.max(1, first), last: first + span - 1 };
}

export interface Salvaged {
  /** Rows kept in the blocks asked for. */
  readonly kept: number;
}

/** Writes damaged blocks anew with the rows that can be trusted. The others are missing then, for `maintenance.put-rows` to bring back. */
export const salvageBlocks: Verb<{ readonly box: UniqueId; readonly blocks: readonly BlockPlace[] }, Salvaged> = {
  name: "maintenance.salvage-blocks",
  run(context, args) {
    requireAdmin(context);
    const { tx } = context;
    const { mbox } = boxOf(context, args.box);
    const { header } = tx.mailbox(mbox);
    const { highestModseq } = header;
    let kept = 0;
    // Cold ones first: hot rows are judged by them.
    for (const { id } of args.blocks.filter(({ table }) => table === "cold")) {
      const rows = coldRows(tx.db, mbox, id);
      const block = ColdBlock.empty();
      for (const row of rows) block.put(row);
      if (rows.length === 0) tx.db.run("DELETE FROM cold WHERE id=?", id);
      else tx.db.run("UPDATE cold SET rows=? WHERE id=?", block.encode(), id);
      kept += rows.length;
    }
    for (const { id } of args.blocks.filter(({ table }) => table === "hot")) {
      const rows = hotRows(tx.db, mbox, id, highestModseq);
      const block = HotBlock.empty();
      for (const row of rows) block.put(row);
      const { maxModseq, unseen, liveLow, liveHigh } = headOf(block);
      const sql = "UPDATE hot SET maxmodseq=?, unseen=?, live_low=?, live_high=?, rows=? WHERE id=?";
      if (rows.length === 0) tx.db.run("DELETE FROM hot WHERE id=?", id);
      else tx.db.run(sql, maxModseq, unseen, liveLow, liveHigh, block.encode(), id);
      kept += rows.length;
    }
    // Memory may hold a block as it was read before.
    tx.forgetMailbox(mbox);
    tx.mailbox(mbox).touch();
    return { kept };
  },
};

function coldRows(db: Database, mbox: number, id: number): ColdRow[] {
  const rows: ColdRow[] = [];
  for (const row of singleRows(db, "cold", id, COLD_ROW)) {
    try {
      const cold = ColdBlock.decode(sealBlock(row, COLD_VERSION, COLD_ROW, 1)).row(0);
      if (cold.uid > 0 && blockId(mbox, cold.uid, COLD_SPAN) === id) rows.push(cold);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
  }
  return rows;
}

function hotRows(db: Database, mbox: number, id: number, highestModseq: number): HotRow[] {
  const rows: HotRow[] = [];
  const colds = new Map<number, ColdRow[]>();
  for (const row of singleRows(db, "hot", id, HOT_ROW)) {
    const hot = HotBlock.decode(sealBlock(row, HOT_VERSION, HOT_ROW, 1)).row(0);
    if (hot.uid === 0 || blockId(mbox, hot.uid, HOT_SPAN) !== id || hot.modseq > highestModseq || hot.modseq === 0)
      continue;
    if (hot.flags & ~KNOWN_FLAGS) continue;
    const coldId = blockId(mbox, hot.uid, COLD_SPAN);
    let inBlock = colds.get(coldId);
    if (!inBlock) colds.set(coldId, (inBlock = coldRows(db, mbox, coldId)));
    const cold = inBlock.find(({ uid }) => uid === hot.uid);
    if (!cold) continue;
    const { crcSuffix, dateDigits } = crcSuffixOf(cold.internalDate, cold.guid);
    if (crcSuffix === hot.crcSuffix && dateDigits === hot.dateDigits) rows.push(hot);
  }
  return rows;
}

/** What lies where rows would, each with space for a block head in front. */
function singleRows(db: Database, table: "hot" | "cold", id: number, size: number): Buffer[] {
  const stored = db.get(`SELECT rows FROM ${table} WHERE id=?`, id)?.[0] as Uint8Array | undefined;
  const rows: Buffer[] = [];
  if (!stored) return rows;
  for (let at = BLOCK_HEAD; at + size <= stored.length; at += size) {
    const row = Buffer.alloc(BLOCK_HEAD + size);
    row.set(stored.subarray(at, at + size), BLOCK_HEAD);
    rows.push(row);
  }
  return rows;
}
