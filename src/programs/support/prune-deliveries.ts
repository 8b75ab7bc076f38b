/** The part of cyr_expire -E that is about deliver.db. */
import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";
import { pruneDuplicates } from "../../ops/delivery/index.ts";

const DAY_SECONDS = 86_400;

/** Removes what was remembered of deliveries longer than `seconds` ago. @throws Error of the database */
export function pruneDeliveries(config: Config, log: Log, seconds: number, say: (text: string) => void): void {
  const path = config.duplicate_db_path ?? join(config.configdirectory, "deliver.db");
  const days = seconds / DAY_SECONDS;
  say(`duplicate_prune: pruning back ${days.toFixed(2)} days`);
  const { removed, seen } = pruneDuplicates(path, days, log);
  say(`duplicate_prune: purged ${removed} out of ${seen} entries`);
}
