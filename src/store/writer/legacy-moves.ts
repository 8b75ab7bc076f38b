/**
 * Mailboxes with legacy directories lie where their name says. When that changes, their message files are moved, behind the commit and in its order like
 * everything else with files (pending.ts, MoveSource). Cache and header file are found by identity, and stay.
 */
import { hasLegacyDirectory } from "../blobs/places.ts";
import type { ListEntry } from "../list-entry.ts";
import type { MessageBox } from "./append.ts";
import type { Tx } from "./tx.ts";

/** After the entry of a mailbox got another name. Does nothing for mailboxes whose directory does not follow it. */
export function directoryFollows(tx: Tx, old: ListEntry, moved: ListEntry): void {
  if (old.mbox === undefined || !hasLegacyDirectory(old)) return;
  callForMove(tx, old as MessageBox, tx.placeOf(old, 0), tx.placeOf(moved, 0));
}

/** Before the mailbox goes for good, or its partition's directory does: by name another mailbox may follow at once, so its files go by identity. */
export function leaveLegacyDirectory(tx: Tx, entry: ListEntry): void {
  if (entry.mbox === undefined || !hasLegacyDirectory(entry)) return;
  callForMove(tx, entry as MessageBox, tx.placeOf(entry, 0), entry.partition);
}

/** After the entry of a mailbox names another partition, to which its files were called by identity. */
export function enterLegacyDirectory(tx: Tx, entry: ListEntry): void {
  if (entry.mbox === undefined || !hasLegacyDirectory(entry)) return;
  callForMove(tx, entry as MessageBox, entry.partition, tx.placeOf(entry, 0));
}

function callForMove(tx: Tx, { mbox, uniqueId }: MessageBox, from: string, to: string): void {
  if (from === to) return;
  tx.addPending({
    mbox,
    uid: 0,
    uniqueId,
    partition: to,
    sizeOctets: 0,
    guid: Buffer.alloc(0),
    source: { moved: from },
    octets: undefined,
    cache: undefined,
    cacheOffset: 0,
    cacheGeneration: 0,
  });
}
