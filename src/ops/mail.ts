/**
 * The two doors to mail that a worker has: `view`, one consistent snapshot for one synchronous step, and `ask`, a verb of the one writer. `as(caller)` binds
 * who asks. Everything a protocol knows of mail data comes through here.
 */
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { UniqueId } from "../formats/ids.ts";
import {
  type Answer,
  CacheReader,
  type ChangeListener,
  databasePath,
  type HeldClaim,
  type ListEntry,
  MessageReader,
  type Snapshot,
  StoreClient,
  StoreReader,
} from "../store/index.ts";
import { Access, type Caller } from "./acl/index.ts";
import { MailError, mailErrorCodes, type MailErrorCode } from "./errors.ts";
import { type Rules, rulesOf } from "./rules.ts";
import type { ArgsOf, ResultOf } from "./verb.ts";
import type { VerbName, Verbs } from "./verbs.ts";

/** How long a request waits for a writer that is away before it is refused as storeUnavailable, milliseconds. */
const STORE_TIMEOUT_MILLISECONDS = 20_000;

export const storeDirectory = (config: Config): string => join(config.configdirectory, "store");
export const writerSocketPath = (config: Config): string => join(storeDirectory(config), "writer.sock");

/** Partition name to directory. */
export function partitionRoots(config: Config): ReadonlyMap<string, string> {
  return new Map([...config.partitions].map(([name, { path }]) => [name, path] as const));
}

/** The way to the one writer: a connection to it, or the writer itself. */
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
  readonly messages: MessageReader;
  private readonly store: StoreReader;
  private readonly client: WriterDoor;
  private readonly partitions: ReadonlyMap<string, string>;
  private readonly listListeners = new Set<() => void>();

  /**
   * @param door default: the writer's socket
   * @throws Error when the store has never been opened by its writer
   */
  constructor(config: Config, door?: WriterDoor) {
    this.rules = rulesOf(config);
    this.partitions = partitionRoots(config);
    this.store = new StoreReader(databasePath(storeDirectory(config), 0));
    this.messages = new MessageReader(this.store, this.partitions);
    this.client =
      door ??
      new StoreClient({
        socketPath: writerSocketPath(config),
        timeoutMs: STORE_TIMEOUT_MILLISECONDS,
        onListChange: () => this.listChanged(),
        onReconnect: () => this.listChanged(),
      });
  }

  /** Runs a synchronous step of a few milliseconds on one snapshot; nothing of it may be kept but plain values. */
  view<T>(step: (snapshot: Snapshot) => T): T {
    return this.store.view(step);
  }

  as(caller: Caller): CallerMail {
    return new CallerMail(this, caller);
  }

  /** See CallerMail.ask. */
  async ask(verb: string, args: unknown, caller: Caller, octets: readonly Uint8Array[]): Promise<unknown> {
    const answer = await this.client.ask(verb, args, caller, octets);
    // A verb without a result crosses the socket as an answer without one.
    if (!("refusal" in answer)) return answer.result;
    const { code, detail } = answer.refusal;
    throw new MailError(isMailErrorCode(code) ? code : "internalError", detail);
  }

  /**
   * Calls `listener` after each commit that changed the mailbox's messages, header or list entry, with the highestmodseq then and the range of uids whose
   * rows changed. It is a hint: one may be missed or come twice when the writer restarts; the snapshot is the truth. Returns the function that ends it.
   */
  watch(box: UniqueId, listener: ChangeListener): () => void {
    return this.client.watch(box, listener);
  }

  /** Calls `listener` when a mailbox was created, renamed, deleted or its ACL changed, or when such news may have been missed. */
  watchList(listener: () => void): () => void {
    this.listListeners.add(listener);
    return () => this.listListeners.delete(listener);
  }

  /** For reading cache records of one mailbox in order; to be closed. */
  cacheReader(entry: Pick<ListEntry, "partition" | "uniqueId">): CacheReader {
    return new CacheReader(this.partitionRoot(entry.partition), entry.uniqueId);
  }

  /** @throws MailError badPartition */
  partitionRoot(name: string): string {
    const root = this.partitions.get(name);
    if (root === undefined) throw new MailError("badPartition", name);
    return root;
  }

  /** Resolves when every committed message file is durable on disk. */
  settle(): Promise<void> {
    return this.client.settle();
  }

  /**
   * Claims a named lock for what takes longer than a verb, until `release` or the end of the process. `who` is told to others that want it; `onLost` is
   * called when it went to somebody else while the writer was restarted.
   * @throws ClaimRefused with the holder, after `timeoutMs`
   */
  claim(name: string, who: string, timeoutMs: number, onLost?: () => void): Promise<HeldClaim> {
    return this.client.claim(name, who, timeoutMs, onLost);
  }

  async close(): Promise<void> {
    this.store.close();
    await this.client.close();
  }

  private listChanged(): void {
    for (const listener of this.listListeners) listener();
  }
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
   * Asks the one writer for a verb. When it resolves, the change is durable and every process sees it. `octets` are the attachments the verb expects
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
