/** CREATE: RFC 3501 §6.3.3, with RFC 6154 §3 (USE) and RFC 4466 §2.3 (parameters). */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { hasLegacyDirectory, isIntermediate, isReserved, legacyDirectory, type ListEntry } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import { isValidNewName } from "../names/index.ts";
import { requireQuota } from "../quota/index.ts";
import { auditLine } from "./audit.ts";
import { inheritedAcl, placeOf, refuseTaken, requirePlace } from "./place.ts";
import { freeUses } from "./set-special-use.ts";
import { type LocalEntry, type MailboxVerb, requireLocal, type VerbContext } from "./verb.ts";

export interface CreateArguments {
  readonly name: MboxName;
  /** Administrators only. */
  readonly partition?: string | undefined;
  /** A word of `mailboxTypes`; email without it. */
  readonly type?: string | undefined;
  /** `\Sent` and so on. */
  readonly specialUse?: readonly string[] | undefined;
  /** The server makes it for its owner: autocreate, Sieve's fileinto :create. Rights are not asked for. */
  readonly byServer?: boolean | undefined;
}

export interface Created {
  readonly name: MboxName;
  readonly uniqueId: UniqueId;
  readonly uidValidity: number;
}

/** Cyrus's names of mailbox types, and their letters. */
export const mailboxTypes: ReadonlyMap<string, string> = new Map([
  ["email", "e"],
  ["netnews", "n"],
  ["collection", "b"],
  ["calendar", "c"],
  ["addressbook", "a"],
  ["jmapsubmission", "s"],
  ["jmappushsubscription", "p"],
  ["sieve", "f"],
]);

/** New mailboxes' options: POP3 names messages by uidvalidity and uid. */
const NEW_OPTIONS = "P";

export const createMailbox: MailboxVerb<CreateArguments, Created> = {
  name: "mailboxes.create",
  run(context, args) {
    const { tx, access, rules } = context;
    const { name } = args;
    if (!isValidNewName(name, rules.names)) refuse("badName");
    const place = placeOf(context, name);
    const existing = tx.entry(name);
    if (existing && isReserved(existing)) refuse("mailboxReserved");
    const isTaken = existing !== undefined && !isIntermediate(existing);
    if (isTaken) refuseTaken(context, existing);
    if (!args.byServer) requirePlace(context, name, place);
    const isAdmin = args.byServer || access.isAdminOf(name);
    if (args.partition !== undefined && !isAdmin) refuse("permissionDenied");
    if (args.partition !== undefined && !rules.partitions.has(args.partition)) refuse("badPartition");
    const type = mailboxTypes.get((args.type ?? "email").toLowerCase()) ?? refuse("badMailboxType");
    const uses = freeUses(context, name, args.specialUse ?? []);
    requireFolders(context, name, place.missing.length + 1);

    let parent = place.ancestor;
    for (const missing of place.missing) {
      parent = make(context, { name: missing, parent, partition: args.partition, type: "e", uses: "" });
    }
    const made = make(context, { name, parent, partition: args.partition, type, uses: uses.join(" ") });
    return { name, uniqueId: made.uniqueId, uidValidity: made.uidValidity };
  },
};

/** @throws MailError overQuota */
function requireFolders({ tx }: VerbContext, name: MboxName, folders: number): void {
  const root = tx.quotaRoot(name);
  if (root !== undefined) requireQuota(tx.quota(root), { folders });
}

interface NewEntry {
  readonly name: MboxName;
  readonly parent: ListEntry | undefined;
  readonly partition: string | undefined;
  readonly type: string;
  readonly uses: string;
}

/** Parent and child lie in the same layout, or tools that walk directories lose the child. */
function hasDirectoryByName({ rules }: VerbContext, name: MboxName, parent: ListEntry | undefined): boolean {
  const isAsked = parent ? hasLegacyDirectory(parent) : rules.legacyDirectories === true;
  // What cannot be a directory lies by its identity. Whether it can does not depend on hash letters but at the top, where a few names are taken.
  return isAsked && legacyDirectory(name, { spool: false, full: false }) !== undefined;
}

function make(context: VerbContext, { name, parent, partition, type, uses }: NewEntry): LocalEntry {
  const { tx, rules } = context;
  const uniqueId = tx.newUniqueId();
  const uidValidity = tx.nextUidValidity(name);
  const modseq = tx.nextFolderModseq(name);
  const former = tx.anyEntry(name);
  const writer = tx.createMailbox({ name, uniqueId, uidValidity, createdModseq: modseq, options: NEW_OPTIONS });
  if (rules.initialFlags.length > 0) {
    writer.header.flagNames = rules.initialFlags;
    writer.touch();
  }
  const entry: ListEntry = {
    name,
    uniqueId,
    mbox: writer.header.mbox,
    type: type + (hasDirectoryByName(context, name, parent) ? "l" : ""),
    partition: partition ?? (parent?.partition || rules.choosePartition()),
    server: "",
    acl: former && isIntermediate(former) && former.acl !== "" ? former.acl : inheritedAcl(context, name, parent),
    uidValidity,
    createdModseq: modseq,
    folderModseq: modseq,
    mtime: tx.now,
    specialUse: uses,
    history: [],
  };
  tx.putEntry(entry);
  const root = tx.quotaRoot(name);
  if (root !== undefined) tx.addQuotaUse(root, 0, 0, 0, 1);
  context.audit(auditLine("create", { mailbox: name, uniqueid: uniqueId, uidvalidity: uidValidity }));
  return requireLocal(entry);
}
