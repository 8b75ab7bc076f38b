/**
 * The two doors to mail that a worker has: `view`, one consistent snapshot for one synchronous step, and `ask`, a verb of the writer. `as(caller)` binds
 * who asks. Everything a protocol knows of mail data comes through here.
 */
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { MboxName, UniqueId } from "../formats/ids.ts";
import {
  type Answer,
  type CacheMemory,
  CacheReader,
  cacheRoot,
  type ChangeListener,
  type HeldClaim,
  type ListEntry,
  MessageReader,
  messageDirectory,
  placeOf,
  type Roots,
  type LegacyHashing,
  openStore,
  ShardClosed,
  type ShardLayout,
  shardOfMbox,
  shardOfName,
  type Snapshot,
  StoreClient,
  type StoreView,
} from "../store/index.ts";
import { Access, type Caller } from "./acl/index.ts";
import { MailError, mailErrorCodes, type MailErrorCode } from "./errors.ts";
import { nameSettings } from "./names/index.ts";
import { type Rules, rulesOf } from "./rules.ts";
import { legacyHashing, partitionRoots } from "./roots.ts";
import { askShards } from "./shards/ask-shards.ts";
import { shardOfClaim } from "./shards/claims.ts";
import { ShardWatch } from "./shards/shard-watch.ts";
import type { ArgsOf, ResultOf } from "./verb.ts";
import type { VerbName, Verbs } from "./verbs.ts";

/** How long a request waits for a writer that is away before it is refused as storeUnavailable, milliseconds. */
const STORE_TIMEOUT_MILLISECONDS = 20_000;

export const storeDirectory = (config: Config): string => join(config.configdirectory, "store");

/** Shard 0's has the name that it had when there were no others. */
export function writerSocketPath(config: Config, shard = 0): string {
  return join(storeDirectory(config), shard === 0 ? "writer.sock" : `writer-${shard}.sock`);
}

/** How the store is spread over shards. */
export function layoutOf(config: Config): ShardLayout {
  return { shards: config.store_shards, deletedPrefix: nameSettings(config).deletedPrefix };
}

/** The way to a shard's writer: a connection to it, or the writer itself. */
export interface WriterDoor {
  /** Never rejects. */
  ask(verb: string, args: unknown, caller: unknown, octets?: readonly Uint8Array[]): Promise<Answer>;
  watch(box: UniqueId, listener: ChangeListener): () => void;
  settle(): Promise<void>;
  /** See Mail.claim. */
  claim(name: string, who: string, timeoutMs: number, onLost?: () => void): Promise<HeldClaim>;
  close(): void | Promise<void>;
}

/** A process's access to mail. One for each worker. */
export class Mail {
  readonly rules: Rules;
  readonly layout: ShardLayout;
  readonly messages: MessageReader;
  private readonly store: StoreView;
  private readonly doors: readonly WriterDoor[];
  private readonly partitions: ReadonlyMap<string, string>;
  private readonly hashing: LegacyHashing;
  private readonly listListeners = new Set<() => void>();
  private readonly watches = new Set<ShardWatch>();

  /**
   * @param doorOf the way to each shard's writer; default, and where it gives undefined: the writer's socket
   * @throws ShardsError; Error when the store has never been opened by its writer
   */
  constructor(config: Config, doorOf: (shard: number) => WriterDoor | undefined = () => undefined) {
    this.rules = rulesOf(config);
    this.layout = layoutOf(config);
    this.partitions = partitionRoots(config);
    this.store = openStore(storeDirectory(config), this.layout);
    this.hashing = legacyHashing(config);
    this.messages = new MessageReader(this.store, this.partitions, this.hashing);
    this.doors = Array.from({ length: this.layout.shards }, (_, shard) => doorOf(shard) ?? this.connect(config, shard));
  }

  private connect(config: Config, shard: number): StoreClient {
    return new StoreClient({
      socketPath: writerSocketPath(config, shard),
      timeoutMs: STORE_TIMEOUT_MILLISECONDS,
      onListChange: () => this.listChanged(),
      onReconnect: () => {
        this.listChanged();
        for (const watch of this.watches) watch.lookAgain();
      },
    });
  }

  /**
   * Runs a synchronous step of a few milliseconds on one snapshot; nothing of it may be kept but plain values.
   * @throws MailError storeUnavailable when a shard that is asked for cannot be opened
   */
  view<T>(step: (snapshot: Snapshot) => T): T {
    try {
      return this.store.view(step);
    } catch (error) {
      if (error instanceof ShardClosed) throw new MailError("storeUnavailable", error.message);
      throw error;
    }
  }

  as(caller: Caller): CallerMail {
    return new CallerMail(this, caller);
  }

  /** The shard that has the mailbox; undefined: none has. */
  shardOfBox(box: UniqueId): number | undefined {
    if (this.layout.shards === 1) return 0;
    const entry = this.view((snapshot) => snapshot.entryByUniqueId(box));
    if (entry?.mbox !== undefined) return shardOfMbox(entry.mbox, this.layout.shards);
    return entry && shardOfName(entry.name, this.layout);
  }

  /** The shard of a mailbox of that name, whether there is one or not. */
  shardOfName(name: MboxName): number {
    return shardOfName(name, this.layout);
  }

  /** See CallerMail.ask. */
  ask(verb: VerbName, args: unknown, caller: Caller, octets: readonly Uint8Array[]): Promise<unknown> {
    return this.layout.shards === 1
      ? this.askShard(0, verb, args, caller, octets)
      : askShards(this, verb, args, caller, octets);
  }

  /** The same, of one shard's writer, whatever the verb's place. @throws MailError */
  async askShard(
    shard: number,
    verb: VerbName,
    args: unknown,
    caller: Caller,
    octets: readonly Uint8Array[] = [],
  ): Promise<unknown> {
    return resultOf(await this.doors[shard]!.ask(verb, args, caller, octets));
  }

  /**
   * Calls `listener` after each commit that changed the mailbox's messages, header or list entry, with the highestmodseq then and the range of uids whose
   * rows changed. It is a hint: one may be missed or come twice when the writer restarts; the snapshot is the truth. Returns the function that ends it.
   */
  watch(box: UniqueId, listener: ChangeListener): () => void {
    if (this.layout.shards === 1) return this.doors[0]!.watch(box, listener);
    const watch = new ShardWatch(box, listener, {
      shardOf: () => this.shardOfBox(box),
      watch: (shard, changed) => this.doors[shard]!.watch(box, changed),
    });
    this.watches.add(watch);
    return () => {
      this.watches.delete(watch);
      watch.end();
    };
  }

  /** Calls `listener` when a mailbox was created, renamed, deleted or its ACL changed, or when such news may have been missed. */
  watchList(listener: () => void): () => void {
    this.listListeners.add(listener);
    return () => this.listListeners.delete(listener);
  }

  /** For reading cache records of one mailbox in order; to be closed. @param memory see CacheReader */
  cacheReader(entry: Pick<ListEntry, "partition" | "uniqueId">, memory?: CacheMemory): CacheReader {
    return new CacheReader(this.cacheRoot(entry.partition), entry.uniqueId, memory);
  }

  /** Partitions, and what belongs to them. */
  get roots(): Roots {
    return this.partitions;
  }

  /** Of a mailbox's messages, in the spool or in the archive (`blobPlace`). @throws MailError badPartition */
  messageDirectory(entry: Pick<ListEntry, "name" | "type" | "partition" | "uniqueId">, blobPlace: number): string {
    this.partitionRoot(entry.partition);
    return messageDirectory(this.partitions, placeOf(entry, blobPlace, this.hashing), entry.uniqueId);
  }

  private cacheRoot(partition: string): string {
    return this.partitions.get(cacheRoot(partition)) ?? this.partitionRoot(partition);
  }

  /** @throws MailError badPartition */
  partitionRoot(name: string): string {
    const root = this.partitions.get(name);
    if (root === undefined) throw new MailError("badPartition", name);
    return root;
  }

  /** `settle` of one shard. */
  async settleShard(shard: number): Promise<void> {
    await this.doors[shard]!.settle();
  }

  /** Resolves when every committed message file is durable on disk. */
  async settle(): Promise<void> {
    await Promise.all(this.doors.map((door) => door.settle()));
  }

  /**
   * Claims a named lock for what takes longer than a verb, until `release` or the end of the process. `who` is told to others that want it; `onLost` is
   * called when it went to somebody else while the writer was restarted.
   * @throws ClaimRefused with the holder, after `timeoutMs`
   */
  claim(name: string, who: string, timeoutMs: number, onLost?: () => void): Promise<HeldClaim> {
    return this.doors[shardOfClaim(name, this.layout)]!.claim(name, who, timeoutMs, onLost);
  }

  async close(): Promise<void> {
    this.store.close();
    await Promise.all(this.doors.map((door) => door.close()));
  }

  private listChanged(): void {
    for (const listener of this.listListeners) listener();
  }
}

/** @throws MailError a refusal */
export function resultOf(answer: Answer): unknown {
  // A verb without a result crosses the socket as an answer without one.
  if (!("refusal" in answer)) return answer.result;
  const { code, detail } = answer.refusal;
  throw new MailError(isMailErrorCode(code) ? code : "internalError", detail);
}

const knownCodes: ReadonlySet<string> = new Set(mailErrorCodes);

function isMailErrorCode(code: string): code is MailErrorCode {
  return knownCodes.has(code);
}

/** Mail as one caller has it. One for each session. */
export class CallerMail {
  readonly mail: Mail;
  readonly caller: Caller;
  /** The caller's rights on mailboxes. */
  readonly access: Access;

  constructor(mail: Mail, caller: Caller) {
    this.mail = mail;
    this.caller = caller;
    this.access = new Access(caller, mail.rules.acl, mail.rules.names);
  }

  view<T>(step: (snapshot: Snapshot) => T): T {
    return this.mail.view(step);
  }

  /**
   * Asks the writer for a verb. When it resolves, the change is durable and every process sees it. `octets` are the attachments the verb expects
   * (messages/incoming.ts) and must not be changed until then.
   * @throws MailError the verb's refusal; storeUnavailable when the writer is away for too long
   */
  ask<V extends VerbName>(
    verb: V,
    args: ArgsOf<Verbs[V]>,
    octets: readonly Uint8Array[] = [],
  ): Promise<ResultOf<Verbs[V]>> {
    return this.mail.ask(verb, args, this.caller, octets) as Promise<ResultOf<Verbs[V]>>;
  }
}
