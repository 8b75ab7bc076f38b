/** The smallest clients that interop tests need: one IMAP and one LMTP connection over a plain socket. */
import { connect, type Socket } from "node:net";

/** Octets in, lines and counted octets out. One reader at a time. */
class Wire {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new Error("connection closed")));
  }

  #end(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }

  async #more(): Promise<void> {
    if (this.#error) throw this.#error;
    await new Promise<void>((done) => {
      this.#wake = done;
    });
    this.#wake = undefined;
  }

  /** The next line without its CRLF, as latin1. */
  async line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#buffer.indexOf("\r\n", from, "latin1");
      if (end >= 0) {
        const text = this.#buffer.toString("latin1", 0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return text;
      }
      from = Math.max(0, this.#buffer.length - 1);
      await this.#more();
    }
  }

  async octets(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    const octets = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return octets;
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One answer: untagged ones with literals in place, latin1, CRLF between lines of one answer. */
export interface ImapAnswer {
  readonly untagged: readonly string[];
  /** The tagged line without the tag: `OK Completed`. */
  readonly status: string;
}

export class ImapConnection {
  readonly #wire: Wire;
  #tag = 0;

  constructor(socket: Socket) {
    this.#wire = new Wire(socket);
  }

  static async open(port: number, user: string, password: string): Promise<ImapConnection> {
    const imap = new ImapConnection(connect({ port, host: "127.0.0.1", noDelay: true }));
    await imap.answer();
    const { status } = await imap.command(`LOGIN ${user} ${password}`);
    if (!status.startsWith("OK")) throw new Error(`login: ${status}`);
    return imap;
  }

  /** One answer line with its literals. */
  async answer(): Promise<string> {
    let text = "";
    for (;;) {
      const line = await this.#wire.line();
      text += line;
      const literal = /~?\{(\d+)\}$/.exec(line);
      if (!literal) return text;
      const octets = await this.#wire.octets(Number(literal[1]));
      text += `\r\n${octets.toString("latin1")}`;
    }
  }

  async command(text: string, ...literals: readonly Uint8Array[]): Promise<ImapAnswer> {
    const tag = `t${++this.#tag}`;
    const parts = text.split("~LITERAL~");
    this.#wire.write(`${tag} ${parts[0]}`);
    literals.forEach((literal, i) => {
      this.#wire.write(`{${literal.length}+}\r\n`);
      this.#wire.write(literal);
      this.#wire.write(parts[i + 1] ?? "");
    });
    this.#wire.write("\r\n");
    return this.#completion(tag);
  }

  /** Sends many commands at once and reads their answers in order. */
  async pipeline(texts: readonly string[]): Promise<ImapAnswer[]> {
    const first = this.#tag + 1;
    this.#tag += texts.length;
    this.#wire.write(texts.map((text, i) => `t${first + i} ${text}\r\n`).join(""));
    const answers: ImapAnswer[] = [];
    for (let i = 0; i < texts.length; i++) answers.push(await this.#completion(`t${first + i}`));
    return answers;
  }

  async #completion(tag: string): Promise<ImapAnswer> {
    const untagged: string[] = [];
    for (;;) {
      const line = await this.answer();
      if (line.startsWith(`${tag} `)) return { untagged, status: line.slice(tag.length + 1) };
      untagged.push(line);
    }
  }

  close(): void {
    this.#wire.close();
  }
}

export class LmtpConnection {
  readonly #wire: Wire;

  constructor(socket: Socket) {
    this.#wire = new Wire(socket);
  }

  static async open(at: { port: number; host: string } | { path: string }): Promise<LmtpConnection> {
    const lmtp = new LmtpConnection(connect(at));
    await lmtp.reply();
    await lmtp.command("LHLO client.example");
    return lmtp;
  }

  /** All lines of one reply, joined with LF. */
  async reply(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#wire.line();
      lines.push(line);
      if (line[3] !== "-") return lines.join("\n");
    }
  }

  command(line: string): Promise<string> {
    this.#wire.write(`${line}\r\n`);
    return this.reply();
  }

  /** Sends one message; dots are stuffed here. @returns the reply after the dot, one recipient only */
  async deliver(from: string, to: string, message: Uint8Array): Promise<string> {
    for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA"]) {
      const reply = await this.command(line);
      if (!/^[23]/.test(reply)) return reply;
    }
    const text = Buffer.from(message).toString("latin1").replaceAll(/^\./gm, "..");
    this.#wire.write(Buffer.from(text.endsWith("\r\n") ? text : `${text}\r\n`, "latin1"));
    return this.command(".");
  }

  close(): void {
    this.#wire.close();
  }
}
