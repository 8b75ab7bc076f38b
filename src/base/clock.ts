/** Time as a value that is handed down, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`; may jump when the administrator sets the clock. */
  now(): number;
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  monotonic(): number;
  /** Calls `fn` once, not before `delayMs` (0 to 2^31-1) have passed. Does not keep the process alive when `idle`. */
  after(delayMs: number, fn: () => void, options?: { readonly idle?: boolean }): Timer;
}
export interface Timer {
  /** Harmless when it has run already. */
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fn, { idle = false } = {}) {
    const timer = setTimeout(fn, delayMs);
    if (idle) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A clock that stands still until it is told to move; due timers run in order of their time. */
export class ManualClock implements Clock {
  #now: number;
  #elapsed = 0;
  #timers: { at: number; fn: () => void }[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }
  now(): number {
    return this.#now + this.#elapsed;
  }
  monotonic(): number {
    return this.#elapsed;
  }
  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#elapsed + delayMs, fn };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }
  /** Moves on by `ms`, running what falls due on the way, also timers those set. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#elapsed = Math.max(this.#elapsed, due.at);
      due.fn();
    }
    this.#elapsed = end;
  }
  /** The administrator sets the wall clock; the monotonic one does not notice. */
  setWallClock(ms: number): void {
    this.#now = ms - this.#elapsed;
  }
}
