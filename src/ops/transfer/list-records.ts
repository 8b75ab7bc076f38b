import type { MailboxVerb } from "../mailboxes/verb.ts";
import { readRecords, type TransferRecord } from "./records.ts";

export interface ListArgs {
  readonly shard: number;
  readonly olderThanSeconds: number;
}

/** What a shard has written down and nobody has finished. */
export const listRecords: MailboxVerb<ListArgs, TransferRecord[]> = {
  name: "transfer.list",
  run({ tx }, { olderThanSeconds }) {
    const before = tx.now - olderThanSeconds + 1;
    return [
      ...readRecords(tx.db, "transfer.move", before),
      ...readRecords(tx.db, "transfer.out", before),
      ...readRecords(tx.db, "transfer.in", before),
    ];
  },
};
