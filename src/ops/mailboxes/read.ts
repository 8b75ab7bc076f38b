/** The reading commands about one mailbox: GETACL, MYRIGHTS, LISTRIGHTS, GETQUOTA, GETQUOTAROOT. */
import type { MboxName } from "../../formats/ids.ts";
import type { ListEntry, QuotaRow, Snapshot } from "../../store/index.ts";
import {
  type Access,
  canonicalIdentifier,
  type ListRights,
  listRights,
  parseAcl,
  printRights,
  Right,
  type Rights,
} from "../acl/index.ts";
import { refuse } from "../errors.ts";
import type { MailboxRules } from "./rules.ts";

/**
 * The entry, for somebody with all of `wanted`.
 * @throws MailError mailboxNonexistent, also to those who may not look it up; permissionDenied
 */
export function readableEntry(snapshot: Snapshot, access: Access, name: MboxName, wanted: Rights): ListEntry {
  const entry = snapshot.entry(name) ?? refuse("mailboxNonexistent");
  if (access.isHidden(name)) refuse("mailboxNonexistent");
  const rights = access.rights(name, entry.acl);
  if ((rights & wanted) !== wanted) refuse(rights & Right.lookup ? "permissionDenied" : "mailboxNonexistent");
  return entry;
}

/** GETACL (RFC 4314 §3.3): identifiers with their letters, in stored order. */
export function mailboxAcl(
  snapshot: Snapshot,
  access: Access,
  name: MboxName,
): { readonly identifier: string; readonly rights: string }[] {
  const { acl } = readableEntry(snapshot, access, name, Right.admin);
  const { legacy } = access.settings;
  return parseAcl(acl, legacy).map(({ identifier, rights }) => ({ identifier, rights: printRights(rights, legacy) }));
}

/** One of these is needed to ask for one's rights (RFC 4314 §4). */
const asksRights = Right.lookup | Right.read | Right.insert | Right.createMailbox | Right.deleteMailbox | Right.admin;

/** MYRIGHTS (RFC 4314 §3.5): letters. */
export function myRights(snapshot: Snapshot, access: Access, name: MboxName): string {
  const entry = readableEntry(snapshot, access, name, 0);
  const rights = access.rights(name, entry.acl);
  if ((rights & asksRights) === 0) refuse("mailboxNonexistent");
  return printRights(rights, access.settings.legacy);
}

/** LISTRIGHTS (RFC 4314 §3.4), for those who may change the ACL. */
export function mailboxListRights(
  snapshot: Snapshot,
  access: Access,
  name: MboxName,
  identifier: string,
  rules: Pick<MailboxRules, "toLower" | "names">,
): ListRights {
  readableEntry(snapshot, access, name, Right.admin);
  const defaultDomain = rules.names.virtualDomains === "off" ? undefined : rules.names.defaultDomain;
  const canonical = canonicalIdentifier(identifier, { toLower: rules.toLower, defaultDomain });
  return listRights({ name, owner: access.ownerOf(name) }, canonical, access.settings);
}

/** GETQUOTA (RFC 2087 §4.2), for administrators. @throws MailError permissionDenied, quotaRootNonexistent */
export function quotaOf(snapshot: Snapshot, access: Access, root: MboxName): QuotaRow {
  if (!access.isAdminOf(root)) refuse("permissionDenied");
  return snapshot.quota(root) ?? refuse("quotaRootNonexistent");
}

/** GETQUOTAROOT (RFC 2087 §4.3): the nearest root of a mailbox that the caller may read; undefined when there is none. */
export function quotaRootOf(snapshot: Snapshot, access: Access, name: MboxName): QuotaRow | undefined {
  readableEntry(snapshot, access, name, access.isAdminOf(name) ? Right.lookup : Right.read);
  const root = snapshot.quotaRoot(name);
  return root === undefined ? undefined : snapshot.quota(root);
}
