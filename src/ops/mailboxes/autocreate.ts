/**
 * Making a user's mailboxes at the first login, or delivery with `autocreate_post`: INBOX with its quota, folders with special uses and ACLs, and
 * subscriptions, as the `autocreate_` options say.
 */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { addSubscription, SHARED_SHARD, type Tx } from "../../store/index.ts";
import { Access, type Caller, entryRights, parseAcl, parseRights, printAcl, Right, withEntry } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { inboxOf, isPossibleName, isValidNewName, Namespace, ownerOfName } from "../names/index.ts";
import type { AutocreateRules } from "./autocreate-rules.ts";
import { createMailbox } from "./create.ts";
import { setQuota } from "./set-quota.ts";
import type { MailboxVerb, VerbContext } from "./verb.ts";

export interface AutocreateArguments {
  readonly userId: UserId;
  /** The user's groups, when a delivery asks. */
  readonly groups?: readonly string[] | undefined;
}

/** @returns whether an INBOX was made; false when there is one, or the user gets none */
export const autocreate: MailboxVerb<AutocreateArguments, boolean> = {
  name: "mailboxes.autocreate",
  run(context, { userId, groups = context.caller.groups }) {
    const { tx, caller, rules } = context;
    if (!caller.isAdmin && caller.userId !== userId) refuse("permissionDenied");
    const wanted = rules.autocreate;
    const inbox = inboxOf(userId, rules.names);
    if (wanted === undefined || inbox === undefined || tx.entry(inbox)) return false;
    const isListed = wanted.users.some(
      (user) => user === "anyone" || user === userId || (user.startsWith("group:") && groups.includes(user.slice(6))),
    );
    if (!isListed) return false;

    createMailbox.run(context, { name: inbox, byServer: true });
    addSubscription(tx.db, userId, inbox);
    setLimits(context, inbox, wanted);
    const space = new Namespace(rules.names, { userId, adminView: false });
    for (const folder of wanted.folders) makeFolder(context, folder, ownName(space, folder), wanted);
    for (const folder of wanted.subscribed) {
      const name = ownName(space, folder);
      if (name !== undefined && tx.entry(name)) addSubscription(tx.db, userId, name);
    }
    subscribeShared(context, { userId, groups, isAdmin: false, sessionId: caller.sessionId }, space, wanted);
    return true;
  },
};

/** A folder of the configuration is named as below INBOX, whatever namespace users see. */
function ownName(space: Namespace, folder: string): MboxName | undefined {
  const { separator, altNamespace } = space.settings;
  return space.toInternal(altNamespace ? folder : `INBOX${separator}${folder}`);
}

function setLimits(context: VerbContext, inbox: MboxName, { quotaKib, quotaMessages }: AutocreateRules): void {
  if (quotaKib === 0 && quotaMessages === 0) return;
  const limits = {
    STORAGE: quotaKib || undefined,
    MESSAGE: quotaMessages || undefined,
    "X-ANNOTATION-STORAGE": undefined,
    "X-NUM-FOLDERS": undefined,
  };
  // The user has no right to set a quota; the administrator's configuration has.
  const access = new Access(
    { ...context.caller, isAdmin: true, userId: undefined },
    context.rules.acl,
    context.rules.names,
  );
  setQuota.run({ ...context, access }, { root: inbox, limits });
}

/** A folder that cannot be made is left out: a login must not fail for a slip in the configuration. */
function makeFolder(context: VerbContext, folder: string, name: MboxName | undefined, wanted: AutocreateRules): void {
  const { tx, rules } = context;
  if (name === undefined || !isValidNewName(name, rules.names) || tx.entry(name)) return;
  const flag = wanted.specialUses.get(folder);
  const use =
    flag === undefined ? undefined : rules.specialUses.known.get(`\\${flag.replace(/^\\/, "")}`.toLowerCase());
  createMailbox.run(context, { name, byServer: true, specialUse: use === undefined ? [] : [use] });
  const entry = tx.entry(name)!;
  let entries = parseAcl(entry.acl, rules.acl.legacy);
  for (const { folder: place, identifier, rights: letters } of wanted.acls) {
    const rights = parseRights(letters, rules.acl.legacy);
    if (place !== folder || typeof rights === "string") continue;
    entries = withEntry(entries, identifier, entryRights(entries, identifier) | rights);
  }
  const acl = printAcl(entries, rules.acl.legacy);
  if (acl !== entry.acl) tx.putEntry({ ...entry, acl });
}

/** Shared mailboxes that the new user may look up: the ones that are named, or all. */
function subscribeShared({ tx, rules }: VerbContext, user: Caller, space: Namespace, wanted: AutocreateRules): void {
  const access = new Access(user, rules.acl, rules.names);
  const identifiers = ["anyone", user.userId!, ...user.groups.map((group) => `group:${group}`)];
  const names = wanted.allSharedSubscribed
    ? identifiers.flatMap((identifier) => sharedNames(tx, identifier))
    : wanted.sharedSubscribed.flatMap((name) => sharedName(space, name) ?? []);
  for (const name of new Set(names)) {
    const entry = tx.entryAnywhere(name);
    const isShared = ownerOfName(name, rules.names.deletedPrefix) === undefined && space.groupOf(name) === "shared";
    if (entry && isShared && access.rights(name, entry.acl) & Right.lookup) addSubscription(tx.db, user.userId!, name);
  }
}

/** The names of others' mailboxes that may be among them are passed over. */
function sharedNames(tx: Tx, identifier: string): MboxName[] {
  return (tx.shard === SHARED_SHARD ? tx : tx.foreign(SHARED_SHARD)).namesByRightsIdentifier(identifier);
}

/** Shared mailboxes are named without a prefix. */
function sharedName(space: Namespace, name: string): MboxName | undefined {
  const { altNamespace, sharedPrefix, separator } = space.settings;
  const internal = space.toInternal(altNamespace ? sharedPrefix + separator + name : name);
  return internal !== undefined && isPossibleName(internal) ? internal : undefined;
}
