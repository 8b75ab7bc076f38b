/**
 * Tells when a descriptor can be read, without reading or accepting, without a thread, and at no cost while nothing
 * happens: the kernel sends SIGIO (O_ASYNC), and one poll(2) then finds whose turn it is. Node itself offers no such
 * thing: its servers accept, its sockets read.
 */
import { setSignalOnReadable } from "./files.ts";
import { readable } from "./sockets.ts";

export interface Watch {
  /** Harmless after it has fired. */
  cancel(): void;
}

export class ReadinessWatcher {
  readonly #watched = new Map<number, () => void>();
  readonly #onSignal = (): void => this.check();

  constructor() {
    // Before any O_ASYNC: the default action of SIGIO ends the process.
    process.on("SIGIO", this.#onSignal);
  }

  /** Calls `fn` once, later, when `fd` is readable (now or in future), and then forgets it. One watch a descriptor. */
  watch(fd: number, fn: () => void): Watch {
    this.#watched.set(fd, fn);
    setSignalOnReadable(fd, true);
    // What came before O_ASYNC was set has sent no signal.
    setImmediate(() => this.check());
    return {
      cancel: () => {
        if (this.#watched.get(fd) === fn) this.#forget(fd);
      },
    };
  }

  /** Looks at all watched descriptors now. Needed by nobody but a nervous supervisor's slow timer. */
  check(): void {
    for (const fd of readable([...this.#watched.keys()])) {
      const fn = this.#watched.get(fd);
      if (!fn) continue; // an earlier callback of this round has cancelled it
      this.#forget(fd);
      fn();
    }
  }

  /** Cancels everything. The signal handler stays, since a signal may be on its way. */
  close(): void {
    for (const fd of this.#watched.keys()) this.#forget(fd);
  }

  #forget(fd: number): void {
    this.#watched.delete(fd);
    setSignalOnReadable(fd, false);
  }
}
