/** From a name as a client writes it to a mailbox that the session may use. */
import type { MboxName } from "../../../formats/ids.ts";
import { type CallerMail, refuse, requireRights, Right, type Rights } from "../../../ops/index.ts";
import { ancestorNames, isValidNewName, type Namespace } from "../../../ops/names/index.ts";
import type { ListEntry, MailboxHeader, MessageBox, Snapshot } from "../../../store/index.ts";

export interface FoundMailbox {
  readonly entry: MessageBox;
  readonly header: MailboxHeader;
  readonly rights: Rights;
}

/** @throws MailError mailboxNonexistent, permissionDenied, mailboxMoved, mailboxReserved */
export function findMailbox(
  snapshot: Snapshot,
  mail: CallerMail,
  name: MboxName | undefined,
  wanted: Rights,
): FoundMailbox {
  const entry = name === undefined ? undefined : snapshot.entry(name);
  if (entry === undefined) return refuse("mailboxNonexistent");
  const rights = requireRights(mail.access, entry, wanted);
  const header = entry.mbox === undefined ? undefined : snapshot.header(entry.mbox);
  if (header === undefined) return refuseUnopenable(entry);
  return { entry: entry as MessageBox, header, rights };
}

function refuseUnopenable(entry: ListEntry): never {
  const flags = entry.type.slice(1);
  if (flags.includes("r")) refuse("mailboxMoved", entry.server);
  if (flags.includes("z") || flags.includes("m")) refuse("mailboxReserved");
  return refuse("mailboxNonexistent");
}

/** Whether APPEND and COPY to a mailbox that does not exist are answered with TRYCREATE: the user could make it (RFC 3501 §6.3.11). */
export function mayCreate(snapshot: Snapshot, mail: CallerMail, names: Namespace, external: string): boolean {
  const name = names.toInternal(external);
  if (name === undefined || !isValidNewName(name, names.settings) || snapshot.entry(name) !== undefined) return false;
  if (mail.access.isAdminOf(name)) return true;
  for (const ancestor of ancestorNames(name)) {
    const entry = snapshot.entry(ancestor);
    if (entry !== undefined) return (mail.access.rights(ancestor, entry.acl) & Right.createMailbox) !== 0;
  }
  return false;
}
