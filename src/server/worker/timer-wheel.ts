/**
 * One timer for all sessions of a process. Deadlines have the wheel's granularity (1 s); moving a deadline further out
 * costs one store: the node stays in its slot, and when the slot comes up the node is filed again.
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** What can wait on a wheel. The fields belong to the wheel; a connection extends this class so that it needs no object of its own. */
export class TimerNode {
  /** Milliseconds on the wheel's clock; 0 when not armed. */
  deadlineMs = 0;
  wheelNext: TimerNode | undefined = undefined;
  wheelPrevious: TimerNode | undefined = undefined;
  /** Called by the wheel when the deadline has passed; the node is then no longer armed. */
  expired(): void {}
}

const slots = 512;

export class TimerWheel {
  readonly #tickMs: number;
  readonly #now: () => number;
  readonly #heads: (TimerNode | undefined)[] = Array.from({ length: slots }, () => undefined);
  readonly #onError: (error: unknown) => void;
  /** The wheel's own timer must not hold on to the session that happened to start it. */
  readonly #outside = AsyncLocalStorage.snapshot();
  /** The next tick to be worked off. */
  #tick: number;
  #interval: NodeJS.Timeout | undefined;
  #count = 0;

  /** @param options.onError gets what a node's `expired` throws; other nodes are not affected */
  constructor(options: { tickMs?: number; now?: () => number; onError: (error: unknown) => void }) {
    this.#tickMs = options.tickMs ?? 1_000;
    this.#now = options.now ?? (() => performance.now());
    this.#onError = options.onError;
    this.#tick = Math.floor(this.#now() / this.#tickMs);
  }

  /** Milliseconds since an arbitrary start, as `arm` counts them. */
  now(): number {
    return this.#now();
  }

  get size(): number {
    return this.#count;
  }

  /** Arms the node, or moves its deadline, to `delayMs` from now. */
  arm(node: TimerNode, delayMs: number): void {
    const deadline = this.#now() + delayMs;
    const filed = node.deadlineMs !== 0;
    // Only a deadline that comes nearer must move to another slot; later ones are found when the old slot comes up.
    if (filed && deadline >= node.deadlineMs) {
      node.deadlineMs = deadline;
      return;
    }
    if (filed) this.#unlink(node);
    node.deadlineMs = deadline;
    this.#link(node);
    this.#interval ??= this.#outside(() => setInterval(() => this.advance(), this.#tickMs).unref());
  }

  disarm(node: TimerNode): void {
    if (node.deadlineMs === 0) return;
    this.#unlink(node);
    node.deadlineMs = 0;
  }

  /** Works off all ticks up to now. Called by the wheel's own timer; tests with their own clock call it themselves. */
  advance(): void {
    const now = this.#now();
    const until = Math.floor(now / this.#tickMs);
    const from = Math.max(this.#tick, until - slots + 1);
    const due: TimerNode[] = [];
    for (let tick = from; tick <= until; tick++) {
      let node = this.#heads[tick % slots];
      while (node !== undefined) {
        due.push(node);
        node = node.wheelNext;
      }
    }
    this.#tick = until + 1;
    for (const node of due) this.#visit(node, now);
    if (this.#count === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  #visit(node: TimerNode, now: number): void {
    if (node.deadlineMs === 0) return;
    this.#unlink(node);
    if (node.deadlineMs > now) {
      this.#link(node);
      return;
    }
    node.deadlineMs = 0;
    try {
      node.expired();
    } catch (error) {
      this.#onError(error);
    }
  }

  #slotOf(node: TimerNode): number {
    // Rounded up, so that a node is never visited before its deadline and always in a tick still to come.
    return Math.max(Math.ceil(node.deadlineMs / this.#tickMs), this.#tick) % slots;
  }

  #link(node: TimerNode): void {
    if (this.#count === 0) this.#tick = Math.max(this.#tick, Math.floor(this.#now() / this.#tickMs));
    const slot = this.#slotOf(node);
    const head = this.#heads[slot];
    node.wheelNext = head;
    node.wheelPrevious = undefined;
    if (head !== undefined) head.wheelPrevious = node;
    this.#heads[slot] = node;
    this.#count++;
  }

  #unlink(node: TimerNode): void {
    const { wheelNext, wheelPrevious } = node;
    if (wheelNext !== undefined) wheelNext.wheelPrevious = wheelPrevious;
    if (wheelPrevious !== undefined) wheelPrevious.wheelNext = wheelNext;
    else this.#dropHead(node);
    node.wheelNext = undefined;
    node.wheelPrevious = undefined;
    this.#count--;
  }

  #dropHead(node: TimerNode): void {
    // The slot follows from the deadline the node was filed with, which may since have moved out: look for the head.
    const next = node.wheelNext;
    const guess = this.#slotOf(node);
    if (this.#heads[guess] === node) this.#heads[guess] = next;
    else this.#heads[this.#heads.indexOf(node)] = next;
  }
}
