/** What the verbs of this folder share. They are for administrators; programs are. */
import type { UniqueId } from "../../formats/ids.ts";
import type { MessageBox } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import type { VerbContext } from "../verb.ts";

/** Rows that one slice looks at or changes. */
export const ROWS_A_SLICE = 1_000;

/** @throws MailError permissionDenied */
export function requireAdmin({ caller }: VerbContext): void {
  if (!caller.isAdmin) refuse("permissionDenied");
}

/** @throws MailError mailboxNonexistent */
export function boxOf({ tx }: VerbContext, uniqueId: UniqueId): MessageBox {
  const entry = tx.entryByUniqueId(uniqueId);
  return entry?.mbox === undefined ? refuse("mailboxNonexistent") : (entry as MessageBox);
}

/** Waits between two slices, also while another verb holds the mailbox. @throws MailError when it has gone meanwhile */
export function* nextSlice(context: VerbContext, { mbox, uniqueId }: MessageBox): Generator<void, void, void> {
  do yield;
  while (context.tx.isBusy(mbox));
  boxOf(context, uniqueId);
}
