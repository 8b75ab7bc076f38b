/** A client of line protocols that shows everything as text (latin1), CRLF as "\n". */
import { connect, type Socket } from "node:net";

const DEFAULT_TIMEOUT_MS = 10_000;

export class WireClient {
  readonly socket: Socket;
  #text = "";
  #waiting: (() => void) | undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (octets: Buffer) => {
      this.#text += octets.toString("latin1");
      this.#waiting?.();
    });
    this.socket.on("error", () => this.socket.destroy());
    this.socket.on("close", () => {
      this.closed = true;
      this.#waiting?.();
    });
  }

  /** Text that nobody has taken yet. */
  get text(): string {
    return this.#text;
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  /** Takes the text up to the end of what `pattern` matches. @throws when that does not come */
  async until(pattern: RegExp, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return text.replaceAll("\r\n", "\n");
      }
      const left = deadline - performance.now();
      if (this.closed || left <= 0)
        throw new Error(`${pattern} did not come${this.closed ? ", closed" : ""}; last: ${this.#text.slice(-2_000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
  }

  async untilClosed(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    while (!this.closed) {
      if (performance.now() > deadline) throw new Error(`not closed; last: ${this.#text.slice(-2_000)}`);
      await new Promise<void>((resolve) => setTimeout(resolve, 5));
    }
    const text = this.#text;
    this.#text = "";
    return text.replaceAll("\r\n", "\n");
  }

  end(): void {
    this.socket.destroy();
  }
}

/** One IMAP session. */
export class ImapClient extends WireClient {
  #next = 1;

  static async open(port: number): Promise<ImapClient> {
    const client = new ImapClient(port);
    await client.until(/^\* [^\n]*\r\n/);
    return client;
  }

  static async login(port: number, user: string): Promise<ImapClient> {
    const client = await ImapClient.open(port);
    const answer = await client.command(`LOGIN ${user} secret`);
    if (!/^\S+ OK /m.test(answer)) throw new Error(answer);
    return client;
  }

  /** Sends a command and returns its answer, untagged lines included, the tag replaced by "TAG". */
  async command(text: string, timeoutMs?: number): Promise<string> {
    const tag = `t${this.#next++}`;
    this.send(`${tag} ${text}\r\n`);
    const answer = await this.until(new RegExp(`(^|\n)${tag} [^\n]*\n`), timeoutMs);
    return answer.replace(new RegExp(`(^|\n)${tag} `), "$1TAG ");
  }

  /** APPEND with a non-synchronising literal. */
  append(mailbox: string, message: string, options = ""): Promise<string> {
    return this.command(`APPEND ${mailbox} ${options}{${Buffer.byteLength(message, "latin1")}+}\r\n${message}`);
  }
}
