import type { MboxName } from "../../formats/ids.ts";
import { type IntentHandler, keepAnswers, type VerbFunction } from "../../store/index.ts";
import { autocreate } from "./autocreate.ts";
import { createMailbox } from "./create.ts";
import { deleteMailbox, deleteUser } from "./delete.ts";
import { forgetUser } from "./forget-user.ts";
import { TREE_INTENT, type TreeWork } from "./intent.ts";
import { renameMailbox, renameTree } from "./rename.ts";
import type { MailboxRules } from "./rules.ts";
import { setAcl } from "./set-acl.ts";
import { removeQuotaRoot, setQuota } from "./set-quota.ts";
import { setSpecialUse } from "./set-special-use.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";
import { contextOf, type MailboxVerb, verbFunction } from "./verb.ts";

/** The verbs of this folder. Their names go over the socket, so they stay. */
export const mailboxVerbs = {
  autocreate,
  create: createMailbox,
  delete: deleteMailbox,
  forgetUser,
  rename: renameMailbox,
  setAcl,
  setSpecialUse,
  setQuota,
  removeQuotaRoot,
  subscribe,
  unsubscribe,
} as const;

/** As the writer wants them. */
export function mailboxVerbFunctions(rules: MailboxRules): Map<string, VerbFunction> {
  const functions = new Map<string, VerbFunction>();
  const add = <A, R>(verb: MailboxVerb<A, R>): void => void functions.set(verb.name, verbFunction(verb, rules));
  add(autocreate);
  add(createMailbox);
  add(deleteMailbox);
  add(forgetUser);
  add(renameMailbox);
  add(setAcl);
  add(setSpecialUse);
  add(setQuota);
  add(removeQuotaRoot);
  add(subscribe);
  add(unsubscribe);
  return functions;
}

/** Recovery of work on trees that a crash cut short. */
export function mailboxIntents(rules: MailboxRules): Map<string, IntentHandler> {
  const finish: IntentHandler = (tx, args) => {
    const work = args as TreeWork;
    const context = contextOf(tx, work.caller, rules);
    const slices =
      work.kind === "rename"
        ? renameTree(context, work.from as MboxName, work.to as MboxName)
        : deleteUser(context, work.inbox as MboxName, work.forGood);
    let step = slices.next();
    while (!step.done) step = slices.next();
    // Whoever asked will ask again, and finds that it is done: of a tree, what was left of it to rename.
    const { asking } = work;
    if (asking !== undefined && asking.id !== 0)
      keepAnswers(tx.db, asking.client, 0, [[asking.id, { result: step.value }]], tx.now);
  };
  return new Map([[TREE_INTENT, finish]]);
}

export type { AutocreateArguments } from "./autocreate.ts";
export { type AutocreateRules, autocreateRules } from "./autocreate-rules.ts";
export { type CreateArguments, type Created, mailboxTypes } from "./create.ts";
export { type DeleteArguments, MAX_DELETED_COPIES } from "./delete.ts";
export { MailboxLister } from "./list.ts";
export { type ListItem, type ListRequest } from "./list-request.ts";
export { mailboxAcl, mailboxListRights, myRights, quotaOf, quotaRootOf, readableEntry } from "./read.ts";
export type { RenameArguments, Renamed } from "./rename.ts";
export { type MailboxOptions, type MailboxRules, mailboxRules, type RuleHooks } from "./rules.ts";
export type { SetAclArguments } from "./set-acl.ts";
export type { SetQuotaArguments } from "./set-quota.ts";
export type { SetSpecialUseArguments } from "./set-special-use.ts";
export { canonicalUses, defaultSpecialUses, type SpecialUses, specialUses, splitUses } from "./special-use.ts";
export { type MailboxStatus, mailboxStatus, statusOf, type StatusWanted } from "./status.ts";
export type { SubscribeArguments } from "./subscribe.ts";
export type { MailboxVerb, Sliced, VerbContext } from "./verb.ts";
