/** The store as the soak run opens it: in-process, with its threads and the real verbs. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { databasePath } from "../../src/store/index.ts";
import { OpenRealStore } from "../simulation/store/open-store.ts";
import type { Action, Outcome } from "../simulation/workload/actions.ts";

export interface SoakStore {
  readonly databasePath: string;
  /** Resolves with everything that the action did. */
  run(action: Action): Promise<Outcome>;
  /** Rows of `pending` now. */
  pending(): number;
  /** Until files are written and nothing is pending. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Requests come as from so many workers: the writer is fair among them and keeps answers for each. */
const clients = 4;

export function openSoakStore(directory: string): SoakStore {
  const variant = { conversations: true, deleteMode: "delayed", expungeMode: "delayed", sliceScale: 1 } as const;
  const store = new OpenRealStore(directory, { variant, threads: true, clients });
  const path = databasePath(join(directory, "store"), 0);
  const reader = new DatabaseSync(path, { readOnly: true });
  return {
    databasePath: path,
    async run(action) {
      let done: Outcome | undefined;
      // Its work fits into one slice.
      const outcome = await store.run(action, (part) => (done = part));
      return done ?? outcome;
    },
    pending: () => Number(reader.prepare("SELECT count(*) AS n FROM pending").get()!["n"]),
    settle: () => store.settle(),
    async close() {
      reader.close();
      await store.close();
    },
  };
}
