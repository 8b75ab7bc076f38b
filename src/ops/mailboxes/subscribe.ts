/** SUBSCRIBE and UNSUBSCRIBE: RFC 3501 §6.3.6, §6.3.7. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { addSubscription, removeSubscription, type Tx } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { inboxOf, isPossibleName, type NameSettings } from "../names/index.ts";
import type { MailboxVerb } from "./verb.ts";

export interface SubscribeArguments {
  readonly name: MboxName;
}

export const subscribe: MailboxVerb<SubscribeArguments, void> = {
  name: "mailboxes.subscribe",
  run({ tx, access, caller, rules }, { name }) {
    const userId = caller.userId ?? refuse("permissionDenied");
    const entry = tx.entryAnywhere(name);
    const isVisible = entry !== undefined && (access.rights(name, entry.acl) & Right.lookup) !== 0;
    if (access.isHidden(name)) refuse("mailboxNonexistent");
    if (!isVisible && !(rules.allowAllSubscribe && isPossibleName(name))) refuse("mailboxNonexistent");
    requireStaying(tx, userId, rules.names);
    addSubscription(tx.db, userId, name);
  },
};

/** Succeeds whether there was a subscription or not: a client that sees a stale one wants to be rid of it. */
export const unsubscribe: MailboxVerb<SubscribeArguments, void> = {
  name: "mailboxes.unsubscribe",
  run({ tx, caller, rules }, { name }) {
    const userId = caller.userId ?? refuse("permissionDenied");
    requireStaying(tx, userId, rules.names);
    removeSubscription(tx.db, userId, name);
  },
};

/** While a user moves to another shard, subscriptions wait: they are copied there. @throws Busy */
function requireStaying(tx: Tx, userId: UserId, names: NameSettings): void {
  const inbox = inboxOf(userId, names);
  if (inbox !== undefined) tx.requireThawed(tx.entry(inbox)?.mbox);
}
