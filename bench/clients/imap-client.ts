/**
 * An IMAP client for load: one command outstanding, no promise and no parsing on the hot path.
 *
 * A reply is over when a chunk ends with a line that begins with the command's tag. Nothing follows a tagged line while
 * no other command is outstanding, so only the last line of each chunk is looked at, whatever the reply's length.
 */
import { connect, type Socket } from "node:net";
import type { ReplyTally } from "./reply-tally.ts";

/** @param status the tagged line without tag and CRLF: "OK Completed" */
export type OnReply = (status: string) => void;

const lineFeed = 10;
/** How much of an unfinished line is kept: a tag and the beginning of its text. */
const keptOctets = 200;

export class ImapClient {
  /** Octets received so far. */
  octets = 0;
  /** When set, every reply's untagged lines are counted; costs a look at each line. */
  tally: ReplyTally | undefined;
  /** When set, called for each line that comes; for pipelines. */
  onLine: ((line: string) => void) | undefined;
  readonly #socket: Socket;
  #tag = "";
  #number = 0;
  #onReply: OnReply | undefined;
  #onFailure: (error: Error) => void = () => {};
  #broken: Error | undefined;
  /** The beginning of a line whose end has not come yet. */
  #partial: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("error", (error) => this.#broke(error));
    socket.on("close", () => this.#broke(new Error("connection closed by the server")));
  }

  /** Connects to 127.0.0.1 and waits for the greeting. */
  static connect(port: number): Promise<ImapClient> {
    return new Promise((done, fail) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      const client = new ImapClient(socket);
      client.#onFailure = fail;
      client.#tag = "*";
      client.#onReply = () => done(client);
    });
  }

  static async login(port: number, user: string, password: string): Promise<ImapClient> {
    const client = await ImapClient.connect(port);
    await client.request(`LOGIN ${user} ${password}`);
    return client;
  }

  /** Sends one command; `onReply` is called once, with whatever the server said. */
  send(command: string, onReply: OnReply): void {
    this.#begin(onReply);
    this.#socket.write(`${this.#tag} ${command}\r\n`, "latin1");
  }

  /** APPEND with a literal that does not wait (RFC 7888). */
  append(mailbox: string, arguments_: string, message: { head: Buffer; rest: Buffer }, onReply: OnReply): void {
    this.#begin(onReply);
    const size = message.head.length + message.rest.length;
    const command = `${this.#tag} APPEND ${mailbox} ${arguments_}{${size}+}\r\n`;
    this.#socket.cork();
    this.#socket.write(Buffer.concat([Buffer.from(command, "latin1"), message.head]));
    this.#socket.write(message.rest);
    this.#socket.write("\r\n");
    this.#socket.uncork();
  }

  /** Like `send`, for everything that is not measured. @throws when the reply is not OK, or the connection ends */
  request(command: string): Promise<string> {
    return new Promise((done, fail) => {
      this.onFailure(fail);
      this.send(command, (status) => {
        if (status.startsWith("OK")) done(status);
        else fail(new Error(`${command.split(" ", 1)[0]}: ${status}`));
      });
    });
  }

  /** What to do when the connection breaks; the client does not come back by itself. */
  onFailure(callback: (error: Error) => void): void {
    this.#onFailure = callback;
  }

  /** Sends octets as they are, outside of commands; for pipelines. */
  write(octets: string | Buffer): boolean {
    return this.#socket.write(octets);
  }

  /** Resolves when what was written has gone to the kernel. */
  drained(): Promise<void> {
    return new Promise((done) => this.#socket.once("drain", done));
  }

  close(): void {
    this.#onFailure = () => {};
    this.#socket.destroy();
  }

  #broke(error: Error): void {
    this.#broken ??= error;
    this.#onFailure(this.#broken);
  }

  #begin(onReply: OnReply): void {
    const broken = this.#broken;
    if (broken) queueMicrotask(() => this.#onFailure(broken));
    this.#number++;
    this.#tag = `t${this.#number}`;
    this.#onReply = onReply;
  }

  #data(chunk: Buffer): void {
    this.octets += chunk.length;
    this.tally?.push(chunk);
    if (this.onLine) {
      this.#lines(chunk);
      return;
    }
    const length = chunk.length;
    if (chunk[length - 1] !== lineFeed) {
      const start = chunk.lastIndexOf(lineFeed) + 1;
      const piece = chunk.subarray(start, start + keptOctets);
      if (start > 0) this.#partial = Buffer.from(piece);
      else if (this.#partial.length < keptOctets) this.#partial = Buffer.concat([this.#partial, piece]);
      return;
    }
    const before = length > 1 ? chunk.lastIndexOf(lineFeed, length - 2) : -1;
    const piece = chunk.toString("latin1", before + 1, Math.min(length, before + 1 + keptOctets));
    const line = before < 0 && this.#partial.length > 0 ? this.#partial.toString("latin1") + piece : piece;
    if (this.#partial.length > 0) this.#partial = Buffer.alloc(0);
    if (!line.startsWith(this.#tag) || line[this.#tag.length] !== " ") return;
    const onReply = this.#onReply;
    this.#onReply = undefined;
    onReply?.(line.slice(this.#tag.length + 1).trimEnd());
  }

  #lines(chunk: Buffer): void {
    const text = this.#partial.toString("latin1") + chunk.toString("latin1");
    const lines = text.split("\r\n");
    this.#partial = Buffer.from(lines.pop() ?? "", "latin1");
    for (const line of lines) this.onLine?.(line);
  }
}
