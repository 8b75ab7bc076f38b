/**
 * A session in IDLE among thousands. Receiving must cost next to nothing, or the figures are the load's own: one buffer
 * for all sessions, no streams, and the octets are only looked at for the EXISTS of new mail.
 */
import { connect, type Socket } from "node:net";

const buffer = Buffer.allocUnsafe(65_536);
const exists = Buffer.from(" EXISTS\r\n");

export class IdleClient {
  /** Called when the server says how many messages there are, while in IDLE. */
  onExists: () => void = () => {};
  readonly #socket: Socket;
  /** What the reply waited for begins with, and who waits. Empty in IDLE. */
  #wanted = "";
  #done: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  #text = "";
  #idling = false;

  private constructor(port: number) {
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#received(length);
          return true;
        },
      },
    });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("connection closed by the server")));
  }

  /** Connects, logs in, selects INBOX and enters IDLE (RFC 2177). */
  static async open(port: number, user: string, password: string): Promise<IdleClient> {
    const client = new IdleClient(port);
    await client.#until("* OK", "");
    await client.#until("a OK", `a LOGIN ${user} ${password}\r\n`);
    await client.#until("b OK", "b SELECT INBOX\r\n");
    await client.#until("+", "c IDLE\r\n");
    client.#text = "";
    client.#idling = true;
    return client;
  }

  close(): void {
    this.#fail = () => {};
    this.#socket.destroy();
  }

  /** Sends, and resolves when a whole line that begins with `wanted` has come. Rejects at a NO or BAD, or the end. */
  #until(wanted: string, command: string): Promise<void> {
    return new Promise((done, fail) => {
      this.#text = "";
      this.#wanted = wanted;
      this.#done = done;
      this.#fail = fail;
      if (command !== "") this.#socket.write(command);
    });
  }

  #received(length: number): void {
    if (this.#idling) {
      // A server that cuts the line in two would be missed; one in IDLE writes a line whole.
      if (buffer.subarray(0, length).includes(exists)) this.onExists();
      return;
    }
    this.#text += buffer.toString("latin1", 0, length);
    if (!this.#text.endsWith("\n")) return;
    const last = this.#text.slice(this.#text.lastIndexOf("\n", this.#text.length - 2) + 1);
    if (last.startsWith(this.#wanted)) this.#done();
    else if (/^[abc] (NO|BAD)/.test(last)) this.#fail(new Error(last.trim()));
  }
}
