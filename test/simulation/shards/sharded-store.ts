/** The real store with three shards, all writers in this process. */
import { join } from "node:path";
import { silentLog } from "../../../src/base/log.ts";
import { configFromText } from "../../../src/config/index.ts";
import type { UserId } from "../../../src/formats/ids.ts";
import { type Caller, finishTransfers, Mail, type WriterDoor, writerOptions } from "../../../src/ops/index.ts";
import { type Answer, shardOfOwner, StoreWriter } from "../../../src/store/index.ts";

export const shards = 3;

/** The nth user whose mailboxes are in that shard. */
export function userIn(shard: number, nth: number): string {
  for (let n = 0, found = 0; ; n++) {
    const user = `u${n}`;
    if (shardOfOwner(user, shards) === shard && found++ === nth) return user;
  }
}

export const admin: Caller = { userId: "cyrus" as UserId, groups: [], isAdmin: true, sessionId: "simulation" };
/** Owner of nothing, who may do everything with messages. */
export const somebody: Caller = { userId: "somebody" as UserId, groups: [], isAdmin: false, sessionId: "simulation" };

export const partitionFolders: ReadonlyMap<string, string> = new Map([
  ["default", "spool"],
  ["second", "spool2"],
]);

/** An imapd.conf for a store below `root`. */
export function settingsText(root: string, more: readonly string[] = []): string {
  return [
    `configdirectory: ${root}`,
    "defaultpartition: default",
    ...[...partitionFolders].map(([name, folder]) => `partition-${name}: ${join(root, folder)}`),
    `store_shards: ${shards}`,
    "allowusermoves: yes",
    "auditlog: no",
    ...more,
    "",
  ].join("\n");
}

class Door implements WriterDoor {
  readonly writer: StoreWriter;
  private lastId = 0;

  constructor(writer: StoreWriter) {
    this.writer = writer;
  }
  ask(verb: string, args: unknown, caller: unknown, octets: readonly Uint8Array[] = []): Promise<Answer> {
    const id = ++this.lastId;
    return new Promise((answer) => {
      this.writer.submit({ client: `client ${id % 4}`, id, verb, args, octets, caller, confirmed: 0, answer });
    });
  }
  watch(): () => void {
    return () => {};
  }
  settle(): Promise<void> {
    return this.writer.settle();
  }
  claim(): Promise<{ release(): void }> {
    return Promise.resolve({ release: () => {} });
  }
  close(): Promise<void> {
    return this.writer.close();
  }
}

export interface OpenOptions {
  readonly threads: boolean;
  /** Lines of imapd.conf. */
  readonly settings?: readonly string[];
}

/** Opens all shards and finishes what was begun across them. */
export async function openSharded(root: string, { threads, settings = [] }: OpenOptions): Promise<Mail> {
  const config = configFromText(settingsText(root, settings));
  const log = { ...silentLog, err: (text: string, fields?: object) => console.error(text, fields ?? "") };
  const doors: Door[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const options = { ...writerOptions(config, log, "simulation", shard), sliceScale: 0.004, threads };
    const fatal = (error: unknown): void => log.err("the store has failed", { error: String(error) });
    doors.push(new Door(StoreWriter.open({ ...options, fatal })));
  }
  const mail = new Mail(config, (shard) => doors[shard]);
  for (let shard = 0; shard < shards; shard++) await finishTransfers(mail, shard, silentLog, 0);
  return mail;
}
