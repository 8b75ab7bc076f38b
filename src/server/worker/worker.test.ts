import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import { localAddress, openListener } from "../../base/native/index.ts";
import type { Connection } from "../connection/connection.ts";
import type { Session, ShutdownReason } from "../connection/session.ts";
import { Worker, type WorkerOptions } from "./worker.ts";

/** Lines in, lines out; some words have effects. */
class EchoSession implements Session {
  readonly #connection: Connection;
  #rest = "";
  constructor(connection: Connection) {
    this.#connection = connection;
    connection.writeText("hello\r\n");
  }
  octets(octets: Buffer): void | Promise<void> {
    this.#rest += octets.toString("latin1");
    for (let end = this.#rest.indexOf("\n"); end >= 0; end = this.#rest.indexOf("\n")) {
      const line = this.#rest.slice(0, end).trim();
      this.#rest = this.#rest.slice(end + 1);
      const wait = this.#command(line);
      if (wait) return wait;
    }
  }
  shutdown(reason: ShutdownReason): void {
    this.#connection.end(Buffer.from(`bye ${reason}\r\n`));
  }
  timedOut(): void {
    this.#connection.end(Buffer.from("too slow\r\n"));
  }
  #command(line: string): Promise<void> | undefined {
    if (line === "login") this.#connection.loggedIn("fred");
    if (line === "idle") this.#connection.setIdleTimeout(30);
    if (line === "throw") throw new Error("thrown");
    if (line === "reject") return Promise.reject(new Error("rejected"));
    if (line === "floating") void Promise.reject(new Error("floating"));
    if (line === "later") setImmediate(() => Promise.reject(new Error("later")));
    if (line === "quit") this.#connection.end(Buffer.from("bye\r\n"));
    else this.#connection.writeText(`${line}\r\n`);
    return undefined;
  }
}

interface Running {
  readonly worker: Worker;
  readonly port: number;
  readonly lines: string[];
}

function start(options: Partial<WorkerOptions> = {}): Running {
  const lines: string[] = [];
  const keep = (text: string): void => void lines.push(text);
  const log: Log = { ...silentLog, err: keep, warning: keep, notice: keep, info: keep };
  const worker = new Worker({
    service: "echo",
    log,
    createSession: (connection) => new EchoSession(connection),
    shutdownGraceMs: 200,
    ...options,
  });
  const fd = openListener({ type: "stream", address: { family: "ipv4", address: "127.0.0.1", port: 0 }, backlog: 64 });
  const address = localAddress(fd);
  worker.listen(fd);
  after(() => worker.terminate());
  return { worker, port: address.family === "unix" ? 0 : address.port, lines };
}

/** A client that keeps what it got. */
class Client {
  readonly socket: Socket;
  text = "";
  ended = false;
  #wake: () => void = () => {};
  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (octets) => {
      this.text += octets.toString("latin1");
      this.#wake();
    });
    this.socket.on("error", () => this.#wake());
    this.socket.on("close", () => {
      this.ended = true;
      this.#wake();
    });
    after(() => this.socket.destroy());
  }
  send(text: string): void {
    this.socket.write(text);
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
  async sees(text: string): Promise<void> {
    await this.until(() => this.text.includes(text) || this.ended);
    assert.ok(this.text.includes(text), `expected ${JSON.stringify(text)} in ${JSON.stringify(this.text)}`);
  }
  closed(): Promise<void> {
    return this.until(() => this.ended);
  }
}

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("greets, echoes, says goodbye", async () => {
  const { port, worker } = start();
  const client = new Client(port);
  await client.sees("hello");
  client.send("one\r\nquit\r\n");
  await client.closed();
  assert.equal(client.text, "hello\r\none\r\nbye\r\n");
  await eventually(() => worker.size === 0);
});

test("at the cap clients wait in the queue, and none is dropped", async () => {
  const { port, worker } = start({ maxSessions: 5 });
  const clients = Array.from({ length: 12 }, () => new Client(port));
  await Promise.all(clients.map((client) => once(client.socket, "connect")));
  await eventually(() => clients.filter((client) => client.text !== "").length === 5);
  assert.equal(worker.accepting, false);
  const greeted = clients.filter((client) => client.text !== "");
  for (const client of greeted) client.send("quit\r\n");
  await eventually(() => clients.filter((client) => client.text !== "").length === 10);
  assert.equal(worker.size, 5);
  worker.setMaxSessions(-1);
  await eventually(() => clients.every((client) => client.text !== ""));
  assert.ok(clients.every((client) => client.text.startsWith("hello")));
});

test("a fault ends its own session only, wherever it happens", async () => {
  const { port, worker, lines } = start();
  const onRejection = (error: unknown): void => worker.uncaught(error);
  const bystander = new Client(port);
  await bystander.sees("hello");
  const inTest = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", onRejection);
  for (const fault of ["throw", "reject", "floating", "later"]) {
    const client = new Client(port);
    await client.sees("hello");
    client.send(`${fault}\r\n`);
    await client.closed();
  }
  process.off("unhandledRejection", onRejection);
  for (const listener of inTest) process.on("unhandledRejection", listener);
  assert.equal(lines.filter((line) => line.includes("ended by a fault")).length, 4);
  assert.ok(lines.every((line) => !line.includes("Fatal")));
  bystander.send("still here\r\n");
  await bystander.sees("still here");
  assert.equal(worker.retiring, false);
});

test("terminate: everyone gets a goodbye, those who do not read are cut off", async () => {
  const { port, worker } = start();
  const clients = Array.from({ length: 3 }, () => new Client(port));
  await Promise.all(clients.map((client) => client.sees("hello")));
  const stuck = connect(port, "127.0.0.1");
  after(() => stuck.destroy());
  await eventually(() => worker.size === 4);
  await worker.terminate();
  assert.equal(worker.size, 0);
  await Promise.all(clients.map((client) => client.closed()));
  for (const client of clients) assert.equal(client.text, "hello\r\nbye terminate\r\n");
});

test("retire: stops accepting at once, ends idle sessions, finishes when the last is gone", async () => {
  const { port, worker } = start({ retireSpreadMs: 0 });
  const client = new Client(port);
  await client.sees("hello");
  worker.retire("test");
  assert.equal(worker.accepting, false);
  await client.sees("bye retire");
  await worker.finished;
  const late = new Client(port);
  await late.closed();
  assert.equal(late.text, "");
});

test("a reader that does not read costs bounded memory and hears no more of its commands", async () => {
  let written = 0;
  let producing: Connection | undefined;
  const { port } = start({
    createSession: (connection) => {
      producing = connection;
      return {
        octets: () => {
          while (connection.writable && written < 64 * 1024 * 1024) {
            connection.write(Buffer.alloc(64 * 1024, "x"));
            written += 64 * 1024;
          }
        },
        drained: () => {},
      };
    },
  });
  const socket = connect(port, "127.0.0.1");
  after(() => socket.destroy());
  socket.pause();
  socket.write("go\r\n");
  await eventually(() => written > 0);
  assert.ok(producing!.pendingOctets < 1024 * 1024, String(producing!.pendingOctets));
  const before = written;
  const seen = producing!.octetsIn;
  socket.write("go again\r\n".repeat(1_000));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(written, before);
  assert.equal(producing!.octetsIn, seen);
  socket.resume();
  await eventually(() => producing!.octetsIn > seen);
});

test("who writes on regardless is cut off at the output limit", async () => {
  const { port, worker, lines } = start({
    createSession: (connection) => ({
      octets: () => {
        for (let i = 0; i < 1_000 && connection.open; i++) connection.write(Buffer.alloc(64 * 1024));
      },
    }),
  });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  after(() => socket.destroy());
  socket.pause();
  socket.write("go\r\n");
  await eventually(() => lines.some((line) => line.includes("does not read")));
  await eventually(() => worker.size === 0);
});

test("every write says when its octets may be used again, also those that are lost", async () => {
  let done = 0;
  const { port, worker } = start({
    createSession: (connection) => ({
      octets: () => {
        for (let i = 0; i < 50; i++) connection.write(Buffer.alloc(64 * 1024), () => done++);
        connection.destroy();
        connection.write(Buffer.from("too late"), () => done++);
      },
    }),
  });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  after(() => socket.destroy());
  socket.pause();
  socket.write("go\r\n");
  await eventually(() => worker.size === 0 && done > 0);
  assert.equal(done, 51);
});

test("one more connection without login ends the oldest, not the newcomer", async () => {
  const { port, worker } = start({ preLogin: { perAddress: 3 } });
  const clients: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const client = new Client(port);
    await client.sees("hello");
    if (i === 0) {
      client.send("login\r\n");
      await client.sees("login");
    }
    clients.push(client);
  }
  const newest = new Client(port);
  await newest.sees("hello");
  await clients[1]!.closed();
  assert.equal(clients[0]!.ended, false, "logged in ones do not count");
  assert.equal(worker.size, 4);
});

test("a TCP client whose address cannot be told any more gets no session; one on a Unix socket has none", () => {
  const sessions: Connection[] = [];
  const { worker } = start({
    createSession(connection) {
      sessions.push(connection);
      return { octets: () => undefined };
    },
  });
  const reset = Object.assign(new PassThrough(), { localAddress: "192.0.2.1", localPort: 143 });
  worker.accept(reset);
  assert.deepEqual([reset.destroyed, sessions.length, worker.size], [true, 0, 0]);
  worker.accept(new PassThrough());
  assert.deepEqual([sessions.length, sessions[0]!.peer], [1, "[local]"]);
});

test("who does not log in in time, or is idle for too long afterwards, is told so", async () => {
  const { port } = start({ loginTimeoutMs: 30, tickMs: 10 });
  const [silent, idle] = [new Client(port), new Client(port)];
  idle.send("login\r\n");
  await silent.closed();
  assert.equal(silent.text, "hello\r\ntoo slow\r\n");
  assert.equal(idle.ended, false);
  idle.send("idle\r\n");
  await idle.closed();
  assert.match(idle.text, /too slow/);
});

test("PROXY header gives the client's address; without one the connection is closed", async () => {
  const { port, worker } = start({ proxyProtocol: true });
  const client = new Client(port);
  client.send("PROXY TCP4 192.0.2.7 198.51.100.1 1234 143\r\nearly\r\n");
  await client.sees("early");
  const [connection] = worker.connections;
  assert.equal(connection!.peer, "[192.0.2.7]");
  assert.equal(connection!.localPort, 143);
  const plain = new Client(port);
  plain.send("a1 NOOP\r\n");
  await plain.closed();
  assert.equal(plain.text, "");
});
