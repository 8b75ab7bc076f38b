/** The real store as the simulation's subject: with its threads in the recorded program, without them where states are recovered. */
import { join } from "node:path";
import { silentLog } from "../../../src/base/log.ts";
import { type Answer, databasePath, StoreWriter } from "../../../src/store/index.ts";
import type { Action, Outcome } from "../workload/actions.ts";
import type { OpenStore, Subject } from "../workload/subject.ts";
import { inspectHeaderFiles, readStore } from "./store-reader.ts";
import { Refused, storeVerbs } from "./store-verbs.ts";

/** Answers after which nobody knows whether the action took place. */
const unknownOutcomes = new Set(["storeUnavailable", "internalError"]);

class OpenRealStore implements OpenStore {
  private readonly writer: StoreWriter;
  private lastId = 0;
  private failure: unknown;

  constructor(root: string, threads: boolean) {
    this.writer = StoreWriter.open({
      directory: join(root, "store"),
      shard: 0,
      partitions: new Map([["default", join(root, "spool")]]),
      conversations: false,
      deletedPrefix: "DELETED",
      verbs: storeVerbs,
      intents: new Map(),
      log: { ...silentLog, err: (text, fields) => console.error(text, fields) },
      ident: "simulation",
      threads,
      refusalOf: (thrown) => (thrown instanceof Refused ? { code: "refused", detail: thrown.message } : undefined),
      published: () => {},
      fatal: (error) => (this.failure ??= error),
    });
  }
  async run(action: Action): Promise<Outcome> {
    if (this.failure !== undefined) throw new Error("the store has failed", { cause: this.failure });
    const answer = await new Promise<Answer>((resolve) => {
      this.writer.submit({
        client: "simulation",
        id: ++this.lastId,
        verb: "action",
        args: action,
        octets: [],
        caller: undefined,
        confirmed: this.lastId - 1,
        answer: resolve,
      });
    });
    if ("result" in answer) return answer.result as Outcome;
    const { code, detail } = answer.refusal;
    if (unknownOutcomes.has(code)) throw new Error(`${code}: ${detail ?? ""}`);
    return { ok: false, refused: `${code}: ${detail ?? ""}` };
  }
  settle(): Promise<void> {
    return this.writer.settle();
  }
  close(): Promise<void> {
    return this.writer.close();
  }
}

export const subject: Subject = {
  name: "store",
  open: async (root) => new OpenRealStore(root, process.env["SIM_LOG"] !== undefined),
  observe: (root) => readStore(databasePath(join(root, "store"), 0), join(root, "spool")),
  inspect: (root) => inspectHeaderFiles(join(root, "spool")),
  excluded: (path) => path.endsWith("-shm"),
};
