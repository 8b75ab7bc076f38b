/**
 * Brings mailboxes back that the database has lost: names, ACLs, uidvalidity and flag names from the header file in each directory, uids and octets from
 * the message files, flags and limits as of the last checkpoint.
 */
import type { MboxName, UniqueId } from "../../../formats/ids.ts";
import { type HeaderFile, isTombstone, type ListEntry, readHeaderFile } from "../../../store/index.ts";
import type { Database } from "../../../store/database.ts";
import { nameOf, type NameKey } from "../../../store/keys.ts";
import { ownerOfName, parentName } from "../../names/index.ts";
import { Checkpoints } from "../checkpoint/read.ts";
import type { MailboxLine } from "../checkpoint/format.ts";
import { hasMessages } from "../reader.ts";
import type { Tools } from "../tools.ts";
import type { HeaderState, RestorableTable, RestoredOwner, RestoredQuota } from "./adopt.ts";
import { Directory, directoriesOf, headerDirectory } from "./directory.ts";

export interface RebuildOptions {
  readonly dryRun: boolean;
  /** -x: nothing is taken from header files but the name. */
  readonly ignoreMetadata: boolean;
  /** Only mailboxes whose internal name it accepts. */
  readonly isWanted: (name: MboxName) => boolean;
  /** Names of the partitions that are searched. */
  readonly partitions: readonly string[];
  /** Also quota limits, subscriptions and what else the checkpoint has of the server as a whole. */
  readonly everything: boolean;
}

/** Numbers given out since the last checkpoint are not known: so many are passed over, since none may be given out twice. */
const UID_GAP = 1_000;
const MODSEQ_GAP = 1_000_000;
const ROWS_A_REQUEST = 200;
/** Of whose directory nothing is known but the identity. */
const NAMELESS = { name: "" as MboxName, type: "e" };
const ALL_RIGHTS = "lrswipkxtecdan";

interface Found {
  readonly uniqueId: UniqueId;
  readonly partition: string;
  readonly file: HeaderFile | undefined;
  readonly line: MailboxLine | undefined;
  readonly name: MboxName;
}

/** @returns the mailboxes that came back without their rows, for MailboxCheck to fill; in dry runs nothing */
export async function rebuildList(
  tools: Tools,
  options: RebuildOptions,
  say: (line: string) => void,
): Promise<MboxName[]> {
  const checkpoint = new Checkpoints(tools.config.configdirectory);
  const found = findMailboxes(tools, options, checkpoint, say);
  if (!options.dryRun) await restoreQuotas(tools, options, checkpoint, found);
  const back: MboxName[] = [];
  for (const mailbox of found) {
    say(`discovered ${tools.external(mailbox.name)}`);
    if (options.dryRun) continue;
    const args = entryOf(tools, mailbox, options.ignoreMetadata);
    const adopted = await tools.writer.ask("maintenance.adopt-mailbox", args);
    if (adopted === "new") back.push(mailbox.name);
    else if (adopted === "taken") {
      say(
        `${tools.external(mailbox.name)}: the name is taken; the mailbox in ${pathOf(tools, mailbox)} was left alone`,
      );
    }
  }
  if (!options.dryRun) {
    if (options.everything) await restoreTables(tools, checkpoint);
    const names = back.filter((name) => parentName(name) !== undefined);
    for (let at = 0; at < names.length; at += ROWS_A_REQUEST) {
      await tools.writer.ask("maintenance.restore-parents", { names: names.slice(at, at + ROWS_A_REQUEST) });
    }
  }
  return back;
}

function pathOf(tools: Tools, { partition, uniqueId }: Found): string {
  return headerDirectory(tools.mail, { partition, uniqueId });
}

/** Directories of mailboxes that are not in the list. Of two with one name the one that was made last comes first. */
function findMailboxes(
  tools: Tools,
  { partitions, isWanted }: RebuildOptions,
  checkpoint: Checkpoints,
  say: (line: string) => void,
): Found[] {
  const { reader } = tools;
  const found: Found[] = [];
  for (const partition of partitions) {
    for (const uniqueId of directoriesOf(tools.mail, partition)) {
      if (reader.entryByUniqueId(uniqueId)) continue;
      // On its way out.
      if (reader.dbs.some((db) => isDoomed(db, uniqueId, partition))) continue;
      const path = headerDirectory(tools.mail, { partition, uniqueId });
      const file = readHeaderFile(path);
      const line = checkpoint.mailbox(uniqueId);
      const name = file?.name ?? line?.entry.name;
      if (name === undefined) {
        if (new Directory(tools.mail, { partition, uniqueId, ...NAMELESS }).uids.size > 0) {
          say(`${path}: neither its header file nor a checkpoint tells which mailbox this is; it was left alone`);
        }
        continue;
      }
      // A partition that the mailbox has left; its directory is to be removed.
      if (line && line.entry.partition !== partition && partitions.includes(line.entry.partition) && !file) continue;
      if (isWanted(name)) found.push({ uniqueId, partition, file, line, name });
    }
  }
  const age = ({ file, line }: Found): number => file?.uidValidity ?? line?.entry.uidValidity ?? 0;
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : age(b) - age(a)));
}

function isDoomed(db: Database, uniqueId: UniqueId, partition: string): boolean {
  const sql = "SELECT 1 FROM doomed WHERE uniqueid=? AND partition=? AND uid=0";
  return db.get(sql, uniqueId, partition) !== undefined;
}

function entryOf(tools: Tools, mailbox: Found, ignoreMetadata: boolean): { entry: ListEntry; header: HeaderState } {
  const { file, line, name, partition, uniqueId } = mailbox;
  const type = file?.type ?? line?.entry.type ?? "e";
  const directory = new Directory(tools.mail, { name, type, partition, uniqueId });
  const header = headerOf(mailbox, directory, ignoreMetadata);
  const owner = ownerOfName(name, tools.mail.rules.names.deletedPrefix);
  const ownAcl = owner === undefined ? "anyone\tlrs\t" : `${owner}\t${ALL_RIGHTS}\t`;
  const entry: ListEntry = {
    name,
    uniqueId,
    mbox: undefined,
    type,
    partition,
    server: "",
    acl: ignoreMetadata ? ownAcl : (file?.acl ?? line?.entry.acl ?? ownAcl),
    uidValidity: header.uidValidity,
    createdModseq: file?.createdModseq ?? line?.entry.createdModseq ?? 1,
    folderModseq: header.highestModseq,
    mtime: line?.entry.mtime ?? Math.floor(Date.now() / 1000),
    specialUse: ignoreMetadata ? "" : (file?.specialUse ?? line?.entry.specialUse ?? ""),
    history: line?.entry.history ?? [],
  };
  return { entry, header };
}

function headerOf({ file, line }: Found, directory: Directory, ignoreMetadata: boolean): HeaderState {
  const known = line?.header;
  let lastUid = known?.lastUid ?? 0;
  for (const uid of directory.uids) lastUid = Math.max(lastUid, uid);
  const generation = known?.cacheGeneration ?? Math.max(1, ...directory.caches.keys());
  return {
    uidValidity: file?.uidValidity ?? known?.uidValidity ?? Math.floor(Date.now() / 1000),
    lastUid: Math.min(lastUid + UID_GAP, 0xfffffffe),
    highestModseq: Math.max(known?.highestModseq ?? 0, file?.createdModseq ?? 0) + MODSEQ_GAP,
    deletedModseq: known?.deletedModseq ?? 0,
    xconvModseq: known?.xconvModseq ?? 0,
    raclModseq: known?.raclModseq ?? 0,
    recentUid: Math.min(known?.recentUid ?? lastUid, lastUid),
    recentTime: known?.recentTime ?? 0,
    lastAppend: known?.lastAppend ?? 0,
    pop3LastLogin: known?.pop3LastLogin ?? 0,
    pop3ShowAfter: known?.pop3ShowAfter ?? 0,
    options: ignoreMetadata ? "" : (file?.options ?? known?.options ?? ""),
    flagNames: ignoreMetadata ? [] : mergedFlags(known?.flagNames ?? [], file?.flagNames ?? []),
    cacheGeneration: generation,
    cacheEnd: Math.max(known?.cacheEnd ?? 0, directory.caches.get(generation) ?? 0),
  };
}

/** The rows of the checkpoint go with its table; names that came later keep their places where these are free. */
function mergedFlags(saved: readonly (string | null)[], later: readonly (string | null)[]): (string | null)[] {
  const length = Math.max(saved.length, later.length);
  return Array.from({ length }, (_, place) => saved[place] ?? later[place] ?? null);
}

/** Before the mailboxes, so that each adds its use. Without a checkpoint header files tell the roots, but no limits. */
async function restoreQuotas(
  tools: Tools,
  { everything }: RebuildOptions,
  checkpoint: Checkpoints,
  found: readonly Found[],
): Promise<void> {
  const quotas = new Map<MboxName, RestoredQuota>();
  const none = { storageLimit: null, messageLimit: null, annotLimit: null, folderLimit: null };
  for (const { file } of found) if (file?.quotaRoot) quotas.set(file.quotaRoot, { root: file.quotaRoot, ...none });
  const limited = new Set<MboxName>();
  for (const row of checkpoint.table("quotas")) {
    const root = nameOf(row["root"] as NameKey);
    if ((!everything && !quotas.has(root)) || limited.has(root)) continue;
    limited.add(root);
    quotas.set(root, {
      root,
      storageLimit: row["storage_limit"] as number | null,
      messageLimit: row["message_limit"] as number | null,
      annotLimit: row["annot_limit"] as number | null,
      folderLimit: row["folder_limit"] as number | null,
    });
  }
  const all = [...quotas.values()];
  for (let at = 0; at < all.length; at += ROWS_A_REQUEST) {
    await tools.writer.ask("maintenance.restore-quotas", { quotas: all.slice(at, at + ROWS_A_REQUEST) });
  }
}

async function restoreTables(tools: Tools, checkpoint: Checkpoints): Promise<void> {
  let entries: ListEntry[] = [];
  const flushEntries = async (): Promise<void> => {
    if (entries.length > 0) await tools.writer.ask("maintenance.restore-entries", { entries });
    entries = [];
  };
  for (const { entry } of checkpoint.mailboxes()) {
    if (hasMessages(entry) || (entry.mbox !== undefined && !isTombstone(entry))) continue;
    entries.push({ ...entry, mbox: undefined });
    if (entries.length >= ROWS_A_REQUEST) await flushEntries();
  }
  await flushEntries();
  await restoreOwners(tools, checkpoint);
  for (const table of ["annotations", "subscriptions", "seen"] as const) await restoreTable(tools, checkpoint, table);
}

async function restoreOwners(tools: Tools, checkpoint: Checkpoints): Promise<void> {
  const owners: RestoredOwner[] = [];
  for (const row of checkpoint.table("owners")) {
    const modseq = (row["modseq"] as number) + MODSEQ_GAP;
    owners.push({ name: row["name"] as string, modseq, uidValidity: row["uidvalidity"] as number });
  }
  for (let at = 0; at < owners.length; at += ROWS_A_REQUEST) {
    await tools.writer.ask("maintenance.restore-owners", { owners: owners.slice(at, at + ROWS_A_REQUEST) });
  }
}

async function restoreTable(tools: Tools, checkpoint: Checkpoints, table: RestorableTable): Promise<void> {
  let rows: Record<string, unknown>[] = [];
  const flush = async (): Promise<void> => {
    if (rows.length > 0) await tools.writer.ask("maintenance.restore-rows", { table, rows });
    rows = [];
  };
  for (const row of checkpoint.table(table)) {
    const plain = Object.entries(row).map(([column, value]) => [
      column,
      value instanceof Uint8Array ? { b64: Buffer.from(value).toString("base64") } : value,
    ]);
    rows.push(Object.fromEntries(plain));
    if (rows.length >= ROWS_A_REQUEST) await flush();
  }
  await flush();
}
