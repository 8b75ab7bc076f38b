/** Mail for programs (cyr_quota, cyr_expire, ...): through the running writers; a shard that has none is opened here under its lock. */
import type { Log } from "../base/log.ts";
import type { Config } from "../config/index.ts";
import type { UniqueId } from "../formats/ids.ts";
import {
  type Answer,
  type ChangeListener,
  type HeldClaim,
  StoreWriter,
  type StoreWriterOptions,
  WriterRunning,
} from "../store/index.ts";
import type { Caller } from "./acl/index.ts";
import { Mail, storeDirectory, type WriterDoor } from "./mail.ts";
import { archiveRule, legacyHashing, partitionRoots } from "./roots.ts";
import { rulesOf } from "./rules.ts";
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
      if (writer) opened.set(shard, new LocalWriter(writer));
    }
    return new Mail(config, (shard) => opened.get(shard));
  } catch (error) {
    for (const writer of opened.values()) {
      writer.close().catch((closing: unknown) => log.err("a store could not be closed", { error: String(closing) }));
    }
    throw error;
  }
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
  private nextId = 1;

  constructor(writer: StoreWriter) {
    this.writer = writer;
  }

  ask(verb: string, args: unknown, caller: unknown, octets: readonly Uint8Array[] = []): Promise<Answer> {
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

  /** The whole shard is ours while the lock is. */
  claim(): Promise<HeldClaim> {
    return Promise.resolve({ release: () => {} });
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}
