/** What `cyr_expire -A` does with one mailbox: finds what belongs in the archive, copies it there in batches, and asks for each batch to be taken over. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, copyFileSync, linkSync, mkdirSync, openSync, statSync } from "node:fs";
import { isSameFile, unlinkIfThere } from "../../base/files.ts";
import { syncFilesystem } from "../../base/native/index.ts";
import {
  archiveRoot,
  belongsInArchive,
  COLD_SPAN,
  ColdBlock,
  Flag,
  hasLegacyDirectory,
  HOT_SPAN,
  HotBlock,
  type MessageBox,
  messagePath,
  STAGED_LINK,
  stageDirectory,
  stagePath,
} from "../../store/index.ts";
import { blockId } from "../../store/keys.ts";
import { archiveRule } from "../roots.ts";
import { readMessageFile } from "./reconstruct/message-file.ts";
import type { ArchivedMessage } from "./archive.ts";
import { isInSpool } from "./archive.ts";
import type { Tools } from "./tools.ts";

const MESSAGES_A_BATCH = 200;
const OCTETS_A_BATCH = 32 << 20;
const BLOCKS_AT_A_TIME = 32;

interface Candidate {
  readonly uid: number;
  readonly guid: string;
  readonly sizeOctets: number;
}

/** Mailboxes of one run; holds a descriptor on each archive. */
export class Archiver {
  private readonly tools: Tools;
  /** Descriptors by partition, opened before anything is written: one opened later might miss a write-back error. undefined: nothing goes there. */
  private readonly archives = new Map<string, number | undefined>();

  constructor(tools: Tools) {
    this.tools = tools;
  }

  /**
   * @param cutoff epoch seconds: what arrived before is archived
   * @returns how many messages were
   */
  async archive(box: MessageBox, cutoff: number, stop: () => boolean): Promise<number> {
    const fd = this.archiveOf(box.partition);
    if (fd === undefined) return 0;
    let count = 0;
    let batch: Candidate[] = [];
    let octets = 0;
    const flush = async (): Promise<void> => {
      if (batch.length > 0) count += await this.move(box, batch, fd);
      batch = [];
      octets = 0;
    };
    for (const candidate of this.candidates(box, cutoff)) {
      if (stop()) break;
      batch.push(candidate);
      octets += candidate.sizeOctets;
      if (batch.length >= MESSAGES_A_BATCH || octets >= OCTETS_A_BATCH) await flush();
    }
    await flush();
    return count;
  }

  close(): void {
    for (const fd of this.archives.values()) if (fd !== undefined) closeSync(fd);
    this.archives.clear();
  }

  private archiveOf(partition: string): number | undefined {
    if (this.archives.has(partition)) return this.archives.get(partition);
    const root = this.tools.mail.roots.get(archiveRoot(partition));
    const spool = this.tools.mail.roots.get(partition);
    let fd: number | undefined;
    if (root !== undefined && spool !== undefined) {
      mkdirSync(stageDirectory(root), { recursive: true, mode: 0o700 });
      // An archive that is the spool under another name would lose what is "moved" there.
      if (!isSameFile(root, spool)) fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    }
    this.archives.set(partition, fd);
    return fd;
  }

  /** Each block is one short read, so a walk over a large mailbox holds no snapshot open. */
  private *candidates(box: MessageBox, cutoff: number): Generator<Candidate, void, void> {
    const { config, reader, mail } = this.tools;
    const rule = archiveRule(config);
    if (!rule) return;
    const { deletedPrefix } = mail.rules.names;
    const end = blockId(box.mbox + 1, 0, COLD_SPAN);
    const sql = "SELECT id, rows FROM cold WHERE id>=? AND id<? ORDER BY id LIMIT ?";
    for (let from = blockId(box.mbox, 0, COLD_SPAN); ; ) {
      const blocks = reader.dbOfMbox(box.mbox).all(sql, from, end, BLOCKS_AT_A_TIME);
      for (const [id, rows] of blocks) {
        from = (id as number) + 1;
        const cold = ColdBlock.decode(rows as Uint8Array);
        for (let index = 0; index < cold.count; index++) {
          const row = cold.row(index);
          const { uid, sizeOctets, internalDate } = row;
          const hot = this.hotFlags(box.mbox, uid);
          if (hot === undefined || !isInSpool({ flags: hot }, row)) continue;
          const candidate = { sizeOctets, internalDate, isFlagged: (hot & Flag.flagged) !== 0 };
          if (!belongsInArchive(rule, box, deletedPrefix, candidate, cutoff)) continue;
          yield { uid, sizeOctets, guid: Buffer.from(row.guid).toString("hex") };
        }
      }
      if (blocks.length < BLOCKS_AT_A_TIME) return;
    }
  }

  private hotFlags(mbox: number, uid: number): number | undefined {
    const row = this.tools.reader.dbOfMbox(mbox).get("SELECT rows FROM hot WHERE id=?", blockId(mbox, uid, HOT_SPAN));
    const block = row && HotBlock.decode(row[0] as Uint8Array);
    const index = block ? block.find(uid) : -1;
    return index < 0 ? undefined : block!.flags(index);
  }

  private async move(box: MessageBox, batch: readonly Candidate[], fd: number): Promise<number> {
    const { mail, writer } = this.tools;
    const root = mail.roots.get(archiveRoot(box.partition))!;
    const messages: ArchivedMessage[] = [];
    let archived: ReadonlySet<number> = new Set();
    try {
      for (const { uid, guid, sizeOctets } of batch) {
        const staged = `${STAGED_LINK}${randomBytes(12).toString("hex")}`;
        messages.push({ uid, guid, staged });
        // Not there, or not whole: not written yet, moved meanwhile, or damaged, which is not for us to spread.
        const copy = stagePath(root, staged);
        const isWhole = linkOrCopy(this.pathOf(box, uid), copy, sizeOctets);
        // A directory by name may have been another mailbox's in this moment.
        const isRight = isWhole && (!hasLegacyDirectory(box) || readMessageFile(copy)?.args.guid === guid);
        if (isRight) continue;
        if (isWhole) unlinkIfThere(copy);
        messages.pop();
      }
      if (messages.length === 0) return 0;
      syncFilesystem(fd);
      const args = { box: box.uniqueId, partition: box.partition, messages };
      archived = new Set(await writer.ask("maintenance.archive-messages", args));
      return archived.size;
    } finally {
      // When it is not known what became of the request, the store sweeps them later.
      if (archived.size > 0) {
        for (const { uid, staged } of messages) if (!archived.has(uid)) unlinkIfThere(stagePath(root, staged));
      }
    }
  }

  private pathOf(box: MessageBox, uid: number): string {
    return messagePath(this.tools.mail.messageDirectory(box, 0), uid);
  }
}

function linkOrCopy(from: string, to: string, sizeOctets: number): boolean {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    if (code !== "EXDEV" && code !== "EMLINK" && code !== "EPERM") throw error;
    try {
      copyFileSync(from, to, constants.COPYFILE_EXCL);
    } catch (failure) {
      unlinkIfThere(to);
      if ((failure as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw failure;
    }
  }
  if (statSync(to).size === sizeOctets) return true;
  unlinkIfThere(to);
  return false;
}
