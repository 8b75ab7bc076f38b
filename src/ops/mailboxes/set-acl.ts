/** SETACL and DELETEACL: RFC 4314 §3.1, §3.2. */
import type { MboxName } from "../../formats/ids.ts";
import {
  type AclChange,
  canonicalIdentifier,
  changedRights,
  entryRights,
  parseAcl,
  parseRights,
  printAcl,
  Right,
  withEntry,
} from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { auditLine } from "./audit.ts";
import { type MailboxVerb, requireEntry } from "./verb.ts";

export interface SetAclArguments {
  readonly name: MboxName;
  /** As the client wrote it. */
  readonly identifier: string;
  readonly change: AclChange;
  /** Letters; with "replace", "" removes the entry, as DELETEACL does. */
  readonly rights: string;
}

/** Entries of an ACL that gets no more of them: each is a row of the list's index, for each mailbox that has the ACL. */
export const MAX_ACL_ENTRIES = 1_000;
/**
 * Longest ACL that is made longer still. Each change writes it whole, in the one writer, and each mailbox
 * made below has it too, so that without an end one user could keep all others waiting and fill the disk past any quota.
 */
export const MAX_ACL_CHARACTERS = 65_536;

export const setAcl: MailboxVerb<SetAclArguments, void> = {
  name: "acl.set",
  run(context, { name, identifier: text, change, rights: letters }) {
    const { tx, access, rules } = context;
    const { legacy, implicitOwnerRights } = rules.acl;
    const entry = requireEntry(context, name, Right.admin);
    const isAdmin = access.isAdminOf(name);
    if (!isAdmin && !rules.allowSetAcl) refuse("permissionDenied");
    const defaultDomain = rules.names.virtualDomains === "off" ? undefined : rules.names.defaultDomain;
    const identifier = canonicalIdentifier(text, { toLower: rules.toLower, defaultDomain }) ?? refuse("badIdentifier");
    const rights = parseRights(letters, legacy);
    if (typeof rights === "string") refuse("badRights", rights);
    const entries = parseAcl(entry.acl, legacy);
    const old = entryRights(entries, identifier);
    const group = /^-?group:(.*)$/.exec(identifier)?.[1];
    // An entry for a group that is gone can still be removed.
    if (group !== undefined && old === 0 && rules.groupExists?.(group) === false) refuse("badIdentifier");
    if (!isAdmin && !rules.anyoneUserAcl && identifier === "anyone" && rights !== 0 && change !== "remove")
      refuse("permissionDenied");

    let wanted = changedRights(old, change, rights);
    const owner = access.ownerOf(name);
    if (identifier === owner) {
      // What owners always have is in their entry, too. An owner who wants to be without "a" is told; the rest is kept silently, as in Cyrus.
      if (!isAdmin && implicitOwnerRights & ~wanted & Right.admin) refuse("permissionDenied");
      wanted |= implicitOwnerRights;
    } else if (identifier === `-${owner}` && !isAdmin) wanted &= ~implicitOwnerRights;
    const changed = withEntry(entries, identifier, wanted);
    if (changed.length > Math.max(MAX_ACL_ENTRIES, entries.length)) refuse("notSupported");
    const acl = printAcl(changed, legacy);
    if (acl === entry.acl) return;
    if (acl.length > Math.max(MAX_ACL_CHARACTERS, entry.acl.length)) refuse("notSupported");
    const folderModseq = tx.nextFolderModseq(name);
    tx.putEntry({ ...entry, acl, folderModseq, mtime: tx.now });
    const writer = tx.mailbox(entry.mbox);
    writer.header.raclModseq = folderModseq;
    writer.touch();
    context.audit(
      auditLine("acl", {
        mailbox: name,
        uniqueid: entry.uniqueId,
        mbtype: entry.type,
        oldacl: entry.acl,
        acl,
        foldermodseq: folderModseq,
      }),
    );
  },
};
