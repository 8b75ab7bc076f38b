import { Socket } from "node:net";

/** Codes of the 8-octet records between worker and master: int32 code, int32 second field, little-endian. */
export const statusCodes = {
  /** Ready for (more) connections. */
  available: 1,
  /** Will not accept any more. */
  unavailable: 2,
  /** Accepted one and is busy with it. Not sent by our workers. */
  connection: 3,
  /** Accepted one and stays ready. */
  connectionMulti: 4,
  /** Second field: sessions now open. */
  sessions: 16,
  /** From master; second field: most sessions this worker may have, negative for no limit. */
  share: 17,
} as const;

const recordOctets = 8;
/** Master needs the count of sessions, but not each step of it: waking it costs more than a session's SELECT. */
const sessionsEveryMs = 100;

/**
 * What a worker tells master. Records of one turn of the event loop go out in one write; the count of sessions at once when
 * it has not been told for a while, and together with anything else.
 */
export class StatusChannel {
  readonly #socket: Socket;
  readonly #pid: number;
  readonly #extended: boolean;
  #pending: number[] = [];
  #sessions: number | undefined;
  #scheduled = false;
  #toldSessionsMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #input: Buffer = Buffer.alloc(0);

  /**
   * @param options.extended master is ours and knows `sessions`; Cyrus's own would log an unknown message
   * @param options.onShare new cap from master
   * @param options.onClosed master is gone
   */
  constructor(
    fd: number,
    options: { pid?: number; extended: boolean; onShare: (share: number) => void; onClosed: () => void },
  ) {
    this.#pid = options.pid ?? process.pid;
    this.#extended = options.extended;
    this.#socket = new Socket({ fd, readable: options.extended, writable: true });
    this.#socket.on("data", (octets: Buffer) => this.#read(octets, options.onShare));
    this.#socket.on("error", () => options.onClosed());
    this.#socket.on("end", () => options.onClosed());
    this.#socket.unref();
  }

  send(code: number, second = this.#pid): void {
    this.#pending.push(code, second);
    this.#schedule();
  }

  /** A connection was accepted. Only Cyrus's master counts them; ours goes by `sessions`. */
  accepted(): void {
    if (!this.#extended) this.send(statusCodes.connectionMulti);
  }

  /** Only the last count of several in quick succession is sent. */
  sessions(count: number): void {
    if (!this.#extended) return;
    this.#sessions = count;
    if (this.#scheduled || this.#timer !== undefined) return;
    const waitMs = this.#toldSessionsMs + sessionsEveryMs - performance.now();
    if (waitMs <= 0) this.#schedule();
    else this.#timer = setTimeout(() => this.#flush(), waitMs).unref();
  }

  close(): void {
    this.#flush();
    this.#socket.destroySoon();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sessions !== undefined) {
      this.#pending.push(statusCodes.sessions, this.#sessions);
      this.#toldSessionsMs = performance.now();
    }
    this.#sessions = undefined;
    if (this.#pending.length === 0 || this.#socket.destroyed) return;
    const octets = Buffer.alloc((this.#pending.length / 2) * recordOctets);
    for (let i = 0; i < this.#pending.length; i++) octets.writeInt32LE(this.#pending[i]!, i * 4);
    this.#pending = [];
    this.#socket.write(octets);
  }

  #read(octets: Buffer, onShare: (share: number) => void): void {
    this.#input = this.#input.length === 0 ? octets : Buffer.concat([this.#input, octets]);
    let at = 0;
    for (; at + recordOctets <= this.#input.length; at += recordOctets) {
      if (this.#input.readInt32LE(at) === statusCodes.share) onShare(this.#input.readInt32LE(at + 4));
    }
    this.#input = Buffer.from(this.#input.subarray(at));
  }
}
