/** The mailbox that messages are copied from: one of this shard, or one of another, which this shard's writer reads as it is at the beginning of each slice. */
import type { UidRange, UniqueId } from "../../formats/ids.ts";
import {
  COLD_SPAN,
  type ColdBlock,
  type ColdRow,
  Flag,
  HOT_SPAN,
  type HotBlock,
  type HotRow,
  type MailboxHeader,
  type MessageBox,
  readSeen,
  type Snapshot,
} from "../../store/index.ts";
import type { Rights } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { takeFrom } from "../transfer/take-from.ts";
import type { VerbContext } from "../verb.ts";
import { presentEntry, requireRights } from "./message-box.ts";

export interface CopySource {
  readonly box: MessageBox;
  readonly header: MailboxHeader;
  /** Whether files of messages that are expunged while this goes on stay as long as it needs them. */
  readonly keepsFiles: boolean;
  /** Also of tombstones. */
  hotRow(uid: number): HotRow | undefined;
  coldRow(uid: number): ColdRow | undefined;
  /** Uids of messages that are there, the first `most` of them. */
  live(ranges: readonly UidRange[], most: number): number[];
  /** Uids that somebody else than the owner has seen, as table `seen` has them. */
  seen(userId: string): string;
  highestModseq(): number;
  /** The same mailbox in a later slice. @throws MailError mailboxNonexistent */
  again(): CopySource;
}

export class LocalSource implements CopySource {
  readonly box: MessageBox;
  readonly keepsFiles = true;
  private readonly context: VerbContext;

  constructor(context: VerbContext, box: MessageBox) {
    this.context = context;
    this.box = box;
  }

  get header(): MailboxHeader {
    return this.rows().header;
  }

  hotRow(uid: number): HotRow | undefined {
    return this.rows().hotRow(uid);
  }

  coldRow(uid: number): ColdRow | undefined {
    return this.rows().coldRow(uid);
  }

  live(ranges: readonly UidRange[], most: number): number[] {
    const writer = this.context.tx.mailbox(this.box.mbox);
    const live: number[] = [];
    // Tombstones are rows as well: what is wanted may take several walks.
    for (let from: number | undefined = 1; from !== undefined && live.length < most; ) {
      from = writer.walkHot(ranges, from, most, (block, index) => {
        if ((block.flags(index) & Flag.expunged) === 0 && block.uid(index) <= writer.header.lastUid)
          live.push(block.uid(index));
      }).next;
    }
    return live.slice(0, most);
  }

  seen(userId: string): string {
    return readSeen(this.context.tx.db, userId, this.box.uniqueId)?.uids ?? "";
  }

  highestModseq(): number {
    return this.context.tx.peek(this.box.mbox)?.header.highestModseq ?? 0;
  }

  again(): CopySource {
    return new LocalSource(this.context, presentEntry(this.context, this.box));
  }

  /** Also while another verb holds the mailbox. */
  private rows(): NonNullable<ReturnType<VerbContext["tx"]["peek"]>> {
    return this.context.tx.peek(this.box.mbox) ?? refuse("mailboxNonexistent");
  }
}

/**
 * A mailbox of another shard, with all of `rights`.
 * @throws MailError storeUnavailable, mailboxNonexistent, permissionDenied
 */
export function foreignSource(context: VerbContext, shard: number, uniqueId: UniqueId, rights: Rights): CopySource {
  const { snapshot } = takeFrom(context.tx, shard);
  const entry = snapshot.entryByUniqueId(uniqueId);
  const header = entry?.mbox === undefined ? undefined : snapshot.header(entry.mbox);
  if (entry === undefined || header === undefined) return refuse("mailboxNonexistent");
  requireRights(context.access, entry, rights);
  return new ForeignSource(context, shard, snapshot, entry as MessageBox, header);
}

/** Hot blocks read at a time. */
const BLOCKS_AT_A_TIME = 64;

class ForeignSource implements CopySource {
  readonly box: MessageBox;
  readonly header: MailboxHeader;
  readonly keepsFiles = false;
  private readonly context: VerbContext;
  private readonly shard: number;
  private readonly snapshot: Snapshot;
  private hot: { readonly id: number; readonly block: HotBlock | undefined } | undefined;
  private cold: { readonly id: number; readonly block: ColdBlock | undefined } | undefined;

  constructor(context: VerbContext, shard: number, snapshot: Snapshot, box: MessageBox, header: MailboxHeader) {
    this.context = context;
    this.shard = shard;
    this.snapshot = snapshot;
    this.box = box;
    this.header = header;
  }

  hotRow(uid: number): HotRow | undefined {
    const id = Math.floor(uid / HOT_SPAN);
    // Messages are copied in order: a block is read once.
    if (this.hot?.id !== id)
      this.hot = { id, block: this.snapshot.hotBlocks(this.box.mbox, { first: uid, last: uid }, 1)[0] };
    const { block } = this.hot;
    const index = block?.find(uid) ?? -1;
    return index < 0 ? undefined : block!.row(index);
  }

  coldRow(uid: number): ColdRow | undefined {
    const id = Math.floor(uid / COLD_SPAN);
    if (this.cold?.id !== id)
      this.cold = { id, block: this.snapshot.coldBlocks(this.box.mbox, { first: uid, last: uid }, 1)[0] };
    const { block } = this.cold;
    const index = block?.find(uid) ?? -1;
    return index < 0 ? undefined : block!.row(index);
  }

  live(ranges: readonly UidRange[], most: number): number[] {
    const live: number[] = [];
    for (const { first, last: wanted } of ranges) {
      const last = Math.min(wanted, this.header.lastUid);
      for (let from = first; from <= last && live.length < most; ) {
        const blocks = this.snapshot.hotBlocks(this.box.mbox, { first: from, last }, BLOCKS_AT_A_TIME);
        for (const block of blocks) {
          for (let index = block.lowerBound(from); index < block.count && block.uid(index) <= last; index++)
            if ((block.flags(index) & Flag.expunged) === 0) live.push(block.uid(index));
        }
        const end = blocks.at(-1);
        if (blocks.length < BLOCKS_AT_A_TIME || !end) break;
        from = end.uid(0) - (end.uid(0) % HOT_SPAN) + HOT_SPAN;
      }
    }
    return live.slice(0, most);
  }

  seen(userId: string): string {
    return this.snapshot.seen(userId, this.box.uniqueId)?.uids ?? "";
  }

  highestModseq(): number {
    return this.header.highestModseq;
  }

  again(): CopySource {
    return foreignSource(this.context, this.shard, this.box.uniqueId, 0);
  }
}
