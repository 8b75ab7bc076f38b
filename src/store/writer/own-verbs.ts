/** What the writer asks of itself: requests like others', in turn with them. */
import type { VerbFunction } from "./group.ts";
import { removeRemains } from "./remains.ts";
import type { Tx } from "./tx.ts";

/** Answers are kept for clients that come back; one that stays away longer has lost its sessions. */
export const REPLY_SECONDS = 86_400;

/** Does nothing: its answer says that a group has been committed since it was asked. */
export const NOTHING = "store.nothing";
export const REMOVE_REMAINS = "store.remove-remains";
export const SWEEP_REPLIES = "store.sweep-replies";

export const ownVerbs: ReadonlyMap<string, VerbFunction> = new Map<string, VerbFunction>([
  [NOTHING, () => undefined],
  [SWEEP_REPLIES, ({ db, now }) => db.run("DELETE FROM reply WHERE at<?", now - REPLY_SECONDS)],
]);

/**
 * The removal of remains, a slice each time it is asked for. As one request in slices it would fill the time of every group in which nobody else waits, and
 * who comes in that moment would wait for two full ones.
 */
export class RemainsVerb {
  private slices: Generator<void, void, void> | undefined;

  /** Whether there is more. */
  readonly run = (tx: Tx): boolean => {
    this.slices ??= removeRemains(tx);
    const { done } = this.slices.next();
    if (done) this.slices = undefined;
    return !done;
  };

  /** What the last slice did has been taken back: it is begun again with what the database has. */
  forget(): void {
    this.slices = undefined;
  }
}
