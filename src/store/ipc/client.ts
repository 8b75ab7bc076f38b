/**
 * A worker's end of the socket: asks the writer for verbs and hears of changes. When the writer goes away the client connects again and asks again what
 * has not been answered, under the same ids; the writer remembers the answers it gave. The clients of the worker notice a pause.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { UniqueId } from "../../formats/ids.ts";
import type { Answer } from "../writer/replies.ts";
import type { ClaimAnswer } from "./claims.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { ClientFrame, ServerFrame } from "./server.ts";

/**
 * Hears that a watched mailbox changed: highestmodseq then, and the range of uids whose rows changed (empty: first > last). Called once with modseq 0 and
 * all uids when the watch has begun to count: something may have changed before.
 */
export type ChangeListener = (modseq: number, firstUid: number, lastUid: number) => void;

export interface StoreClientOptions {
  readonly socketPath: string;
  /** How long a request may wait for a writer that is away, milliseconds. */
  readonly timeoutMs: number;
  /** The mailbox list changed. */
  readonly onListChange?: () => void;
  /** Changes may have been missed (the writer was away): everything watched should be looked at. */
  readonly onReconnect?: () => void;
}

interface Waiting {
  readonly frames: Uint8Array[];
  readonly resend: () => Uint8Array[];
  readonly resolve: (answer: Answer) => void;
  readonly deadline: number;
}

/** Settle and status: asked again after a reconnect. */
interface Control {
  readonly kind: "settle" | "status";
  readonly resolve: (answer: object | undefined) => void;
}

/** Somebody else has the named lock. */
export class ClaimRefused extends Error {
  readonly holder: string;
  constructor(name: string, holder: string) {
    super(`${name} is held by ${holder}`);
    this.holder = holder;
  }
}

export interface HeldClaim {
  release(): void;
}

interface Claim {
  readonly id: number;
  readonly name: string;
  readonly who: string;
  readonly deadline: number;
  held: boolean;
  readonly resolve: (claim: HeldClaim) => void;
  readonly reject: (error: Error) => void;
  readonly onLost: (() => void) | undefined;
}

const RECONNECT_MILLISECONDS = 50;
const WATCH_MILLISECONDS = 100;
const UNAVAILABLE: Answer = { refusal: { code: "storeUnavailable" } };

export class StoreClient {
  private readonly options: StoreClientOptions;
  private readonly client = randomBytes(8).toString("hex");
  private readonly waiting = new Map<number, Waiting>();
  private readonly controls = new Map<number, Control>();
  private readonly claims = new Map<number, Claim>();
  private readonly listeners = new Map<UniqueId, Set<ChangeListener>>();
  private socket: Socket | undefined;
  private connected = false;
  private everConnected = false;
  private closed = false;
  private nextId = 1;
  private lowestUnanswered = 1;
  private queue: Uint8Array[] = [];
  private flushing = false;
  private retry: NodeJS.Timeout | undefined;
  /** Watches that the writer has not been told of. */
  private readonly newWatches = new Set<UniqueId>();
  private watchTimer: NodeJS.Timeout | undefined;

  constructor(options: StoreClientOptions) {
    this.options = options;
    this.connect();
  }

  /** Resolves with the writer's answer; never rejects. `octets` must not be changed until then. */
  ask(verb: string, args: unknown, caller: unknown, octets: readonly Uint8Array[] = []): Promise<Answer> {
    if (this.closed) return Promise.resolve(UNAVAILABLE);
    const id = this.nextId++;
    const make = (again: boolean): Uint8Array[] => {
      const frame: ClientFrame = { t: "ask", id, c: this.lowestUnanswered - 1, v: verb, a: args, who: caller };
      return encodeFrame(again ? { ...frame, again: true } : frame, octets);
    };
    return new Promise((resolve) => {
      const frames = make(false);
      this.waiting.set(id, {
        frames,
        resend: () => make(true),
        resolve,
        deadline: Date.now() + this.options.timeoutMs,
      });
      if (this.connected) this.write(frames);
      else this.armRetry();
    });
  }

  /** Calls `listener` after each commit that changed the mailbox. Returns the function that ends it. */
  watch(box: UniqueId, listener: ChangeListener): () => void {
    let listeners = this.listeners.get(box);
    if (!listeners) {
      this.listeners.set(box, (listeners = new Set()));
      this.newWatches.add(box);
      this.watchTimer ??= setTimeout(() => this.sayWatches(), WATCH_MILLISECONDS);
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(box) !== listeners) return;
      this.listeners.delete(box);
      if (!this.newWatches.delete(box)) this.say({ t: "unwatch", box });
    };
  }

  /**
   * Claims a named lock for as long as this client is connected, or until `release`. `who` tells others who has it.
   * @throws ClaimRefused with the holder, after `timeoutMs`
   */
  claim(name: string, who: string, timeoutMs: number, onLost?: () => void): Promise<HeldClaim> {
    if (this.closed) return Promise.reject(new ClaimRefused(name, "nobody: the store is closed"));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const claim: Claim = { id, name, who, deadline: Date.now() + timeoutMs, held: false, resolve, reject, onLost };
      this.claims.set(id, claim);
      this.sayClaim(claim);
    });
  }

  /** Resolves when every committed message file is durable on disk. */
  async settle(): Promise<void> {
    await this.control("settle");
  }

  /** What the writer says of itself. */
  async status(): Promise<object> {
    return (await this.control("status")) ?? {};
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.watchTimer);
    this.say({ t: "bye" });
    const { socket } = this;
    if (socket) queueMicrotask(() => socket.end());
    for (const { resolve } of this.waiting.values()) resolve(UNAVAILABLE);
    this.waiting.clear();
    for (const { resolve } of this.controls.values()) resolve(undefined);
    this.controls.clear();
    for (const claim of this.claims.values()) {
      if (claim.held) claim.onLost?.();
      else claim.reject(new ClaimRefused(claim.name, "nobody: the store is closed"));
    }
    this.claims.clear();
  }

  private sayClaim({ id, name, who, deadline, held }: Claim): void {
    // After a reconnect what was held is claimed again, without waiting: it is lost when another was quicker.
    const timeout = held ? 0 : Math.max(0, deadline - Date.now());
    this.say({ t: "claim", id, name, who, timeout });
  }

  private claimAnswered(id: number, answer: ClaimAnswer): void {
    const claim = this.claims.get(id);
    if (!claim) return;
    if (!answer.granted) {
      this.claims.delete(id);
      if (claim.held) claim.onLost?.();
      else claim.reject(new ClaimRefused(claim.name, answer.holder));
      return;
    }
    if (claim.held) return;
    claim.held = true;
    claim.resolve({
      release: () => {
        if (this.claims.delete(id)) this.say({ t: "release", name: claim.name });
      },
    });
  }

  private control(kind: "settle" | "status"): Promise<object | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.controls.set(id, { kind, resolve });
      this.say({ t: kind, id });
    });
  }

  /** Short visits to a mailbox are over before the writer hears of them. */
  private sayWatches(): void {
    this.watchTimer = undefined;
    if (!this.connected) return;
    for (const box of this.newWatches) this.write(encodeFrame({ t: "watch", box } satisfies ClientFrame));
    this.newWatches.clear();
  }

  private say(frame: ClientFrame): void {
    // Watches are said again in `hello` after a reconnect.
    if (this.connected) this.write(encodeFrame(frame));
  }

  private write(pieces: readonly Uint8Array[]): void {
    this.queue.push(...pieces);
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      const out = this.queue;
      this.queue = [];
      const { socket } = this;
      if (!socket || socket.destroyed || out.length === 0) return;
      socket.cork();
      for (const piece of out) socket.write(piece);
      socket.uncork();
    });
  }

  private connect(): void {
    const socket = connect(this.options.socketPath);
    this.socket = socket;
    const reader = new FrameReader();
    socket.on("connect", () => {
      this.connected = true;
      clearTimeout(this.retry);
      this.retry = undefined;
      this.write(
        encodeFrame({ t: "hello", client: this.client, watch: [...this.listeners.keys()] } satisfies ClientFrame),
      );
      for (const item of this.waiting.values()) this.write(this.everConnected ? item.resend() : item.frames);
      for (const claim of this.claims.values()) this.sayClaim(claim);
      for (const [id, { kind }] of this.controls) this.write(encodeFrame({ t: kind, id } satisfies ClientFrame));
      if (this.everConnected) this.options.onReconnect?.();
      this.everConnected = true;
    });
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk, ({ json }) => this.handle(json as unknown as ServerFrame));
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    // "close" follows and does what is to do.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.lost());
  }

  private lost(): void {
    this.connected = false;
    this.queue = [];
    if (!this.closed) this.armRetry();
  }

  private armRetry(): void {
    if (this.retry || this.connected) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      const now = Date.now();
      for (const [id, item] of this.waiting) {
        if (item.deadline > now) continue;
        this.waiting.delete(id);
        item.resolve(UNAVAILABLE);
      }
      this.connect();
    }, RECONNECT_MILLISECONDS);
    if (this.waiting.size === 0) this.retry.unref();
  }

  private handle(frame: ServerFrame): void {
    if (frame.t === "answer") {
      const item = this.waiting.get(frame.id);
      this.waiting.delete(frame.id);
      while (this.lowestUnanswered < this.nextId && !this.waiting.has(this.lowestUnanswered))
        this.lowestUnanswered += 1;
      item?.resolve(frame.a);
    } else if (frame.t === "claimed") {
      this.claimAnswered(frame.id, frame.a);
    } else if (frame.t === "watching") {
      for (const listener of this.listeners.get(frame.box) ?? []) listener(0, 1, 0xffffffff);
    } else if (frame.t === "changes") {
      for (const [box, modseq, firstUid, lastUid] of frame.m) {
        for (const listener of this.listeners.get(box) ?? []) listener(modseq, firstUid, lastUid);
      }
      if (frame.l) this.options.onListChange?.();
    } else {
      this.controls.get(frame.id)?.resolve(frame.a);
      this.controls.delete(frame.id);
    }
  }
}
