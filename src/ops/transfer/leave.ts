/** A tree has been published by another shard: its own one lets go of it, at once in the list, and row by row in slices. Its files stay. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { type ListEntry, removeSubscriptionsOfUser, type Tx } from "../../store/index.ts";
import { readHeader } from "../../store/mailbox-header.ts";
import { readQuotas } from "../../store/quota-row.ts";
import { refuse } from "../errors.ts";
import { bury } from "../mailboxes/tree.ts";
import { type MailboxVerb, type Sliced, startSlices, type VerbContext } from "../mailboxes/verb.ts";
import { isInboxName, ownerOfName } from "../names/index.ts";
import type { IdArgs } from "./begin.ts";
import { dropRecord, type MovedMailbox, type OutgoingRecord, readRecord, writeRecord } from "./records.ts";
import { removeAllRows } from "./rows.ts";
import { takeFrom } from "./take-from.ts";

/** May be asked again at any time; it goes on where it was. @throws MailError storeUnavailable when the other shard has not published */
export const leave: MailboxVerb<IdArgs, void> = {
  name: "transfer.leave",
  run: (context, { id }) => startSlices(leaveSlices(context, id)),
};

function* leaveSlices(context: VerbContext, id: string): Sliced<void> {
  const { tx } = context;
  const record = readRecord(tx.db, "transfer.out", id);
  if (!record) return;
  let { leaving } = record;
  if (record.state !== "leaving") {
    const there = readRecord(takeFrom(tx, record.shard).db, "transfer.in", id);
    if (there?.state !== "published") return refuse("storeUnavailable");
    leaving = buryTree(context, record.from);
    writeRecord(tx, { ...record, state: "leaving", frozen: [], leaving } satisfies OutgoingRecord);
    if (leaving.length > 0) yield;
  }
  yield* removeAllRows(tx, leaving);
  dropRecord(tx, "transfer.out", id);
}

/** Tombstones under all names; headers and quota roots go. Sessions that have one of the mailboxes selected find that it is gone. */
function buryTree(context: VerbContext, from: MboxName): MovedMailbox[] {
  const { tx } = context;
  const top = tx.entry(from);
  const entries = [...(top ? [top] : []), ...tx.children(from)];
  const leaving = entries.flatMap((entry) => {
    const box = entry.mbox === undefined ? undefined : dropHeader(tx, entry, entry.mbox);
    bury(context, entry, tx.nextFolderModseq(entry.name));
    return box ? [box] : [];
  });
  for (const { root } of readQuotas(tx.db, from)) tx.removeQuota(root);
  if (isInboxName(from)) removeSubscriptionsOfUser(tx.db, ownerOfName(from) as UserId);
  return leaving;
}

function dropHeader(tx: Tx, { name, uniqueId }: ListEntry, mbox: number): MovedMailbox | undefined {
  const header = readHeader(tx.db, mbox);
  if (!header) return undefined;
  const { sizeOctets, exists, annotOctets, owner } = header;
  const root = tx.quotaRoot(name);
  if (root !== undefined) tx.addQuotaUse(root, -sizeOctets, -exists, -annotOctets, -1);
  tx.changed(header);
  tx.forgetMailbox(mbox);
  tx.db.run("DELETE FROM mailbox WHERE mbox=?", mbox);
  // The other shard has them now.
  tx.db.run("DELETE FROM doomed WHERE uniqueid=? AND uid=0", uniqueId);
  return { mbox, owner, uniqueId };
}

/** A user has got another name: what other shards have under the old one. */
export const renameUser: MailboxVerb<{ readonly from: UserId; readonly to: UserId }, void> = {
  name: "transfer.rename-user",
  run({ tx, access }, { from, to }) {
    if (!access.caller.isAdmin) refuse("permissionDenied");
    tx.db.run("UPDATE OR REPLACE seen SET userid=? WHERE userid=?", to, from);
    tx.db.run("UPDATE OR REPLACE annotation SET userid=? WHERE userid=?", to, from);
  },
};
