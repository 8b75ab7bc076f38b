/** Mail for programs (cyr_quota, cyr_expire, ...): through the running writers; a shard that has none is opened here under its lock. */
import type { Log } from "../base/log.ts";
import type { Config } from "../config/index.ts";
import type { UniqueId } from "../formats/ids.ts";
import {
  type Answer,
  type ChangeListener,
  ClaimRefused,
  Claims,
  type HeldClaim,
  StoreWriter,
  type StoreWriterOptions,
  WriterRunning,
} from "../store/index.ts";
import type { Caller } from "./acl/index.ts";
import { Mail, resultOf, storeDirectory, type WriterDoor } from "./mail.ts";
import { archiveRule, legacyHashing, partitionRoots } from "./roots.ts";
import { rulesOf } from "./rules.ts";
import { finishTransfers } from "./transfer/index.ts";
import { intentTable, refusalOf, verbTable } from "./verbs.ts";

/** Programs are run by administrators: all rights that an administrator has. */
export const programCaller = (name: string): Caller => ({
  userId: undefined,
  groups: [],
  isAdmin: true,
  sessionId: name,
});

/** @throws SchemaError, ShardsError, or an error of the filesystem */
export function openProgramMail(config: Config, log: Log, name: string): Mail {
  const opened = new Map<number, LocalWriter>();
  try {
    for (let shard = 0; shard < config.store_shards; shard++) {
      const writer = openUnlessRunning({ ...writerOptions(config, log, name, shard), threads: false });
      if (writer) opened.set(shard, new LocalWriter(writer, opened, log));
    }
    const mail = new Mail(config, (shard) => opened.get(shard));
    if (opened.size > 1) finishFirst(mail, opened, log);
    return mail;
  } catch (error) {
    for (const writer of opened.values()) {
      writer.close().catch((closing: unknown) => log.err("a store could not be closed", { error: String(closing) }));
    }
    throw error;
  }
}

/** Nobody is left who would go on with what was begun across shards: what the program asks for waits until that is finished. */
function finishFirst(mail: Mail, opened: ReadonlyMap<number, LocalWriter>, log: Log): void {
  const doors: Parameters<typeof finishTransfers>[0] = {
    layout: mail.layout,
    rules: mail.rules,
    shardOfBox: (box) => mail.shardOfBox(box),
    settleShard: (shard) => mail.settleShard(shard),
    askShard: async (shard, verb, args, caller) => {
      const writer = opened.get(shard);
      return writer ? resultOf(await writer.askNow(verb, args, caller)) : mail.askShard(shard, verb, args, caller);
    },
  };
  const finish = async (): Promise<void> => {
    for (const shard of opened.keys()) await finishTransfers(doors, shard, log, 0);
  };
  const ready = finish().catch((error: unknown) =>
    log.err("what was begun across shards cannot be finished", { error: String(error) }),
  );
  for (const writer of opened.values()) writer.ready = ready;
}

function openUnlessRunning(options: StoreWriterOptions): StoreWriter | undefined {
  try {
    return StoreWriter.open(options);
  } catch (error) {
    if (error instanceof WriterRunning) return undefined;
    throw error;
  }
}

/** How every process of ours opens the store for writing, but for its threads. */
export function writerOptions(config: Config, log: Log, ident: string, shard = 0): Omit<StoreWriterOptions, "threads"> {
  const rules = rulesOf(config);
  return {
    directory: storeDirectory(config),
    shard,
    shards: config.store_shards,
    partitions: partitionRoots(config),
    hashing: legacyHashing(config),
    archive: archiveRule(config),
    conversations: config.conversations,
    deletedPrefix: rules.names.deletedPrefix,
    verbs: verbTable(rules),
    intents: intentTable(rules),
    log,
    ident,
    refusalOf,
    published: () => {},
    fatal: (error) => {
      throw error;
    },
  };
}

class LocalWriter implements WriterDoor {
  private readonly writer: StoreWriter;
  private readonly all: ReadonlyMap<number, LocalWriter>;
  /** Nobody else makes any while the lock is ours; the program itself may do several things at once. */
  private readonly claims: Claims;
  private nextId = 1;
  /** What is to be done before anything else. */
  ready: Promise<void> | undefined;

  /** @param all this one and those of other shards that are open here */
  constructor(writer: StoreWriter, all: ReadonlyMap<number, LocalWriter>, log: Log) {
    this.writer = writer;
    this.all = all;
    this.claims = new Claims(undefined, log);
  }

  async ask(verb: string, args: unknown, caller: unknown, octets: readonly Uint8Array[] = []): Promise<Answer> {
    await this.ready;
    return this.askNow(verb, args, caller, octets);
  }

  askNow(verb: string, args: unknown, caller: unknown, octets: readonly Uint8Array[] = []): Promise<Answer> {
    return new Promise((answer) => {
      const id = this.nextId++;
      this.writer.submit({ client: "program", id, verb, args, octets, caller, confirmed: id - 1, answer });
    });
  }

  /** Nobody else changes anything while the lock is ours. */
  watch(_box: UniqueId, _listener: ChangeListener): () => void {
    return () => {};
  }

  settle(): Promise<void> {
    return this.writer.settle();
  }

  claim(name: string, who: string, timeoutMs: number): Promise<HeldClaim> {
    const owner = {};
    return new Promise((resolve, reject) => {
      this.claims.claim(owner, name, who, timeoutMs, (answer) => {
        if (answer.granted) resolve({ release: () => this.claims.release(owner, name) });
        else reject(new ClaimRefused(name, answer.holder));
      });
    });
  }

  /** A shard removes no file before it knows that no other one needs it: all are settled before the first one ends. */
  async close(): Promise<void> {
    await this.ready;
    for (const writer of this.all.values()) await writer.settle();
    await this.writer.close();
  }
}
