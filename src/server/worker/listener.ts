import { createServer, type Server, type Socket } from "node:net";
import { listenBacklog } from "../limits/limits.ts";

/** What the listener needs of the operating system; `base/native` in real life. */
export interface DescriptorDoor {
  /** A new descriptor of the same open socket. */
  duplicate(fd: number): number;
  close(fd: number): void;
}

/**
 * Accepts connections of a socket someone else has bound (master's fd 4, systemd's fd 3), and can stop and start again
 * without losing any: it listens on a duplicate and closes only that, so that clients wait in the kernel's queue.
 * `server.maxConnections` would drop them.
 */
export class Listener {
  readonly #fd: number;
  readonly #door: DescriptorDoor;
  readonly #backlog: number;
  readonly #onConnection: (socket: Socket) => void;
  readonly #onError: (error: Error) => void;
  #server: Server | undefined;

  constructor(options: {
    fd: number;
    door: DescriptorDoor;
    backlog?: number | undefined;
    onConnection: (socket: Socket) => void;
    onError: (error: Error) => void;
  }) {
    this.#fd = options.fd;
    this.#door = options.door;
    this.#backlog = options.backlog ?? listenBacklog;
    this.#onConnection = options.onConnection;
    this.#onError = options.onError;
  }

  get listening(): boolean {
    return this.#server !== undefined;
  }

  /** Starts accepting; harmless when it does already. */
  start(): void {
    if (this.#server !== undefined) return;
    // Half-open, so that a client that closes its side after QUIT still gets the answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, this.#onConnection);
    server.on("error", this.#onError);
    this.#server = server;
    // libuv calls listen(2) again with the backlog given here.
    server.listen({ fd: this.#door.duplicate(this.#fd), backlog: this.#backlog });
  }

  /** Stops accepting at once, also in the middle of a burst; open connections stay. */
  stop(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Stops for good and lets go of the descriptor. */
  close(): void {
    this.stop();
    this.#door.close(this.#fd);
  }
}
