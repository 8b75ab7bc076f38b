/**
 * Datagrams to the local syslog socket. Linux lets few of them wait there (10, or 512 under systemd), so a burst is kept
 * here in order and sent on as the daemon reads; blocking as syslog(3) does would stop every session of the process.
 */
import { encodeSocketAddress, openSocket, sendDatagramQuick } from "./native/index.ts";

/** Lines that may wait. A daemon that has stopped reading must not fill our memory; what is lost is counted. */
const defaultMaxWaiting = 10_000;
const retryMs = 2;
/** Both mean that the queue is full. */
const EAGAIN = 11;
const ENOBUFS = 105;
/** At the end of the process, how long the last lines may take. */
const lastMs = 100;

export class SyslogSender {
  readonly #address: Buffer;
  readonly #maxWaiting: number;
  #fd: number | undefined;
  #waiting: string[] = [];
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, maxWaiting = defaultMaxWaiting) {
    this.#address = encodeSocketAddress({ family: "unix", path });
    this.#maxWaiting = maxWaiting;
    process.on("exit", () => this.#lastChance());
  }

  /** @param line with its `<priority>` in front. Never throws; without a daemon the line is dropped, as by syslog(3) */
  send(line: string): void {
    if (this.#waiting.length > 0 || !this.#trySend(line)) this.#wait(line);
  }

  /** True when it went or can never go; false when the daemon's queue is full. */
  #trySend(line: string): boolean {
    try {
      this.#fd ??= openSocket("unix", "datagram", true);
    } catch {
      return true; // out of descriptors: the line is lost, the session that wrote it is not
    }
    const errno = sendDatagramQuick(this.#fd, Buffer.from(line), this.#address);
    // All other errors: no daemon now, perhaps one for the next line.
    return errno !== EAGAIN && errno !== ENOBUFS;
  }

  #wait(line: string): void {
    if (this.#waiting.length >= this.#maxWaiting) this.#lost++;
    else this.#waiting.push(line);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, retryMs).unref();
  }

  #flush(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#trySend(this.#waiting[sent]!)) sent++;
    this.#waiting.splice(0, sent);
    if (this.#lost > 0 && this.#waiting.length < this.#maxWaiting) {
      const priority = /^<\d+>/.exec(this.#waiting.at(-1) ?? "")?.[0] ?? "<164>";
      this.#waiting.push(
        `${priority}pasargad[${process.pid}]: ${this.#lost} log lines were lost, syslog does not keep up`,
      );
      this.#lost = 0;
    }
    if (this.#waiting.length > 0) this.#flushLater();
  }

  #lastChance(): void {
    const end = performance.now() + lastMs;
    while (this.#waiting.length > 0 && performance.now() < end) {
      if (this.#trySend(this.#waiting[0]!)) this.#waiting.shift();
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
