/** The verbs of this folder. Their names go over the socket, so they stay. */
import type { IntentHandler, VerbFunction } from "../../store/index.ts";
import type { MailboxRules } from "../mailboxes/index.ts";
import { type MailboxVerb, verbFunction } from "../mailboxes/verb.ts";
import { abort, begin, ownInbox, stay, unwritten } from "./begin.ts";
import { listRecords } from "./list-records.ts";
import { clear, fetchTree, settle, takeBack, thaw } from "./fetch.ts";
import { leave, renameUser } from "./leave.ts";
import { moved, release, take } from "./move.ts";
import type { IncomingRecord } from "./records.ts";

/** Those that move messages. */
export const transferMessageVerbs = {
  "transfer.moved": moved,
  "transfer.release": release,
  "transfer.take": take,
};

/** Those that move trees of mailboxes. */
export const transferTreeVerbs = {
  "transfer.abort": abort,
  "transfer.begin": begin,
  "transfer.clear": clear,
  "transfer.fetch": fetchTree,
  "transfer.leave": leave,
  "transfer.list": listRecords,
  "transfer.own-inbox": ownInbox,
  "transfer.rename-user": renameUser,
  "transfer.settle": settle,
  "transfer.stay": stay,
  "transfer.thaw": thaw,
  "transfer.unwritten": unwritten,
};

export function addTransferVerbs(table: Map<string, VerbFunction>, rules: MailboxRules): void {
  const add = <A, R>(verb: MailboxVerb<A, R>): void => void table.set(verb.name, verbFunction(verb, rules));
  add(abort);
  add(begin);
  add(clear);
  add(fetchTree);
  add(leave);
  add(renameUser);
  add(stay);
  add(thaw);
  // These only look.
  for (const verb of [listRecords, ownInbox, settle, unwritten] as const)
    table.set(
      verb.name,
      Object.assign(verbFunction(verb as MailboxVerb<unknown, unknown>, rules), { repeatable: () => true }),
    );
}

/** What a start finds: only rows that were being copied are dealt with here, all else needs the other shard (courier.ts). */
export const transferIntents: ReadonlyMap<string, IntentHandler> = new Map<string, IntentHandler>([
  ["transfer.move", () => "keep"],
  ["transfer.out", () => "keep"],
  [
    "transfer.in",
    (tx, args) => {
      const record = args as IncomingRecord;
      if (record.state === "copying") takeBack(tx, record);
      return "keep";
    },
  ],
]);
