/** All verbs, by name. */
import {
  type IntentHandler,
  type RefusalData,
  ShardAway,
  ShardClosed,
  type Tx,
  type VerbFunction,
} from "../store/index.ts";
import type { Caller } from "./acl/index.ts";
import { MailError } from "./errors.ts";
import { mailboxIntents, mailboxRules, mailboxVerbFunctions, type mailboxVerbs } from "./mailboxes/index.ts";
import { maintenanceVerbs } from "./maintenance/verbs.ts";
import { append } from "./messages/append.ts";
import { claimRecent } from "./messages/claim-recent.ts";
import { copy, move } from "./messages/copy.ts";
import { deliver } from "./messages/deliver.ts";
import { expunge } from "./messages/expunge.ts";
import { moveAllMessages } from "./messages/move-all.ts";
import { storeFlags } from "./messages/store-flags.ts";
import type { Rules } from "./rules.ts";
import { addTransferVerbs, transferIntents, transferMessageVerbs, type transferTreeVerbs } from "./transfer/verbs.ts";
import { type Verb, VerbContext } from "./verb.ts";

const messageVerbs = {
  "messages.append": append,
  "messages.claim-recent": claimRecent,
  "messages.copy": copy,
  "messages.deliver": deliver,
  "messages.expunge": expunge,
  "messages.move": move,
  "messages.store-flags": storeFlags,
  ...transferMessageVerbs,
};

export interface Verbs
  extends Readonly<typeof messageVerbs>,
    Readonly<typeof maintenanceVerbs>,
    Readonly<typeof transferTreeVerbs> {
  readonly "mailboxes.autocreate": typeof mailboxVerbs.autocreate;
  readonly "mailboxes.create": typeof mailboxVerbs.create;
  readonly "mailboxes.delete": typeof mailboxVerbs.delete;
  readonly "mailboxes.forget-user": typeof mailboxVerbs.forgetUser;
  readonly "mailboxes.rename": typeof mailboxVerbs.rename;
  readonly "mailboxes.set-special-use": typeof mailboxVerbs.setSpecialUse;
  readonly "mailboxes.subscribe": typeof mailboxVerbs.subscribe;
  readonly "mailboxes.unsubscribe": typeof mailboxVerbs.unsubscribe;
  readonly "acl.set": typeof mailboxVerbs.setAcl;
  readonly "quota.set": typeof mailboxVerbs.setQuota;
  readonly "quota.remove": typeof mailboxVerbs.removeQuotaRoot;
}
export type VerbName = keyof Verbs;

/** The table as the group engine wants it. */
export function verbTable(rules: Rules): ReadonlyMap<string, VerbFunction> {
  const forMailboxes = mailboxRules(rules.config, { moveAllMessages });
  const table = mailboxVerbFunctions(forMailboxes);
  addTransferVerbs(table, forMailboxes);
  for (const [name, verb] of Object.entries({ ...messageVerbs, ...maintenanceVerbs })) {
    const { run, repeatable } = verb as Verb<unknown, unknown>;
    const call = (tx: Tx, args: unknown, octets: readonly Uint8Array[], caller: unknown): unknown =>
      run(new VerbContext(tx, rules, caller as Caller), args, octets);
    table.set(name, repeatable ? Object.assign(call, { repeatable }) : call);
  }
  return table;
}

/** Work in slices that recovery finishes, by kind. */
export function intentTable(rules: Rules): ReadonlyMap<string, IntentHandler> {
  return new Map([...mailboxIntents(mailboxRules(rules.config, { moveAllMessages })), ...transferIntents]);
}

/** A refusal as data; undefined for anything that is a bug. */
export function refusalOf(thrown: unknown): RefusalData | undefined {
  if (thrown instanceof MailError) return { code: thrown.code, detail: thrown.detail };
  // The verb needs to know something of another shard.
  if (thrown instanceof ShardClosed || thrown instanceof ShardAway) return { code: "storeUnavailable" };
  return undefined;
}
