/** The datagram socket at `idlesocket`. */
import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import {
  closeDescriptor,
  encodeSocketAddress,
  NativeError,
  openListener,
  openSocket,
  ReadinessWatcher,
  receiveDatagram,
  sendDatagram,
  sendDatagramQuick,
} from "../../base/native/index.ts";
import { encodeIdle, MAX_DATAGRAM_OCTETS } from "./datagram.ts";

/** Datagrams taken before others get their turn. */
const DATAGRAMS_A_STEP = 64;
/** How often the socket is looked at even without a signal, milliseconds. */
const CHECK_MILLISECONDS = 5_000;
// Linux numbers.
const EAGAIN = 11;
const ENOBUFS = 105;

/** Somebody serves the socket already. */
export class SocketInUse extends Error {}

export class IdleSocket {
  readonly path: string;
  readonly #fd: number;
  readonly #inode: number;
  readonly #received: (octets: Buffer, from: string | undefined) => void;
  readonly #watcher = new ReadinessWatcher();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  /**
   * Takes the place of a socket that nobody serves. Mode 0777, as Cyrus makes it: its directory guards it.
   * @param received octets longer than a datagram may be are cut one octet behind that; `from` is where an answer goes
   * @throws SocketInUse; Error when it cannot be made
   */
  constructor(path: string, received: (octets: Buffer, from: string | undefined) => void) {
    this.path = path;
    this.#received = received;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    removeLeftover(path);
    this.#fd = openListener({ type: "datagram", address: { family: "unix", path } });
    chmodSync(path, 0o777);
    this.#inode = statSync(path).ino;
    this.#timer = setInterval(() => this.#watcher.check(), CHECK_MILLISECONDS);
    this.#wait();
  }

  /** Never waits. @returns "later" when the receiver's queue is full, "gone" when nobody is there any more */
  send(octets: Uint8Array, path: string): "sent" | "later" | "gone" {
    const errno = sendDatagramQuick(this.#fd, octets, encodeSocketAddress({ family: "unix", path }));
    if (errno === 0) return "sent";
    return errno === EAGAIN || errno === ENOBUFS ? "later" : "gone";
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher.close();
    closeDescriptor(this.#fd);
    // Not the socket of one who came after us.
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) rmSync(this.path, { force: true });
  }

  #wait(): void {
    this.#watcher.watch(this.#fd, () => this.#take());
  }

  #take(): void {
    for (let count = 0; count < DATAGRAMS_A_STEP && !this.#closed; count++) {
      const datagram = receiveDatagram(this.#fd, MAX_DATAGRAM_OCTETS + 1);
      if (datagram === undefined) return this.#wait();
      const { octets, from } = datagram;
      this.#received(octets, from?.family === "unix" && from.path.startsWith("/") ? from.path : undefined);
    }
    if (!this.#closed) setImmediate(() => !this.#closed && this.#take());
  }
}

/** A socket file whose process is gone keeps the name; one that is served is left alone. */
function removeLeftover(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`${path} is there and is no socket`);
  const fd = openSocket("unix", "datagram");
  try {
    sendDatagram(fd, encodeIdle({ kind: "noop", name: "." }), path);
    throw new SocketInUse(`${path} is served by another process`);
  } catch (error) {
    if (!(error instanceof NativeError) || error.code !== "ECONNREFUSED") throw error;
  } finally {
    closeDescriptor(fd);
  }
  rmSync(path, { force: true });
}
