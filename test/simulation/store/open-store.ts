/** The real store, with the rules that an imapd.conf gives, as the simulation and the soak run drive it. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../../src/base/log.ts";
import { configFromText } from "../../../src/config/index.ts";
import { type Rules, rulesOf, writerOptions } from "../../../src/ops/index.ts";
import { type Answer, type Changes, stageDirectory, stagePath, StoreWriter } from "../../../src/store/index.ts";
import { type Action, messageOctets, type Outcome } from "../workload/actions.ts";
import type { OpenStore } from "../workload/subject.ts";
import { type ActionNote, type ActionRequest, actionVerbTable } from "./action-verb.ts";

/** What differs between the stores that are tested. */
export interface Variant {
  readonly conversations: boolean;
  readonly deleteMode: "immediate" | "delayed";
  readonly expungeMode: "immediate" | "delayed";
  /** See StoreSettings. */
  readonly sliceScale: number;
}
export const variants: Readonly<Record<string, Variant>> = {
  delayed: { conversations: false, deleteMode: "delayed", expungeMode: "delayed", sliceScale: 0.004 },
  immediate: { conversations: true, deleteMode: "immediate", expungeMode: "immediate", sliceScale: 0.004 },
  mixed: { conversations: true, deleteMode: "delayed", expungeMode: "immediate", sliceScale: 1 },
};

/** Partition to folder below the root. */
export const partitionFolders: ReadonlyMap<string, string> = new Map([
  ["default", "spool"],
  ["second", "spool2"],
]);

function rulesBelow(root: string, { conversations, deleteMode, expungeMode }: Variant): Rules {
  const partitions = [...partitionFolders].map(([name, folder]) => `partition-${name}: ${join(root, folder)}`);
  const text = [
    `configdirectory: ${root}`,
    "defaultpartition: default",
    ...partitions,
    `conversations: ${conversations ? "yes" : "no"}`,
    `delete_mode: ${deleteMode}`,
    `expunge_mode: ${expungeMode}`,
    "allowusermoves: yes",
    "auditlog: no",
    "",
  ];
  return rulesOf(configFromText(text.join("\n")));
}

/** Messages over this are staged by the asker, as workers do. */
const stagedFrom = 256 << 10;
/** Answers after which nobody knows whether the action took place. */
const unknownOutcomes = new Set(["storeUnavailable", "internalError"]);

export interface OpenOptions {
  readonly variant: Variant;
  readonly threads: boolean;
  /** Askers, between which the writer is fair. Answers of one are in the order of asking. */
  readonly clients?: number;
}

export class OpenRealStore implements OpenStore {
  readonly writer: StoreWriter;
  private readonly root: string;
  private readonly clients: number;
  private readonly parts = new Map<number, (outcome: Outcome) => void>();
  private readonly stagedOn = new Map<number, readonly string[]>();
  private lastId = 0;
  private failure: unknown;

  constructor(root: string, { variant, threads, clients = 1 }: OpenOptions) {
    this.root = root;
    this.clients = clients;
    const rules = rulesBelow(root, variant);
    const log = { ...silentLog, err: (text: string, fields?: object) => console.error(text, fields ?? "") };
    this.writer = StoreWriter.open({
      ...writerOptions(rules.config, log, "simulation"),
      verbs: actionVerbTable(rules),
      sliceScale: variant.sliceScale,
      threads,
      published: (changes) => this.published(changes),
      fatal: (error) => (this.failure ??= error),
    });
  }

  async run(action: Action, part: (outcome: Outcome) => void): Promise<Outcome> {
    if (this.failure !== undefined) throw new Error("the store has failed", { cause: this.failure });
    const id = ++this.lastId;
    this.parts.set(id, part);
    const { octets, staged } = this.stage(action);
    const args: ActionRequest = { id, action, staged };
    const client = `client ${id % this.clients}`;
    const answer = await new Promise<Answer>((resolve) => {
      const verb = "action";
      this.writer.submit({ client, id, verb, args, octets, caller: undefined, confirmed: id - 1, answer: resolve });
    });
    this.parts.delete(id);
    const kept = this.stagedOn.get(id) ?? [];
    this.stagedOn.delete(id);
    if ("refusal" in answer && unknownOutcomes.has(answer.refusal.code))
      throw new Error(`${answer.refusal.code}: ${answer.refusal.detail ?? ""}`);
    if (staged !== undefined) this.unstage(staged, kept);
    if ("result" in answer) return answer.result as Outcome;
    return { ok: false, refused: `${answer.refusal.code}: ${answer.refusal.detail ?? ""}` };
  }
  settle(): Promise<void> {
    return this.writer.settle();
  }
  close(): Promise<void> {
    return this.writer.close();
  }
  abandon(): Promise<void> {
    return this.writer.abandon();
  }

  private published({ notes }: Changes): void {
    for (const { actionId, outcome, partitions } of notes as readonly ActionNote[]) {
      if (partitions) this.stagedOn.set(actionId, partitions);
      this.parts.get(actionId)?.(outcome);
    }
  }
  /** The octets of a message; large ones also as a durable file below `stage.` of each partition. */
  private stage(action: Action): { octets: readonly Uint8Array[]; staged: string | undefined } {
    if (!("message" in action)) return { octets: [], staged: undefined };
    const octets = messageOctets(action.message);
    if (octets.length <= stagedFrom) return { octets: [octets], staged: undefined };
    const name = randomBytes(12).toString("hex");
    for (const folder of partitionFolders.values()) {
      const partition = join(this.root, folder);
      mkdirSync(stageDirectory(partition), { recursive: true, mode: 0o700 });
      writeDurably(stagePath(partition, name), octets);
      syncDirectory(stageDirectory(partition));
      syncDirectory(partition);
    }
    return { octets: [octets], staged: name };
  }
  private unstage(name: string, kept: readonly string[]): void {
    for (const [partition, folder] of partitionFolders)
      if (!kept.includes(partition)) rmSync(stagePath(join(this.root, folder), name), { force: true });
  }
}

function writeDurably(path: string, octets: Uint8Array): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
