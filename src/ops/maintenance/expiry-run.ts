/** What cyr_expire does, step by step. One mailbox after the other, so that a run over a large server is never in anybody's way. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import type { Database } from "../../store/database.ts";
import { isTombstone, keyOf, type ListEntry, type MessageBox } from "../../store/index.ts";
import { MailError } from "../errors.ts";
import { ancestorNames, deletedAt, isDeletedName } from "../names/index.ts";
import { Archiver } from "./archive-run.ts";
import { parseDuration } from "./duration.ts";
import { AFTER_ALL_KEYS, hasMessages } from "./reader.ts";
import type { Tools } from "./tools.ts";

/** Tombstones of the mailbox list are kept so long for replicas that were away. */
const TOMBSTONE_SECONDS = 7 * 86_400;
const NAMES_A_REQUEST = 200;

export interface ExpiryOptions {
  /** Seconds; undefined: not asked for. */
  readonly expire: number | undefined;
  readonly remove: number | undefined;
  /** -A: what is older goes to archive partitions. */
  readonly archive: number | undefined;
  readonly deleted: number | undefined;
  readonly dropFlags: boolean;
  /** -x: messages stay, only what was expunged goes. */
  readonly noExpire: boolean;
  /** -a. */
  readonly ignoreAnnotations: boolean;
  /** Internal names at and below which mailboxes are looked at; undefined: all. */
  readonly top: MboxName | undefined;
  /** Epoch seconds. */
  readonly now: number;
  readonly stop: () => boolean;
  /** A mailbox could not be done; the run goes on. */
  readonly problem: (mailbox: MboxName, error: unknown) => void;
}

export interface ExpiryCounts {
  mailboxes: number;
  messages: number;
  expired: number;
  removed: number;
  archived: number;
  droppedFlags: number;
}

/** Goes through the mailboxes: expires, removes what was expunged, drops flags that are not used. */
export async function expireMailboxes(tools: Tools, options: ExpiryOptions): Promise<ExpiryCounts> {
  const counts: ExpiryCounts = { mailboxes: 0, messages: 0, expired: 0, removed: 0, archived: 0, droppedFlags: 0 };
  const archiver = options.archive === undefined ? undefined : new Archiver(tools);
  try {
    for (const entry of tools.reader.tree(options.top)) {
      if (options.stop()) break;
      if (!hasMessages(entry)) continue;
      try {
        if (archiver) counts.archived += await archiveMailbox(archiver, tools, options, entry);
        await expireMailbox(tools, options, entry, counts);
      } catch (error) {
        // Deleted since we read its name.
        if (error instanceof MailError && error.code === "mailboxNonexistent") continue;
        options.problem(entry.name, error);
      }
    }
  } finally {
    archiver?.close();
  }
  return counts;
}

function archiveMailbox(
  archiver: Archiver,
  { reader }: Tools,
  { archive, ignoreAnnotations, now, stop }: ExpiryOptions,
  entry: MessageBox,
): Promise<number> | 0 {
  const own = ignoreAnnotations
    ? undefined
    : annotatedDuration(reader.dbOfName(entry.name), entry, "/vendor/cmu/cyrus-imapd/archive");
  if (own === 0) return 0;
  return archiver.archive(entry, now - (own ?? archive!), stop);
}

async function expireMailbox(
  { reader, writer }: Tools,
  { expire, remove, dropFlags, noExpire, ignoreAnnotations, now }: ExpiryOptions,
  entry: ListEntry & { readonly mbox: number },
  counts: ExpiryCounts,
): Promise<void> {
  const header = reader.header(entry.mbox);
  if (!header) return;
  const box = entry.uniqueId;
  counts.mailboxes += 1;
  counts.messages += header.exists + header.expunged;
  if (expire !== undefined && !noExpire && !ignoreAnnotations) {
    const seconds = annotatedDuration(reader.dbOfName(entry.name), entry, "/vendor/cmu/cyrus-imapd/expire");
    if (seconds !== undefined && seconds > 0 && header.exists > 0) {
      counts.expired += await writer.ask("maintenance.expire-messages", { box, before: now - seconds });
    }
  }
  if (remove !== undefined && (reader.header(entry.mbox)?.expunged ?? 0) > 0) {
    counts.removed += await writer.ask("maintenance.remove-expunged", { box, before: now - remove });
  }
  if (dropFlags && header.flagNames.some((name) => name !== null)) {
    counts.droppedFlags += (await writer.ask("maintenance.drop-unused-flags", { box })).length;
  }
}

/** The shared value of an annotation of the mailbox or the nearest one above it, as a duration. */
function annotatedDuration(db: Database, entry: ListEntry, annotation: string): number | undefined {
  const sql = "SELECT value FROM annotation WHERE uniqueid=? AND uid=0 AND entry=? AND userid=''";
  for (const uniqueId of uniqueIdsUpwards(db, entry)) {
    const row = db.get(sql, uniqueId, annotation);
    if (row)
      return parseDuration(
        Buffer.from(row[0] as Uint8Array)
          .toString("latin1")
          .trim(),
      );
  }
  return undefined;
}

function* uniqueIdsUpwards(db: Database, entry: ListEntry): Generator<UniqueId, void, void> {
  yield entry.uniqueId;
  if (!db.get("SELECT 1 FROM annotation WHERE uid=0 LIMIT 1")) return;
  for (const name of ancestorNames(entry.name).reverse()) {
    const row = db.get("SELECT uniqueid FROM list WHERE name=? AND type NOT LIKE '%d%'", keyOf(name));
    if (row) yield row[0] as UniqueId;
  }
}

/** Removes mailboxes whose deletion was delayed and lies `seconds` back. @returns how many */
export async function removeDeletedMailboxes(tools: Tools, seconds: number, options: ExpiryOptions): Promise<number> {
  const { deletedPrefix } = tools.mail.rules.names;
  const annotation = "/vendor/cmu/cyrus-imapd/delete";
  let count = 0;
  for (const entry of deletedEntries(tools, deletedPrefix)) {
    if (options.stop()) break;
    const at = deletedAt(entry.name, deletedPrefix);
    if (at === undefined || !isSelected(entry.name, options.top, deletedPrefix)) continue;
    const own = options.ignoreAnnotations
      ? undefined
      : annotatedDuration(tools.reader.dbOfName(entry.name), entry, annotation);
    if (own === 0 || at > options.now - (own ?? seconds)) continue;
    try {
      if (await tools.writer.ask("maintenance.remove-deleted", { name: entry.name })) count += 1;
    } catch (error) {
      options.problem(entry.name, error);
    }
  }
  return count;
}

/** Without virtual domains they are one range of names. */
function* deletedEntries(tools: Tools, deletedPrefix: string): Generator<ListEntry, void, void> {
  const { reader, mail } = tools;
  if (mail.rules.names.virtualDomains === "off") {
    yield* reader.tree(deletedPrefix as MboxName);
    return;
  }
  for (const entry of reader.tree(undefined)) if (isDeletedName(entry.name, deletedPrefix)) yield entry;
}

function isSelected(name: MboxName, top: MboxName | undefined, deletedPrefix: string): boolean {
  if (top === undefined) return true;
  const bang = top.indexOf("!") + 1;
  const deletedTop = `${top.slice(0, bang)}${deletedPrefix}.${top.slice(bang)}`;
  return name.startsWith(`${deletedTop}.`) || name === top || name.startsWith(`${top}.`);
}

/** Removes tombstones of the mailbox list that nobody needs any more. @returns their names */
export async function removeTombstones({ reader, writer }: Tools, now: number): Promise<MboxName[]> {
  const before = now - TOMBSTONE_SECONDS;
  const removed: MboxName[] = [];
  let names: MboxName[] = [];
  const flush = async (): Promise<void> => {
    if (names.length > 0) {
      removed.push(...(await writer.ask("maintenance.remove-stale-tombstones", { names, before })));
    }
    names = [];
  };
  for (const entry of reader.allEntries("", AFTER_ALL_KEYS)) {
    if (!isTombstone(entry) || entry.mtime >= before) continue;
    names.push(entry.name);
    if (names.length >= NAMES_A_REQUEST) await flush();
  }
  await flush();
  return removed;
}
