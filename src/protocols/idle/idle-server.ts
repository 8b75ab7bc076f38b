/** idled at work: hears who waits and what changed, and tells those who wait. */
import type { Log } from "../../base/log.ts";
import { decodeIdle, encodeIdle, MAX_NAME_OCTETS } from "./datagram.ts";
import { Idlers, MAX_IDLERS } from "./idlers.ts";
import { IdleSocket } from "./idle-socket.ts";
import { MailboxWatches, type WatchedMail } from "./mailbox-watches.ts";

export interface IdleServerOptions {
  /** `idlesocket`. */
  readonly path: string;
  readonly mail: WatchedMail;
  readonly log: Log;
  /** Who said longer ago than this that it waits is forgotten, milliseconds (`timeout`). */
  readonly timeoutMs: number;
  /** Monotonic, milliseconds; for tests. */
  readonly now?: () => number;
}

/** Time between two tries to tell somebody whose queue is full (Linux holds ten datagrams). */
const AGAIN_MILLISECONDS = 20;
/** Who has read nothing for so many tries is stuck: as with one that is gone, it is forgotten. */
const MAX_TRIES = 1_500;
/** How often old entries are looked for. */
const SWEEP_MILLISECONDS = 60_000;

interface Owed {
  readonly names: Set<string>;
  tries: number;
}

export class IdleServer {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #socket: IdleSocket;
  readonly #idlers = new Idlers();
  readonly #watches: MailboxWatches;
  /** Mailboxes that changed in this turn of the event loop: a hundred changes are told once. */
  readonly #changed = new Set<string>();
  /** What could not be told yet, by path. */
  readonly #owed = new Map<string, Owed>();
  readonly #sweepTimer: NodeJS.Timeout;
  #againTimer: NodeJS.Timeout | undefined;
  #complained = false;

  /** @throws SocketInUse; Error when the socket cannot be made */
  constructor({ path, mail, log, timeoutMs, now = () => performance.now() }: IdleServerOptions) {
    this.#log = log;
    this.#now = now;
    this.#timeoutMs = timeoutMs;
    this.#watches = new MailboxWatches(mail, (name) => this.#mailboxChanged(name));
    this.#socket = new IdleSocket(path, (octets, from) => this.#received(octets, from));
    this.#sweepTimer = setInterval(() => this.sweep(), SWEEP_MILLISECONDS).unref();
  }

  /** Entries: mailboxes times those who wait for them. */
  get size(): number {
    return this.#idlers.size;
  }

  /** Tells everybody to look for a shutdown text. */
  alert(): void {
    const octets = encodeIdle({ kind: "alert", name: "." });
    for (const path of this.#idlers.paths()) this.#socket.send(octets, path);
  }

  /** Forgets entries that are too old. */
  sweep(): void {
    for (const { path, name } of this.#idlers.olderThan(this.#now() - this.#timeoutMs)) this.#forget(path, name);
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    clearTimeout(this.#againTimer);
    this.#watches.close();
    this.#socket.close();
  }

  #received(octets: Buffer, from: string | undefined): void {
    const message = decodeIdle(octets);
    if (message === undefined) return this.#log.debug(`idle: a datagram of ${octets.length} octets makes no sense`);
    const { kind, name } = message;
    this.#log.debug(`idle: ${kind} ${name}`);
    switch (kind) {
      case "init":
        if (from !== undefined) this.#add(from, name);
        return;
      case "done":
        if (from !== undefined) this.#forget(from, name);
        return;
      case "notify":
        return this.#mailboxChanged(name);
      default:
    }
  }

  #add(path: string, name: string): void {
    const answer = this.#idlers.add(path, name, this.#now());
    if (answer === "first") this.#watches.watch(name);
    if (answer !== "full" || this.#complained) return;
    this.#complained = true;
    this.#log.err(`idle: more than ${MAX_IDLERS} wait for changes; others are not told`);
  }

  #forget(path: string, name: string): void {
    if (this.#idlers.remove(path, name)) this.#watches.unwatch(name);
    const owed = this.#owed.get(path);
    if (owed?.names.delete(name) === true && owed.names.size === 0) this.#owed.delete(path);
  }

  #mailboxChanged(name: string): void {
    if (name.length > MAX_NAME_OCTETS) return;
    if (this.#changed.size === 0) setImmediate(() => this.#tellAll());
    this.#changed.add(name);
  }

  #tellAll(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const name of changed) {
      const octets = encodeIdle({ kind: "notify", name });
      for (const { path } of this.#idlers.of(name)) this.#tell(path, name, octets);
    }
  }

  /** @returns false when the receiver's queue is full; it is told later */
  #tell(path: string, name: string, octets: Uint8Array): boolean {
    const owed = this.#owed.get(path);
    const result = owed === undefined ? this.#socket.send(octets, path) : "later";
    if (result === "gone") this.#forget(path, name);
    if (result !== "later") return true;
    if (owed === undefined) this.#owed.set(path, { names: new Set([name]), tries: 0 });
    else owed.names.add(name);
    this.#againTimer ??= setTimeout(() => this.#tellOwed(), AGAIN_MILLISECONDS);
    return false;
  }

  #tellOwed(): void {
    this.#againTimer = undefined;
    const all = [...this.#owed]; // who cannot be told now either comes back into it
    for (const [path, owed] of all) {
      this.#owed.delete(path);
      const names = [...owed.names];
      if (owed.tries >= MAX_TRIES) {
        this.#log.notice(`idle: ${path} reads nothing and is forgotten`);
        for (const name of names) this.#forget(path, name);
        continue;
      }
      for (const [n, name] of names.entries()) {
        if (this.#tell(path, name, encodeIdle({ kind: "notify", name }))) continue;
        const still = this.#owed.get(path)!;
        still.tries = n === 0 ? owed.tries + 1 : 0;
        for (const rest of names.slice(n + 1)) still.names.add(rest);
        break;
      }
    }
  }
}
