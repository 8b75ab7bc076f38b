/** What a group changed, gathered for those who are told of it after the commit. */
import type { UniqueId } from "../../formats/ids.ts";

/** What a group did to a mailbox, as a hint where to look: sessions read the state itself. */
export interface MailboxChange {
  readonly mbox: number;
  readonly uniqueId: UniqueId;
  /** highestmodseq after the group; 0 when the mailbox is gone. */
  modseq: number;
  /** Range of uids whose rows changed; firstUid > lastUid when none did. */
  firstUid: number;
  lastUid: number;
}

export interface Changes {
  readonly mailboxes: readonly MailboxChange[];
  /** The mailbox list, ACLs or quota roots changed. */
  readonly list: boolean;
  /** There are files to write or to remove. */
  readonly files: boolean;
  /** What verbs left with `Tx.note`, in order. */
  readonly notes: readonly unknown[];
}

export class ChangeCollector {
  private mailboxes = new Map<number, MailboxChange>();
  private notes: unknown[] = [];
  private sliceNotes: unknown[] = [];
  list = false;
  files = false;

  mailbox(mbox: number, uniqueId: UniqueId, uid?: number): void {
    let change = this.mailboxes.get(mbox);
    if (!change) {
      change = { mbox, uniqueId, modseq: 0, firstUid: Number.MAX_SAFE_INTEGER, lastUid: 0 };
      this.mailboxes.set(mbox, change);
    }
    if (uid === undefined) return;
    if (uid < change.firstUid) change.firstUid = uid;
    if (uid > change.lastUid) change.lastUid = uid;
  }

  /** Counts when the slice succeeds. */
  note(note: unknown): void {
    this.sliceNotes.push(note);
  }

  sliceDone(): void {
    if (this.sliceNotes.length === 0) return;
    this.notes.push(...this.sliceNotes);
    this.sliceNotes = [];
  }

  /** Hints of mailboxes stay: they say where to look, and do no harm. */
  sliceFailed(): void {
    this.sliceNotes = [];
  }

  groupFailed(): void {
    this.sliceNotes = [];
    this.notes = [];
    this.mailboxes.clear();
    this.list = false;
  }

  /** @param modseqOf highestmodseq of a mailbox, as far as it is known */
  take(modseqOf: (mbox: number) => number | undefined): Changes {
    const { list, files, notes } = this;
    const mailboxes = [...this.mailboxes.values()];
    for (const change of mailboxes) change.modseq = modseqOf(change.mbox) ?? change.modseq;
    if (mailboxes.length > 0) this.mailboxes = new Map();
    if (notes.length > 0) this.notes = [];
    this.list = false;
    this.files = false;
    return { mailboxes, list, files, notes };
  }
}
