import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Lays errors at the door of the session that made them. Callbacks of a session run inside `run`; whatever they start
 * (promises, timers, reads) carries the session along, so `current` names it also when an error surfaces much later as
 * an unhandled rejection or an uncaught exception. Costs about 0.4 us a callback.
 */
export class SessionGuard<S> {
  readonly #storage = new AsyncLocalStorage<S>();
  readonly #failed: (session: S, error: unknown) => void;

  /** @param failed gets every error of a session; must not throw */
  constructor(failed: (session: S, error: unknown) => void) {
    this.#failed = failed;
  }

  run<A extends readonly unknown[]>(session: S, call: (...args: A) => unknown, ...args: A): void {
    try {
      const result = this.#storage.run(session, call, ...args);
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.#failed(session, error));
    } catch (error) {
      this.#failed(session, error);
    }
  }

  /** Runs something of the process's own (a listener, a timer) that must not carry along the session that happens to be current. */
  outside<T>(work: () => T): T {
    return this.#storage.exit(work);
  }

  /** The session on whose behalf the code now running was started. */
  current(): S | undefined {
    return this.#storage.getStore();
  }

  /** Reports an error that nobody caught. @returns false when it belongs to no session */
  uncaught(error: unknown): boolean {
    const session = this.current();
    if (session === undefined) return false;
    this.#failed(session, error);
    return true;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
