import { type ForeignShard, ShardAway, ShardClosed, type Tx } from "../../store/index.ts";
import { refuse } from "../errors.ts";

/** Detail of a refusal that comes from another shard's writer being away: nothing was done, and it will be back. */
export const SHARD_AWAY = "shard away";

/** See Tx.takeFrom. @throws MailError storeUnavailable when the shard has no writer now */
export function takeFrom(tx: Tx, shard: number): ForeignShard {
  try {
    return tx.takeFrom(shard);
  } catch (error) {
    if (error instanceof ShardAway || error instanceof ShardClosed) return refuse("storeUnavailable", SHARD_AWAY);
    throw error;
  }
}
