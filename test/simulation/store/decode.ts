/** The record format, decoded after its description in src/store/README.md and by nothing else. */
import { crc32 } from "node:zlib";

export const hotSpan = 96;
export const coldSpan = 32;
const blockFactor = 2 ** 27;
const expungedBit = 1 << 8;

export interface HotRecord {
  readonly uid: number;
  readonly flags: number;
  readonly dateDigits: number;
  readonly modseq: number;
  readonly lastUpdated: number;
  readonly suffixCrc: number;
  readonly user: readonly number[];
  readonly expunged: boolean;
}
export interface ColdRecord {
  readonly uid: number;
  readonly internaldate: number;
  readonly sizeOctets: number;
  readonly savedate: number;
  readonly createdmodseq: number;
  readonly cid: bigint;
  readonly guid: string;
}

/** Splits a block into its rows; what is wrong with it goes to `problems`. */
function* rowsOf(block: Buffer, rowOctets: number, where: string, problems: string[]): Generator<Buffer> {
  const count = block.length >= 8 ? block.readUInt16LE(6) : 0;
  const end = 8 + count * rowOctets;
  if (block.length < end) problems.push(`${where}: ${block.length} octets for ${count} rows`);
  else if (block[4] !== 1 || block[5] !== rowOctets)
    problems.push(`${where}: version ${block[4]}, rows of ${block[5]}`);
  else if (crc32(block.subarray(4)) !== block.readUInt32LE(0)) problems.push(`${where}: the CRC differs`);
  else if (block.subarray(end).some((octet) => octet !== 0)) problems.push(`${where}: something behind the rows`);
  else for (let at = 8; at < end; at += rowOctets) yield block.subarray(at, at + rowOctets);
}

/** Checks that uids ascend and belong into the block of this id. */
function checkUids(
  rows: readonly { uid: number }[],
  id: number,
  span: number,
  where: string,
  problems: string[],
): void {
  const first = (id % blockFactor) * span;
  let before = first - 1;
  for (const { uid } of rows) {
    if (uid <= before || uid >= first + span) problems.push(`${where}: uid ${uid} out of place`);
    before = uid;
  }
}

export function decodeHot(id: number, block: Uint8Array, problems: string[]): HotRecord[] {
  const where = `hot block ${id}`;
  const rows = Array.from(rowsOf(Buffer.from(block), 40, where, problems), (row): HotRecord => {
    const word = row.readUInt32LE(4);
    return {
      uid: row.readUInt32LE(0),
      flags: word & 0xffffff,
      dateDigits: word >>> 24,
      modseq: row.readUInt32LE(8) * 2 ** 32 + row.readUInt32LE(12),
      lastUpdated: row.readUInt32LE(16),
      suffixCrc: row.readUInt32LE(20),
      user: [24, 28, 32, 36].map((at) => row.readUInt32LE(at)),
      expunged: (word & expungedBit) !== 0,
    };
  });
  checkUids(rows, id, hotSpan, where, problems);
  return rows;
}

export function decodeCold(id: number, block: Uint8Array, problems: string[]): ColdRecord[] {
  const where = `cold block ${id}`;
  const rows = Array.from(rowsOf(Buffer.from(block), 112, where, problems), (row): ColdRecord => {
    const uid = row.readUInt32LE(0);
    if (crc32(row.subarray(0, 108)) !== row.readUInt32LE(108)) problems.push(`${where}: the CRC of uid ${uid} differs`);
    return {
      uid,
      internaldate: row.readDoubleLE(8),
      sizeOctets: row.readUInt32LE(20),
      savedate: row.readDoubleLE(40),
      createdmodseq: row.readDoubleLE(48),
      cid: row.readBigUInt64BE(56),
      guid: row.toString("hex", 64, 84),
    };
  });
  checkUids(rows, id, coldSpan, where, problems);
  return rows;
}

/** First and last block id of a mailbox. */
export function blockRange(mbox: number): [number, number] {
  return [mbox * blockFactor, (mbox + 1) * blockFactor - 1];
}

const systemNames = ["\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Seen"];
/** Names of a row's flags, after the mailbox's flag table. */
export function flagNamesOf({ flags, user }: HotRecord, table: readonly (string | null)[]): string[] {
  const names = systemNames.filter((_, bit) => (flags >> bit) & 1);
  for (let place = 0; place < 128; place++)
    if ((user[place >> 5]! >>> (place & 31)) & 1) names.push(table[place] ?? `(no name at place ${place})`);
  return names;
}

/** What a message adds to SYNC_CRC. */
export function basicCrc(hot: HotRecord, cold: ColdRecord, names: readonly string[]): number {
  const flagCrc = names.reduce((crc, name) => (crc ^ crc32(name.toLowerCase())) >>> 0, 0);
  return crc32(`${hot.uid} ${hot.modseq} ${hot.lastUpdated} (${flagCrc}) ${cold.internaldate} ${cold.guid}`);
}
/** What a message's virtual annotations add to SYNC_CRC_ANNOT. */
export function annotationCrc({ uid, cid, savedate, createdmodseq }: ColdRecord): number {
  const one = (entry: string, value: string): number => crc32(`${uid} /vendor/cmu/cyrus-imapd/${entry}  ${value}`);
  let crc = 0;
  if (cid !== 0n) crc ^= one("thrid", cid.toString(16));
  if (savedate !== 0) crc ^= one("savedate", String(savedate));
  if (createdmodseq !== 0) crc ^= one("createdmodseq", String(createdmodseq));
  return crc >>> 0;
}
