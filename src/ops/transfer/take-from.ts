import { type ForeignShard, ShardAway, ShardClosed, type Tx } from "../../store/index.ts";
import { refuse } from "../errors.ts";

/** See Tx.takeFrom. @throws MailError storeUnavailable when the shard has no writer now */
export function takeFrom(tx: Tx, shard: number): ForeignShard {
  try {
    return tx.takeFrom(shard);
  } catch (error) {
    if (error instanceof ShardAway || error instanceof ShardClosed) return refuse("storeUnavailable");
    throw error;
  }
}
