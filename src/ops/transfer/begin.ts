/** A tree is to go to another shard: its own shard checks that the caller may rename it away, and keeps everybody from changing it. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { isReserved, shardOfName } from "../../store/index.ts";
import { requireSource, requireUserMove } from "../mailboxes/rename.ts";
import type { MailboxVerb, VerbContext } from "../mailboxes/verb.ts";
import { parentName } from "../names/index.ts";
import { refuse } from "../errors.ts";
import { dropRecord, type OutgoingRecord, readRecord, writeRecord } from "./records.ts";

export interface BeginArgs {
  readonly id: string;
  readonly from: MboxName;
  readonly to: MboxName;
}

export const begin: MailboxVerb<BeginArgs, void> = {
  name: "transfer.begin",
  run(context, { id, from, to }) {
    const { tx, caller } = context;
    if (readRecord(tx.db, "transfer.out", id)) return;
    const entry = requireSource(context, from);
    requireUserMove(context, from, to);
    requireNoTreeWork(context, from);
    const frozen: number[] = [];
    for (const one of [entry, ...tx.children(from)]) {
      const { mbox, type } = one;
      // Directories by name would have to move to the new name's place.
      if (type.includes("l", 1)) refuse("notSupported");
      // The place of a tree that is being renamed: what is still below it must stay free, or recovery could not finish that.
      if (isReserved(one)) refuse("mailboxReserved");
      if (mbox === undefined) continue;
      // Whoever holds one of them has to finish first.
      tx.mailbox(mbox);
      frozen.push(mbox);
    }
    const shard = shardOfName(to, tx.layout);
    writeRecord(tx, {
      kind: "transfer.out",
      id,
      at: tx.now,
      from,
      to,
      shard,
      caller,
      state: "open",
      frozen,
      leaving: [],
    });
  },
};

/** @throws Busy, or MailError mailboxReserved, while something happens to a tree that this one is in */
function requireNoTreeWork({ tx }: VerbContext, from: MboxName): void {
  for (let at = parentName(from); at !== undefined; at = parentName(at)) {
    const above = tx.entry(at);
    if (above?.mbox !== undefined) tx.mailbox(above.mbox);
    else if (above && isReserved(above)) refuse("mailboxReserved");
  }
}

export interface IdArgs {
  readonly id: string;
  /** Says which shard is asked. */
  readonly shard: number;
}

/** How many files of the tree its own shard has yet to write. The other one publishes when there are none: only the shard that has a row writes its file. */
export const unwritten: MailboxVerb<IdArgs, number> = {
  name: "transfer.unwritten",
  run({ tx }, { id }) {
    const record = readRecord(tx.db, "transfer.out", id) ?? refuse("storeUnavailable");
    return unwrittenFiles(tx.db, record);
  },
};

export function unwrittenFiles(db: VerbContext["tx"]["db"], { frozen }: Pick<OutgoingRecord, "frozen">): number {
  const boxes = JSON.stringify(frozen);
  const count = (table: string): number =>
    db.get(`SELECT count(*) FROM ${table} WHERE mbox IN (SELECT value FROM json_each(?))`, boxes)![0] as number;
  return count("pending") + count("header_due");
}

/** From here on the other shard may not publish. Whether it has done so is to be asked then. */
export const abort: MailboxVerb<IdArgs, void> = {
  name: "transfer.abort",
  run({ tx }, { id }) {
    const record = readRecord(tx.db, "transfer.out", id);
    if (record?.state === "open") writeRecord(tx, { ...record, state: "aborting" });
  },
};

/** The other shard has said, after the abort, that it has nothing of the tree: it stays where it is. */
export const stay: MailboxVerb<IdArgs, void> = {
  name: "transfer.stay",
  run({ tx }, { id }) {
    if (readRecord(tx.db, "transfer.out", id)?.state === "aborting") dropRecord(tx, "transfer.out", id);
  },
};

/** The identity of the caller's own INBOX. */
export const ownInbox: MailboxVerb<{ readonly name: MboxName }, UniqueId> = {
  name: "transfer.own-inbox",
  run(context, { name }) {
    const entry = requireSource(context, name);
    return context.access.isOwner(name) ? entry.uniqueId : refuse("permissionDenied");
  },
};
