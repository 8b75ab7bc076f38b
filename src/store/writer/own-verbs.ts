/** What the writer asks of itself: requests like others', in turn with them. */
import type { VerbFunction } from "./group.ts";
import { removeRemains } from "./remains.ts";

/** Answers are kept for clients that come back; one that stays away longer has lost its sessions. */
export const REPLY_SECONDS = 86_400;

/** Does nothing: its answer says that a group has been committed since it was asked. */
export const NOTHING = "store.nothing";
export const REMOVE_REMAINS = "store.remove-remains";
export const SWEEP_REPLIES = "store.sweep-replies";

export const ownVerbs: ReadonlyMap<string, VerbFunction> = new Map<string, VerbFunction>([
  [NOTHING, () => undefined],
  [REMOVE_REMAINS, (tx) => removeRemains(tx)],
  [SWEEP_REPLIES, ({ db, now }) => db.run("DELETE FROM reply WHERE at<?", now - REPLY_SECONDS)],
]);
