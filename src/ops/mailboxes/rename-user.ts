/** What changes with a user's name besides the names of mailboxes. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  addSubscription,
  ownerOf as storedOwner,
  readSubscriptions,
  removeSubscriptionsOfUser,
  type Tx,
} from "../../store/index.ts";
import { entryRights, parseAcl, printAcl, withEntry } from "../acl/index.ts";
import { isBelow, ownerOfName } from "../names/index.ts";
import type { VerbContext } from "./verb.ts";

/** The user's own entries get the new name, at their place. Should there be entries of the new name already, they become one. */
export function renamedUserAcl({ rules }: VerbContext, acl: string, from: MboxName, to: MboxName): string {
  const { legacy } = rules.acl;
  const oldUser = ownerOfName(from);
  const newUser = ownerOfName(to);
  let entries = parseAcl(acl, legacy);
  for (const sign of ["", "-"]) {
    const oldName = `${sign}${oldUser}`;
    const newName = `${sign}${newUser}`;
    const rights = entryRights(entries, oldName);
    if (rights === 0) continue;
    const both = rights | entryRights(entries, newName);
    entries = withEntry(entries, newName, 0).map((entry) =>
      entry.identifier === oldName ? { identifier: newName, rights: both } : entry,
    );
  }
  return printAcl(entries, legacy);
}

/** What was given out under the old name is not given out again under the new one. */
export function carryCounters(tx: Tx, from: MboxName, to: MboxName): void {
  const source = tx.owner(storedOwner(from, tx.settings.deletedPrefix));
  const target = tx.owner(storedOwner(to, tx.settings.deletedPrefix));
  target.uidValidity = Math.max(target.uidValidity, source.uidValidity);
  target.modseq = Math.max(target.modseq, source.modseq);
  tx.nextFolderModseq(to);
}

/** Subscriptions, seen state and private annotations. */
export function renameUserRows(tx: Tx, from: MboxName, to: MboxName, oldUser: UserId, newUser: UserId): void {
  for (const name of readSubscriptions(tx.db, oldUser)) {
    const isOwn = name === from || isBelow(name, from);
    addSubscription(tx.db, newUser, isOwn ? ((to + name.slice(from.length)) as MboxName) : name);
  }
  removeSubscriptionsOfUser(tx.db, oldUser);
  tx.db.run("UPDATE OR REPLACE seen SET userid=? WHERE userid=?", newUser, oldUser);
  tx.db.run("UPDATE OR REPLACE annotation SET userid=? WHERE userid=?", newUser, oldUser);
}
