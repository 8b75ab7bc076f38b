/**
 * Where the checkpoint before this one has the rows of each mailbox. Both lists are in the order of names, so the old one is read beside the new one, and
 * nothing of it is kept but the mailboxes that have another name since, or are gone.
 */
import { isTombstone, keyOf, type ListEntry } from "../../../store/index.ts";
import type { MailboxLine, RowFiles } from "./format.ts";
import type { CheckpointReader } from "./read.ts";

type RowsLine = MailboxLine & { readonly rows: RowFiles };

export class EarlierRows {
  /** Files of mailboxes that are nowhere in the new list. Whole after `end`. */
  readonly gone: string[] = [];
  private readonly lines: Generator<RowsLine, void, void>;
  private line: RowsLine | undefined;
  /** Those that are not under their old name; undefined once they have been asked for. */
  private readonly renamed: Map<string, RowFiles | undefined>;

  /** @param entries every entry of the list, in the order of names; gone through once, before anything is asked */
  constructor(before: CheckpointReader | undefined, entries: Iterable<ListEntry>) {
    this.renamed = before ? withoutPlace(before, entries) : new Map();
    this.lines = linesWithRows(before);
    this.line = this.next();
  }

  /** Entries must be asked for in the order of names. */
  of(entry: ListEntry): RowFiles | undefined {
    const key = keyOf(entry.name);
    while (this.line && keyOf(this.line.entry.name) < key) this.pass();
    if (this.line?.entry.name === entry.name && this.line.entry.uniqueId === entry.uniqueId) {
      const { rows } = this.line;
      this.line = this.next();
      return rows;
    }
    const rows = this.renamed.get(entry.uniqueId);
    if (rows) this.renamed.set(entry.uniqueId, undefined);
    return rows;
  }

  /** After the last entry. */
  end(): void {
    while (this.line) this.pass();
    for (const rows of this.renamed.values()) if (rows) this.gone.push(...rows.files);
    this.renamed.clear();
  }

  private pass(): void {
    const { entry, rows } = this.line!;
    // It got its new name after we looked: under that one all of it is written again.
    if (!this.renamed.has(entry.uniqueId)) this.gone.push(...rows.files);
    this.line = this.next();
  }

  private next(): RowsLine | undefined {
    return this.lines.next().value ?? undefined;
  }
}

function* linesWithRows(before: CheckpointReader | undefined): Generator<RowsLine, void, void> {
  for (const line of before?.mailboxes() ?? []) if (line.rows) yield line as RowsLine;
}

/** What no mailbox has under the same name. */
function withoutPlace(before: CheckpointReader, entries: Iterable<ListEntry>): Map<string, RowFiles | undefined> {
  const result = new Map<string, RowFiles | undefined>();
  const list = entries[Symbol.iterator]();
  let entry = list.next();
  for (const { entry: old, rows } of linesWithRows(before)) {
    const key = keyOf(old.name);
    while (!entry.done && keyOf(entry.value.name) < key) entry = list.next();
    const isThere =
      !entry.done &&
      entry.value.name === old.name &&
      entry.value.uniqueId === old.uniqueId &&
      entry.value.mbox !== undefined &&
      !isTombstone(entry.value);
    if (!isThere) result.set(old.uniqueId, rows);
  }
  return result;
}
