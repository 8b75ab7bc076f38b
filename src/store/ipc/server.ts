/** The writer's end of the socket: takes requests of any number of clients, answers them, and tells each what changed in the mailboxes it watches. */
import { chmodSync, existsSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Log } from "../../base/log.ts";
import type { UniqueId } from "../../formats/ids.ts";
import type { Changes } from "../writer/changes.ts";
import type { WriteRequest } from "../writer/group.ts";
import type { Answer } from "../writer/replies.ts";
import { type ClaimAnswer, Claims, MAX_CLAIM_NAME } from "./claims.ts";
import { encodeFrame, type Frame, FrameReader } from "./frames.ts";

/** What the server needs of the writer. */
export interface WriterPort {
  submit(request: WriteRequest): void;
  storedAnswer(client: string, id: number): Answer | undefined;
  takeOver(client: string, id: number, answer: WriteRequest["answer"]): boolean;
  forgetClient(client: string): void;
  settle(): Promise<void>;
  status(): object;
}

/** Frames from a client. `id` 0 is not used; `c` is the highest id up to which every answer has arrived. */
export type ClientFrame =
  | { readonly t: "hello"; readonly client: string; readonly watch: readonly UniqueId[] }
  | {
      readonly t: "ask";
      readonly id: number;
      readonly c: number;
      readonly v: string;
      readonly a: unknown;
      readonly who: unknown;
      /** Asked before, of an earlier life of the writer or the connection. */
      readonly again?: boolean;
    }
  | { readonly t: "watch" | "unwatch"; readonly box: UniqueId }
  | { readonly t: "settle" | "status"; readonly id: number }
  | { readonly t: "claim"; readonly id: number; readonly name: string; readonly who: string; readonly timeout: number }
  | { readonly t: "release"; readonly name: string }
  | { readonly t: "bye" };

/** Frames to a client. A change is [uniqueid, modseq, first uid, last uid]. */
export type ServerFrame =
  | { readonly t: "answer"; readonly id: number; readonly a: Answer }
  | { readonly t: "done"; readonly id: number; readonly a?: object }
  | { readonly t: "claimed"; readonly id: number; readonly a: ClaimAnswer }
  /** From here on changes of the mailbox are told. */
  | { readonly t: "watching"; readonly box: UniqueId }
  | {
      readonly t: "changes";
      readonly m: readonly (readonly [UniqueId, number, number, number])[];
      readonly l: boolean;
    };

/** Octets queued for a client that does not read; it is cut off beyond. */
const MAX_QUEUED_OCTETS = 64 << 20;

class ClientConnection {
  readonly socket: Socket;
  readonly watched = new Set<UniqueId>();
  client = "";
  private queue: Uint8Array[] = [];
  private flushing = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  send(frame: ServerFrame): void {
    this.queue.push(...encodeFrame(frame));
    if (this.flushing) return;
    this.flushing = true;
    // All answers of a group leave in one write.
    queueMicrotask(() => {
      this.flushing = false;
      const out = this.queue;
      this.queue = [];
      if (this.socket.destroyed) return;
      this.socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
      if (this.socket.writableLength > MAX_QUEUED_OCTETS) this.socket.destroy(new Error("client does not read"));
    });
  }
}

export class WriterServer {
  private readonly port: WriterPort;
  private readonly log: Log;
  private readonly server: Server;
  private readonly connections = new Set<ClientConnection>();
  readonly claims: Claims;

  /** @param claimDirectory where named locks are shown as files */
  constructor(port: WriterPort, log: Log, claimDirectory?: string) {
    this.port = port;
    this.log = log;
    this.claims = new Claims(claimDirectory, log);
    this.server = createServer((socket) => this.accept(socket));
  }

  /** Listens on a Unix socket of mode 0600. A socket file left by a dead writer is removed; the store's lock has shown that it is dead. */
  listen(path: string): Promise<void> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (existsSync(path)) unlinkSync(path);
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      // The socket file is made within the call. The mask is the whole process's, also its threads', so it goes back at once.
      const before = process.umask(0o177);
      try {
        this.server.listen(path, () => {
          chmodSync(path, 0o600);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
  }

  publish(changes: Changes): void {
    for (const connection of this.connections) {
      const mailboxes = changes.mailboxes
        .filter(({ uniqueId }) => connection.watched.has(uniqueId))
        .map(({ uniqueId, modseq, firstUid, lastUid }) => [uniqueId, modseq, firstUid, lastUid] as const);
      if (changes.list || mailboxes.length > 0) connection.send({ t: "changes", m: mailboxes, l: changes.list });
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const { socket } of this.connections) socket.end();
    setTimeout(() => {
      for (const { socket } of this.connections) socket.destroy();
    }, 200).unref();
    await closed;
  }

  private accept(socket: Socket): void {
    const connection = new ClientConnection(socket);
    this.connections.add(connection);
    const reader = new FrameReader();
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk, (frame) => this.handle(connection, frame));
      } catch (error) {
        this.log.err("bad frame from a client of the store", { error: String(error) });
        socket.destroy();
      }
    });
    socket.on("error", (error) => this.log.debug("client of the store", { error: String(error) }));
    socket.on("close", () => {
      this.connections.delete(connection);
      this.claims.releaseAll(connection);
    });
  }

  private handle(connection: ClientConnection, { json, octets }: Frame): void {
    const frame = json as unknown as ClientFrame;
    switch (frame.t) {
      case "hello":
        connection.client = String(frame.client);
        for (const box of frame.watch) connection.watched.add(box);
        return;
      case "ask":
        this.ask(connection, frame, octets);
        return;
      case "watch":
        connection.watched.add(frame.box);
        connection.send({ t: "watching", box: frame.box });
        return;
      case "unwatch":
        connection.watched.delete(frame.box);
        return;
      case "settle":
        this.port.settle().then(
          () => connection.send({ t: "done", id: frame.id }),
          (error: unknown) => this.log.err("settle failed", { error: String(error) }),
        );
        return;
      case "status":
        connection.send({ t: "done", id: frame.id, a: { ...this.port.status(), claims: this.claims.list() } });
        return;
      case "claim":
        this.claims.claim(connection, frame.name.slice(0, MAX_CLAIM_NAME), frame.who, frame.timeout, (a) => {
          connection.send({ t: "claimed", id: frame.id, a });
        });
        return;
      case "release":
        this.claims.release(connection, frame.name.slice(0, MAX_CLAIM_NAME));
        return;
      case "bye":
        this.port.forgetClient(connection.client);
        return;
    }
  }

  private ask(connection: ClientConnection, frame: ClientFrame & { t: "ask" }, octets: readonly Uint8Array[]): void {
    const { id } = frame;
    if (frame.again) {
      const stored = this.port.storedAnswer(connection.client, id);
      if (stored) {
        connection.send({ t: "answer", id, a: stored });
        return;
      }
      if (this.port.takeOver(connection.client, id, (a) => connection.send({ t: "answer", id, a }))) return;
    }
    this.port.submit({
      client: connection.client,
      id,
      verb: frame.v,
      args: frame.a,
      octets,
      caller: frame.who,
      confirmed: frame.c,
      answer: (answer) => connection.send({ t: "answer", id, a: answer }),
    });
  }
}
