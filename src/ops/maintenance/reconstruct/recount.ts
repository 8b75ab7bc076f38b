/** Counts a mailbox anew from its rows: numbers, sizes, sync CRCs, block heads, guid index, quota use. Nobody else changes the mailbox meanwhile. */
import type { UniqueId } from "../../../formats/ids.ts";
import {
  type ColdRow,
  Flag,
  HOT_SPAN,
  HotBlock,
  type HotRow,
  type MailboxHeader,
  type MessageBox,
} from "../../../store/index.ts";
import type { Value } from "../../../store/database.ts";
import { blockId } from "../../../store/keys.ts";
import { type HotHead, headOf } from "../../../store/records/hot.ts";
import {
  ANNOT_CRC_INIT,
  annotationCrc,
  basicCrc,
  crcSuffixOf,
  userFlagCrcs,
  virtualAnnotationsCrc,
} from "../../../store/records/sync-crc.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { octetsOfAnnotations } from "../annotation-use.ts";
import { boxOf, requireAdmin } from "../verb.ts";

const BLOCKS_A_SLICE = 20;

const counted = [
  "exists",
  "unseen",
  "deleted",
  "answered",
  "flagged",
  "expunged",
  "sizeOctets",
  "annotOctets",
  "syncCrc",
  "syncCrcAnnot",
  "lastUid",
  "highestModseq",
] as const;
type Counts = Pick<MailboxHeader, (typeof counted)[number]>;

export interface RecountResult {
  /** Counts that were wrong: `exists 3, should be 2`. */
  readonly fixes: readonly string[];
}

export const recount: Verb<{ readonly box: UniqueId; readonly dryRun: boolean }, RecountResult> = {
  name: "maintenance.recount",
  run(context, { box, dryRun }) {
    requireAdmin(context);
    return slices(context, boxOf(context, box), dryRun);
  },
};

function* slices(context: VerbContext, box: MessageBox, dryRun: boolean): Generator<void, RecountResult, void> {
  const { tx } = context;
  tx.lock(box.mbox);
  tx.onFailure((again) => again.unlock(box.mbox));
  const walk = new Recount(context, box, dryRun);
  while (walk.slice()) yield;
  const fixes = walk.finish();
  tx.unlock(box.mbox);
  return { fixes };
}

class Recount {
  private readonly context: VerbContext;
  private readonly box: MessageBox;
  private readonly dryRun: boolean;
  private readonly counts: Counts;
  private readonly crcs: Uint32Array;
  private readonly annotations = new Map<number, number>();
  private from: number;
  private wrongHeads = 0;
  private wrongRows = 0;
  private guidsAdded = 0;
  private halves = 0;

  constructor(context: VerbContext, box: MessageBox, dryRun: boolean) {
    this.context = context;
    this.box = box;
    this.dryRun = dryRun;
    const { header } = context.tx.mailbox(box.mbox);
    this.crcs = userFlagCrcs(header.flagNames);
    this.from = blockId(box.mbox, 0, HOT_SPAN);
    this.counts = {
      exists: 0,
      unseen: 0,
      deleted: 0,
      answered: 0,
      flagged: 0,
      expunged: 0,
      sizeOctets: 0,
      annotOctets: octetsOfAnnotations(context.tx.db, box.uniqueId),
      syncCrc: 0,
      syncCrcAnnot: ANNOT_CRC_INIT,
      // These two never go back: a number given out once is not given again.
      lastUid: header.lastUid,
      highestModseq: header.highestModseq,
    };
    const sql = "SELECT uid, entry, userid, value FROM annotation WHERE uniqueid=? AND uid>0";
    for (const [uid, entry, userid, value] of context.tx.db.all(sql, box.uniqueId)) {
      const crc = annotationCrc(uid as number, entry as string, userid as string, value as Uint8Array);
      this.annotations.set(uid as number, ((this.annotations.get(uid as number) ?? 0) ^ crc) >>> 0);
    }
  }

  /** False when all blocks have been seen. */
  slice(): boolean {
    const { tx } = this.context;
    const sql = `SELECT id, maxmodseq, unseen, live_low, live_high, rows FROM hot WHERE id>=? AND id<? ORDER BY id LIMIT ${BLOCKS_A_SLICE}`;
    const blocks = tx.db.all(sql, this.from, blockId(this.box.mbox + 1, 0, HOT_SPAN));
    for (const row of blocks) this.block(row);
    if (blocks.length < BLOCKS_A_SLICE) return false;
    this.from = (blocks.at(-1)![0] as number) + 1;
    return true;
  }

  finish(): string[] {
    const { tx } = this.context;
    const writer = tx.mailbox(this.box.mbox);
    const { header } = writer;
    const fixes: string[] = [];
    if (this.wrongHeads > 0) fixes.push(`${this.wrongHeads} heads of blocks were wrong`);
    if (this.wrongRows > 0) fixes.push(`${this.wrongRows} rows had a wrong sync CRC`);
    if (this.guidsAdded > 0) fixes.push(`${this.guidsAdded} messages were missing in the guid index`);
    if (this.halves > 0) fixes.push(`${this.halves} rows have lost what the message brought with it`);
    const wrong = counted.filter((field) => header[field] !== this.counts[field]);
    for (const field of wrong) fixes.push(`${field} ${header[field]}, should be ${this.counts[field]}`);
    if (this.dryRun || (wrong.length === 0 && this.wrongHeads === 0)) return fixes;
    const octets = this.counts.sizeOctets - header.sizeOctets;
    const messages = this.counts.exists - header.exists;
    const annotOctets = this.counts.annotOctets - header.annotOctets;
    Object.assign(header, this.counts);
    // Sessions keep their idea of which messages there are by this number.
    header.membership = tx.nextModseq(header);
    writer.touch();
    tx.quotaChanged(header, octets, messages);
    const name = tx.entryByUniqueId(this.box.uniqueId)?.name;
    const root = name && tx.quotaRoot(name);
    if (root && annotOctets !== 0) tx.addQuotaUse(root, 0, 0, annotOctets, 0);
    return fixes;
  }

  private block([id, maxModseq, unseen, liveLow, liveHigh, rows]: Value[]): void {
    const { tx } = this.context;
    const block = HotBlock.decode(rows as Uint8Array);
    const head = headOf(block);
    const stored: HotHead = { maxModseq, unseen, liveLow, liveHigh } as HotHead;
    const hots = Array.from({ length: block.count }, (_, index) => block.row(index));
    for (const hot of hots) this.row(hot);
    if ((Object.keys(head) as (keyof HotHead)[]).every((key) => head[key] === stored[key])) return;
    this.wrongHeads += 1;
    if (this.dryRun) return;
    const sql = "UPDATE hot SET maxmodseq=?, unseen=?, live_low=?, live_high=? WHERE id=?";
    tx.db.run(sql, head.maxModseq, head.unseen, head.liveLow, head.liveHigh, id!);
  }

  private row(row: HotRow): void {
    const { tx } = this.context;
    const { counts, box } = this;
    const writer = tx.mailbox(box.mbox);
    const cold = writer.coldRow(row.uid);
    counts.lastUid = Math.max(counts.lastUid, row.uid);
    counts.highestModseq = Math.max(counts.highestModseq, row.modseq);
    if (!cold) {
      this.halves += 1;
      return;
    }
    this.index(writer.header.owner, cold);
    const hot = { ...row, ...crcSuffixOf(cold.internalDate, cold.guid) };
    if (hot.crcSuffix !== row.crcSuffix || hot.dateDigits !== row.dateDigits) {
      this.wrongRows += 1;
      if (!this.dryRun) writer.putVerbatim(hot, cold);
    }
    if (hot.flags & Flag.expunged) {
      counts.expunged += 1;
      return;
    }
    counts.exists += 1;
    counts.sizeOctets += cold.sizeOctets;
    if (!(hot.flags & Flag.seen)) counts.unseen += 1;
    if (hot.flags & Flag.deleted) counts.deleted += 1;
    if (hot.flags & Flag.answered) counts.answered += 1;
    if (hot.flags & Flag.flagged) counts.flagged += 1;
    counts.syncCrc = (counts.syncCrc ^ basicCrc(hot, this.crcs)) >>> 0;
    const annotations = virtualAnnotationsCrc(cold) ^ (this.annotations.get(hot.uid) ?? 0);
    counts.syncCrcAnnot = (counts.syncCrcAnnot ^ annotations) >>> 0;
  }

  private index(owner: number, { guid, uid }: ColdRow): void {
    const { db } = this.context.tx;
    const { mbox } = this.box;
    if (db.get("SELECT 1 FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?", owner, guid, mbox, uid)) return;
    this.guidsAdded += 1;
    if (!this.dryRun) db.run("INSERT INTO guid(owner, guid, mbox, uid) VALUES (?,?,?,?)", owner, guid, mbox, uid);
  }
}
