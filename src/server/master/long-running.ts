/** One instance of a program that is meant to run as long as master does: DAEMON entries, and the writer of the store. */
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { Child, type ChildExit, type ChildOptions, type ChildSpec, stopChildren } from "./child.ts";
import { Backoff, ForkRate } from "./pace.ts";

export interface LongRunningHost {
  readonly log: Log;
  readonly clock: Clock;
  readonly childOptions: ChildOptions;
}

/** What a program writes to descriptor 3 when it is ready. */
const readyText = "ok\r\n";
/** So many quick deaths in a row are worth a line of their own. */
const repeatedly = 5;

export class LongRunning {
  spec: ChildSpec;
  readonly #label: string;
  readonly #host: LongRunningHost;
  readonly #backoff: Backoff;
  #forkRate: ForkRate;
  #child: Child | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  /** While somebody waits for the first handshake, a death is told to that one instead of being followed by a new start. */
  #awaited = false;

  /**
   * @param label as log lines have it: `idled/daemon`
   * @param backoff how long quick deaths keep it from being started again
   */
  constructor(
    spec: ChildSpec,
    label: string,
    maxForksPerSecond: number,
    host: LongRunningHost,
    backoff: Backoff = new Backoff(),
  ) {
    this.#backoff = backoff;
    this.spec = spec;
    this.#label = label;
    this.#host = host;
    this.#forkRate = new ForkRate(maxForksPerSecond, host.clock.monotonic());
  }

  get child(): Child | undefined {
    return this.#child;
  }

  /** Starts it and does not wait. From now on it is started again whenever it ends. */
  start(): void {
    this.#spawn();
  }

  /**
   * Starts it and waits until it writes `ok\r\n` to descriptor 3 (its spec must have a channel). No time limit: recovery
   * takes what it takes. Resolves to undefined when it is ready, else to its end, after which nothing is started again.
   */
  async startAndWait(): Promise<ChildExit | "wrong word" | undefined> {
    this.#awaited = true;
    const child = this.#spawn();
    const answer = child.channel === undefined ? "" : await firstOctets(child.channel, readyText.length);
    this.#awaited = false;
    if (answer === readyText) {
      // It may have died right after; then the ordinary way of starting it again begins here.
      if (!child.running) void child.ended.then((exit) => this.#ended(child, exit));
      return undefined;
    }
    this.#stopped = true;
    if (answer !== "") return "wrong word";
    return child.running ? await Promise.race([child.ended, wrongWordSoon()]) : await child.ended;
  }

  /** SIGHUP to the running process; by custom it ends, and is started again. */
  hangUp(): void {
    if (!this.#child?.running) return;
    this.#child.hungUpAt = this.#host.clock.monotonic();
    this.#child.signal("SIGHUP");
  }

  /** Ends it for good: SIGTERM, and SIGKILL after the grace. */
  async stop(graceMs: number): Promise<void> {
    this.giveUp();
    if (this.#child?.running) await stopChildren([this.#child], { graceMs, log: this.#host.log });
  }

  /** No more starts; the process itself is left alone. */
  giveUp(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #spawn(): Child {
    this.#forkRate.forked(this.#host.clock.monotonic());
    const child = new Child(this.spec, this.#host.childOptions);
    this.#child = child;
    child.channel?.resume(); // so that its end is noticed and nothing it says piles up
    void child.ended.then((exit) => {
      if (!this.#awaited) this.#ended(child, exit);
    });
    return child;
  }

  #ended(child: Child, _exit: ChildExit): void {
    child.channel?.destroy();
    if (this.#stopped || child !== this.#child) return;
    this.#child = undefined;
    const { log, clock } = this.#host;
    const now = clock.monotonic();
    const asked = child.hungUpAt !== undefined;
    const wait = asked ? 0 : this.#backoff.failed(now - child.startedAt);
    if (!asked && this.#backoff.failures >= repeatedly) log.err(`daemon ${this.#label} is repeatedly failing`);
    const rateWait = this.#forkRate.allows(now) ? 0 : 1_000;
    this.#timer = clock.after(Math.max(wait, rateWait), () => {
      if (!this.#stopped) this.#spawn();
    });
  }
}

/** The first `count` octets as text, fewer when the stream ends before. What follows is thrown away. */
function firstOctets(channel: Duplex, count: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    channel.on("data", (piece: Buffer) => {
      if (text.length >= count) return;
      text += piece.toString("latin1", 0, count);
      if (text.length >= count) resolve(text.slice(0, count));
    });
    for (const end of ["end", "close", "error"]) channel.on(end, () => resolve(text));
  });
}

/** A program that closes its descriptor without a word and lives on is wrong; one that is just dying is given its moment. */
function wrongWordSoon(): Promise<"wrong word"> {
  return new Promise((resolve) => setTimeout(resolve, 1_000, "wrong word"));
}
