/** cyr_lmtpd's inside in this process, on a loopback port or a Unix socket; and a client that speaks in lines. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Mail } from "../../src/ops/index.ts";
import { prepareLmtp } from "../../src/protocols/lmtp/index.ts";
import { parseServiceOptions, startWorker, type WorkerOptions } from "../../src/server/worker/index.ts";
import type { MailStore } from "./mail-store.ts";

export interface LmtpServer {
  /** 0 on a Unix socket. */
  readonly port: number;
  connect(): Promise<LmtpTestClient>;
  stop(): Promise<void>;
}

export interface LmtpServerOptions {
  readonly flags?: readonly string[];
  /** Listens there instead of on a port. */
  readonly socketPath?: string;
  readonly overrides?: Partial<WorkerOptions>;
}

export async function startLmtpServer(store: MailStore, options: LmtpServerOptions = {}): Promise<LmtpServer> {
  const { config, log } = store;
  const { flags = [], socketPath, overrides } = options;
  const mail = new Mail(config);
  const program = {
    program: "cyr_lmtpd",
    ownFlags: "aq",
    prepare: (context: Parameters<typeof prepareLmtp>[0]) => prepareLmtp(context, mail),
  };
  const { worker, close } = await startWorker({
    program,
    service: "lmtp",
    config,
    log,
    options: parseServiceOptions(flags, program.ownFlags),
    overrides: { loginTimeoutMs: 60_000, ...overrides },
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => worker.accept(socket));
  await new Promise<void>((resolve) => {
    if (socketPath === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(socketPath, resolve);
  });
  const port = socketPath === undefined ? (server.address() as AddressInfo).port : 0;
  return {
    port,
    async connect() {
      const client = new LmtpTestClient(socketPath === undefined ? connect(port, "127.0.0.1") : connect(socketPath));
      await client.reply();
      return client;
    },
    async stop() {
      server.close();
      await worker.terminate();
      await close();
    },
  };
}

export class LmtpTestClient {
  readonly socket: Socket;
  #text = "";
  #ended = false;
  #notify: () => void = () => {};
  /** Chunks in which octets arrived. */
  readonly writes: string[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.writes.push(chunk.toString("latin1"));
      this.#text += chunk.toString("latin1");
      this.#notify();
    });
    socket.on("error", () => this.#notify());
    socket.on("close", () => {
      this.#ended = true;
      this.#notify();
    });
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  /** The next reply, its lines joined by "\n" without line ends; "EOF" when the connection has ended. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#text);
      if (found) {
        this.#text = this.#text.slice(found[0].length);
        return found[0].slice(0, -2).replaceAll("\r\n", "\n");
      }
      if (this.#ended) return this.#text === "" ? "EOF" : this.#text;
      await new Promise<void>((resolve) => (this.#notify = resolve));
    }
  }

  async replies(count: number): Promise<string[]> {
    const all: string[] = [];
    for (let n = 0; n < count; n++) all.push(await this.reply());
    return all;
  }

  /** Sends a line and waits for its reply. */
  say(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** A whole transaction; one reply for each recipient. `message` is sent as it is, and the final dot. */
  async deliver(
    message: string | Buffer,
    recipients: readonly string[],
    sender = "<sender@example.org>",
  ): Promise<string[]> {
    await this.say(`MAIL FROM:${sender}`);
    for (const recipient of recipients) await this.say(`RCPT TO:<${recipient}>`);
    await this.say("DATA");
    this.send(message);
    this.send(".\r\n");
    return this.replies(recipients.length);
  }
}
