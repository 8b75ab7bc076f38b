/** An LMTP client for load (RFC 2033): every command waits for its reply, no promise on the hot path. */
import { connect, type Socket } from "node:net";

/** The last line of each reply, in order. */
export type OnReplies = (replies: readonly string[]) => void;

const endOfData = Buffer.from(".\r\n");

export class LmtpClient {
  readonly #socket: Socket;
  #wanted = 1;
  #replies: string[] = [];
  #partial = "";
  #onReplies: OnReplies | undefined;
  #broken: Error | undefined;
  #onFailure: (error: Error) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("error", (error) => this.#broke(error));
    socket.on("close", () => this.#broke(new Error("connection closed by the server")));
  }

  /** Connects to 127.0.0.1, waits for the greeting and says LHLO. */
  static async connect(port: number): Promise<LmtpClient> {
    const client = await new Promise<LmtpClient>((done, fail) => {
      const made = new LmtpClient(connect({ port, host: "127.0.0.1", noDelay: true }));
      made.#onFailure = fail;
      made.#onReplies = () => done(made);
    });
    await new Promise<void>((done, fail) => {
      client.#onFailure = fail;
      client.send("LHLO bench.example", 1, ([reply = ""]) => {
        if (reply.startsWith("250")) done();
        else fail(new Error(`LHLO: ${reply}`));
      });
    });
    return client;
  }

  onFailure(callback: (error: Error) => void): void {
    this.#onFailure = callback;
  }

  send(command: string, replies: number, onReplies: OnReplies): void {
    const broken = this.#broken;
    if (broken) queueMicrotask(() => this.#onFailure(broken));
    this.#wanted = replies;
    this.#onReplies = onReplies;
    this.#socket.write(`${command}\r\n`, "latin1");
  }

  /**
   * One whole transaction, a command at a time.
   * @param beforeDot called right before the message's final dot is sent, when given
   * @param onDone with undefined when all recipients were accepted, else with the reply that refused
   */
  deliver(
    recipients: readonly string[],
    message: { readonly head: Buffer; readonly rest: Buffer },
    onDone: (refusal: string | undefined) => void,
    beforeDot?: () => void,
  ): void {
    let next = 0;
    const refused = (reply: string): void => {
      // The next transaction must find a clean state.
      this.send("RSET", 1, () => onDone(reply));
    };
    const recipient = ([reply = ""]: readonly string[]): void => {
      if (!reply.startsWith("250")) return refused(reply);
      if (next < recipients.length) return this.send(`RCPT TO:<${recipients[next++]}>`, 1, recipient);
      this.send("DATA", 1, ([go = ""]) => {
        if (!go.startsWith("354")) return refused(go);
        this.#wanted = recipients.length;
        this.#onReplies = (replies) => onDone(replies.find((text) => !text.startsWith("250")));
        if (beforeDot) {
          this.#socket.write(Buffer.concat([message.head, message.rest]), () => {
            beforeDot();
            this.#socket.write(endOfData);
          });
          return;
        }
        this.#socket.cork();
        this.#socket.write(message.head);
        this.#socket.write(message.rest);
        this.#socket.write(endOfData);
        this.#socket.uncork();
      });
    };
    this.send("MAIL FROM:<sender@bench.example>", 1, recipient);
  }

  close(): void {
    this.#onFailure = () => {};
    this.#socket.destroy();
  }

  #broke(error: Error): void {
    this.#broken ??= error;
    this.#onFailure(this.#broken);
  }

  #data(chunk: Buffer): void {
    const text = this.#partial + chunk.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n", start)) {
      // "250-" continues, "250 " ends a reply.
      if (text[start + 3] !== "-") this.#replies.push(text.slice(start, end));
      start = end + 2;
    }
    this.#partial = text.slice(start);
    if (this.#replies.length < this.#wanted) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#onReplies?.(replies);
  }
}
