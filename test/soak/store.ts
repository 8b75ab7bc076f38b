/** The store as the soak run opens it: in-process, with its threads. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLog } from "../../src/base/log.ts";
import { type Answer, databasePath, StoreWriter } from "../../src/store/index.ts";
import { Refused, storeVerbs } from "../simulation/store/store-verbs.ts";
import type { Action, Outcome } from "../simulation/workload/actions.ts";

export interface SoakStore {
  readonly databasePath: string;
  run(action: Action): Promise<Outcome>;
  /** Rows of `pending` now. */
  pending(): number;
  close(): Promise<void>;
}

/** Requests come as from so many workers: the writer is fair among them and keeps answers for each. */
const clients = 4;

export function openSoakStore(directory: string): SoakStore {
  const writer = StoreWriter.open({
    directory: join(directory, "store"),
    shard: 0,
    partitions: new Map([["default", join(directory, "spool")]]),
    conversations: false,
    deletedPrefix: "DELETED",
    verbs: storeVerbs,
    intents: new Map(),
    log: { ...silentLog, err: (text, fields) => console.error(text, fields) },
    ident: "soak",
    threads: true,
    refusalOf: (thrown) => (thrown instanceof Refused ? { code: "refused", detail: thrown.message } : undefined),
    published: () => {},
    fatal: (error) => {
      throw error;
    },
  });
  const path = databasePath(join(directory, "store"), 0);
  const reader = new DatabaseSync(path, { readOnly: true });
  let lastId = 0;
  return {
    databasePath: path,
    async run(action) {
      const id = ++lastId;
      const answer = await new Promise<Answer>((resolve) => {
        writer.submit({
          client: `client ${id % clients}`,
          id,
          verb: "action",
          args: action,
          octets: [],
          caller: undefined,
          confirmed: id - 1,
          answer: resolve,
        });
      });
      if ("result" in answer) return answer.result as Outcome;
      return { ok: false, refused: answer.refusal.code };
    },
    pending: () => Number(reader.prepare("SELECT count(*) AS n FROM pending").get()!["n"]),
    async close() {
      reader.close();
      await writer.close();
    },
  };
}
