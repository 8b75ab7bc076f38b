/** Giving a mailbox its special uses: CREATE (USE ...), and SETMETADATA of /private/specialuse (RFC 6154 §4). */
import type { MboxName } from "../../formats/ids.ts";
import { Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { canonicalUses, splitUses } from "./special-use.ts";
import { ownedEntries } from "./tree.ts";
import { type MailboxVerb, requireEntry, type VerbContext } from "./verb.ts";

export interface SetSpecialUseArguments {
  readonly name: MboxName;
  /** In any case; empty takes the uses away. */
  readonly uses: readonly string[];
}

/** Uses are the owner's own: nobody else sets them, and they are seen by nobody else. */
export const setSpecialUse: MailboxVerb<SetSpecialUseArguments, void> = {
  name: "mailboxes.set-special-use",
  run(context, { name, uses }) {
    const { tx, access } = context;
    const entry = requireEntry(context, name, Right.lookup);
    if (!access.isOwner(name)) refuse("permissionDenied");
    const specialUse = freeUses(context, name, uses).join(" ");
    if (specialUse === entry.specialUse) return;
    tx.putEntry({ ...entry, specialUse, folderModseq: tx.nextFolderModseq(name), mtime: tx.now });
  },
};

/**
 * The uses in canonical spelling, if the owner of `name` has no other mailbox with one of them.
 * @throws MailError badSpecialUse, specialUseConflict; a shared mailbox has no owner to use it
 */
export function freeUses(context: VerbContext, name: MboxName, wanted: readonly string[]): string[] {
  const uses = canonicalUses(wanted, context.rules.specialUses);
  if (uses.length === 0) return uses;
  const owner = context.access.ownerOf(name);
  if (owner === undefined) refuse("specialUseConflict");
  for (const entry of ownedEntries(context, owner)) {
    if (entry.name !== name && splitUses(entry.specialUse).some((use) => uses.includes(use)))
      refuse("specialUseConflict");
  }
  return uses;
}
