/** RENAME INBOX: every message goes to another mailbox of the same owner, with its flags, in slices. No rights are asked for here. */
import { copyMessage, Flag, SYSTEM_FLAGS, type Tx, userFlagBits, type MessageBox } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import { namesOfUserBits } from "./flags.ts";

const SLICE_ROWS = 500;

export function* moveAllMessages(tx: Tx, fromMbox: number, toMbox: number): Generator<void, void, void> {
  const sliceRows = tx.slice(SLICE_ROWS);
  for (let from = 1; ; ) {
    const reading = tx.mailbox(fromMbox);
    const writing = tx.mailbox(toMbox);
    const source = messageBoxOf(tx, fromMbox);
    const target = messageBoxOf(tx, toMbox);
    const live: number[] = [];
    const all = [{ first: 1, last: reading.header.lastUid }];
    const progress = reading.walkHot(all, from, sliceRows, (block, index) => {
      if (live.length < sliceRows && (block.flags(index) & Flag.expunged) === 0) live.push(block.uid(index));
    });
    const next = live.length < sliceRows ? progress.next : live.at(-1)! + 1;
    for (const uid of live) {
      const hot = reading.hotRow(uid)!;
      const cold = reading.coldRow(uid)!;
      const names = namesOfUserBits(reading.header.flagNames, hot.user);
      const user = userFlagBits(tx, writing, names) ?? refuse("tooManyUserFlags");
      const at = writing.header.lastUid + 1;
      copyMessage(tx, source, { ...cold, guid: Buffer.from(cold.guid) }, target, at, {
        system: hot.flags & SYSTEM_FLAGS,
        user,
      });
    }
    reading.expunge(
      live.map((uid) => ({ first: uid, last: uid })),
      1,
      Number.MAX_SAFE_INTEGER,
      0,
      [],
    );
    if (next === undefined) return;
    // What comes meanwhile has higher uids.
    from = next;
    do yield;
    while (tx.isBusy(fromMbox) || tx.isBusy(toMbox));
  }
}

function messageBoxOf(tx: Tx, mbox: number): MessageBox {
  return tx.entryByUniqueId(tx.mailbox(mbox).header.uniqueId) as MessageBox;
}
