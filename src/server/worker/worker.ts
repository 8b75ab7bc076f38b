import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocketOptions } from "node:tls";
import type { Log } from "../../base/log.ts";
import { closeDescriptor, duplicate, setOption } from "../../base/native/index.ts";
import { Connection, type ConnectionHost } from "../connection/connection.ts";
import { canonicalAddress } from "../connection/peer.ts";
import { readProxyHeader } from "../connection/proxy-reader.ts";
import type { Session, ShutdownReason } from "../connection/session.ts";
import { Telemetry } from "../connection/telemetry.ts";
import { loginTimeoutMs, retireSpreadMs, shutdownGraceMs } from "../limits/limits.ts";
import { PreLoginRegistry } from "../limits/pre-login.ts";
import type { HostAccess } from "../limits/tcp-wrappers.ts";
import { type ProcFiles, type ProcRecord, takeEndRequests } from "../proc/proc-files.ts";
import { Listener } from "./listener.ts";
import { SessionGuard } from "./session-guard.ts";
import { type StatusChannel, statusCodes } from "./status-channel.ts";
import { TimerWheel } from "./timer-wheel.ts";

// Linux numbers.
const IPPROTO_TCP = 6;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

export interface WorkerOptions {
  /** cyrus.conf entry name: the daemon of hosts.allow, the service of process files. */
  readonly service: string;
  readonly log: Log;
  /** Makes the session behind a connection (TLS is up already with `implicitTls`) and sends the greeting. */
  readonly createSession: (connection: Connection) => Session;
  /** Absent: TLS is not configured. */
  readonly tlsOptions?: (() => TLSSocketOptions) | undefined;
  /** TLS from the first octet (imaps). */
  readonly implicitTls?: boolean;
  /** Every connection begins with a PROXY header, and is closed without one. */
  readonly proxyProtocol?: boolean;
  readonly procFiles?: ProcFiles | undefined;
  readonly procDirectory?: string | undefined;
  /** Process files are written at login, not a second later: other processes count logins by them. */
  readonly showsLoginsAtOnce?: boolean;
  readonly hostAccess?: HostAccess | undefined;
  /** Where `log/USER` directories are looked for; absent: no telemetry. */
  readonly telemetryDirectory?: string | undefined;
  /** Telemetry files are named by session id instead of process and number. */
  readonly telemetryBySessionId?: boolean;
  /** TCP keepalive, seconds and a count; 0 leaves the system's value. Absent: off. */
  readonly keepAlive?: { readonly idle: number; readonly interval: number; readonly count: number } | undefined;
  /** Most concurrent sessions; more wait in the kernel's queue. */
  readonly maxSessions?: number | undefined;
  readonly preLogin?: { readonly perAddress?: number; readonly inAll?: number };
  readonly loginTimeoutMs?: number;
  /** How fine timeouts are. */
  readonly tickMs?: number;
  /** Retiring: idle sessions are ended evenly over this time. */
  readonly retireSpreadMs?: number;
  readonly shutdownGraceMs?: number;
}

/** Serves connections of one service in one process: accepts, counts, times, guards and ends them. */
export class Worker implements ConnectionHost {
  readonly log: Log;
  readonly wheel: TimerWheel;
  readonly loginTimeoutMs: number;
  readonly #options: WorkerOptions;
  readonly #guard: SessionGuard<Connection>;
  readonly #connections = new Map<number, Connection>();
  readonly #preLogin: PreLoginRegistry<Connection>;
  readonly #listeners: Listener[] = [];
  readonly #empty = Promise.withResolvers<void>();
  #status: StatusChannel | undefined;
  #maxSessions: number;
  #nextNumber = 1;
  #state: "serving" | "retiring" | "terminating" = "serving";
  #retireTimer: NodeJS.Timeout | undefined;
  #reportedFull = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.log = options.log;
    this.#maxSessions = options.maxSessions ?? Number.POSITIVE_INFINITY;
    this.#preLogin = new PreLoginRegistry(options.preLogin);
    this.#guard = new SessionGuard((connection, error) => this.#sessionFailed(connection, error));
    this.loginTimeoutMs = options.loginTimeoutMs ?? loginTimeoutMs;
    this.wheel = new TimerWheel({
      tickMs: options.tickMs ?? 1_000,
      onError: (error) => this.log.err(`timer: ${errorText(error)}`),
    });
  }

  /** Open connections, those that are still saying goodbye included. */
  get size(): number {
    return this.#connections.size;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  get retiring(): boolean {
    return this.#state !== "serving";
  }

  /** True while new connections are accepted. */
  get accepting(): boolean {
    return this.#listeners.some((listener) => listener.listening);
  }

  /** Resolves when the worker has stopped for good and its last connection is gone. */
  get finished(): Promise<void> {
    return this.#empty.promise;
  }

  /** Accepts connections of a bound socket, which belongs to the worker from now on. */
  listen(fd: number, backlog?: number): void {
    const listener = new Listener({
      fd,
      backlog,
      door: { duplicate: (from) => duplicate(from), close: closeDescriptor },
      onConnection: (socket) => this.accept(socket),
      onError: (error) => {
        this.log.err(`cannot listen: ${error.message}`);
        this.retire("cannot listen");
      },
    });
    this.#listeners.push(listener);
    this.#adjustListening();
  }

  /** Reports to master; see StatusChannel. */
  reportTo(status: StatusChannel): void {
    this.#status = status;
    status.send(this.accepting ? statusCodes.available : statusCodes.unavailable);
    status.sessions(this.size);
  }

  /** Master's new share of `maxchild`; negative: no limit. */
  setMaxSessions(count: number): void {
    this.#maxSessions = count < 0 ? Number.POSITIVE_INFINITY : count;
    this.#adjustListening();
  }

  /** Takes over a connection that was accepted elsewhere (tests, systemd with Accept=yes, stdin). */
  accept(stream: Duplex): void {
    const socket = stream as Partial<Socket> & Duplex;
    const address = canonicalAddress(socket.remoteAddress);
    if (address === "" && socket.localAddress !== undefined) {
      // A TCP client that has reset the connection: what it sent could still be read, and nobody knows any more who it was.
      this.#status?.accepted();
      stream.on("error", () => undefined).destroy();
      return;
    }
    const connection = new Connection(this, this.#nextNumber++, stream, address, socket.remotePort ?? 0);
    connection.localAddress = canonicalAddress(socket.localAddress);
    connection.localPort = socket.localPort ?? 0;
    this.#connections.set(connection.number, connection);
    this.#status?.accepted();
    this.#status?.sessions(this.size);
    this.#adjustListening();
    if (address !== "") this.#setKeepAlive(socket);
    if (!this.#options.proxyProtocol) return this.#admit(connection);
    readProxyHeader(connection, (error) => {
      if (error === undefined) return this.#admit(connection);
      this.log.notice(`${connection.peer}: no valid PROXY header (${error}), connection closed`);
      connection.destroy();
    });
  }

  tlsOptions(): TLSSocketOptions | undefined {
    return this.#options.tlsOptions?.();
  }

  guard<A extends readonly unknown[]>(connection: Connection, call: (...args: A) => unknown, ...args: A): void {
    this.#guard.run(connection, call, ...args);
  }

  identityChanged(connection: Connection): void {
    void connection.telemetry?.close();
    connection.telemetry = undefined;
    if (connection.userid === "") {
      this.#preLogin.add(connection, connection.address)?.destroy();
    } else {
      this.#preLogin.remove(connection);
      this.#openTelemetry(connection);
    }
    this.describe(connection, {});
    const record = connection.procRecord as ProcRecord | undefined;
    if (record !== undefined && connection.userid !== "" && this.#options.showsLoginsAtOnce) {
      this.#options.procFiles?.flush(record);
    }
  }

  /** Shows in the process file what a session is doing. Cheap: written at most once a second. */
  describe(connection: Connection, { mailbox, command }: { mailbox?: string; command?: string }): void {
    const record = connection.procRecord as ProcRecord | undefined;
    if (record === undefined) return;
    this.#options.procFiles?.update(record, {
      service: this.#options.service,
      clientHost: connection.peer,
      userid: connection.userid,
      mailbox: mailbox ?? record.state.mailbox,
      command: command ?? record.state.command,
    });
  }

  closed(connection: Connection): void {
    if (!this.#connections.delete(connection.number)) return;
    this.#preLogin.remove(connection);
    const record = connection.procRecord as ProcRecord | undefined;
    if (record !== undefined) this.#options.procFiles?.close(record);
    this.#status?.sessions(this.size);
    this.#adjustListening();
    if (this.#state !== "serving" && this.size === 0) this.#finish();
  }

  /**
   * Stops accepting at once and ends idle sessions little by little, so that they do not all come back in the same second.
   * Busy ones are ended when they become idle. With `endSessions` false all end at their own pace.
   */
  retire(reason: string, { endSessions = true } = {}): void {
    if (this.#state !== "serving") return;
    this.#state = "retiring";
    this.log.info(`retiring: ${reason}`);
    this.#stopListening();
    if (this.size === 0) return this.#finish();
    if (!endSessions) return;
    const end = performance.now() + (this.#options.retireSpreadMs ?? retireSpreadMs);
    const step = (): void => {
      const turnsLeft = Math.max(1, Math.ceil((end - performance.now()) / 1_000));
      let quota = Math.ceil(this.size / turnsLeft);
      for (const connection of this.#connections.values()) {
        if (quota === 0) break;
        if (!connection.open || !connection.idle) continue;
        quota--;
        connection.shutdown("retire");
      }
      if (this.size > 0) this.#retireTimer = setTimeout(step, 1_000);
    };
    step();
  }

  /** Every session says goodbye; what is left after the grace is cut off. Resolves when all are gone. */
  async terminate(): Promise<void> {
    if (this.#state !== "terminating") {
      this.#state = "terminating";
      clearTimeout(this.#retireTimer);
      this.#stopListening();
      this.#endAll("terminate");
      if (this.size === 0) this.#finish();
      else {
        const cut = setTimeout(() => this.#destroyAll(), this.#options.shutdownGraceMs ?? shutdownGraceMs);
        void this.finished.then(() => clearTimeout(cut));
      }
    }
    await this.finished;
  }

  /** Ends the sessions that `requestSessionEnd` asked to end. */
  endRequested(): void {
    if (this.#options.procDirectory === undefined) return;
    for (const number of takeEndRequests(this.#options.procDirectory)) this.#connections.get(number)?.shutdown("ended");
  }

  /**
   * For process-wide handlers: an exception or rejection nobody caught. One that belongs to a session ends that session;
   * after any other the process is of doubtful health, so it retires.
   */
  uncaught(error: unknown): void {
    if (this.#guard.uncaught(error)) return;
    this.log.err(`Fatal error: ${errorText(error)}`);
    this.retire("uncaught error outside any session");
  }

  #admit(connection: Connection): void {
    if (connection.isClosed) return;
    const { hostAccess, service, procFiles } = this.#options;
    if (hostAccess?.refuses(service, connection.address)) {
      this.log.err(`refused connection from ${connection.peer}`);
      return connection.destroy();
    }
    const victim = this.#preLogin.add(connection, connection.address);
    if (victim !== undefined) {
      this.log.notice(`too many connections without login, closing the oldest from ${victim.peer}`);
      victim.destroy();
    }
    if (procFiles !== undefined) {
      const state = { service, clientHost: connection.peer, userid: "", mailbox: "", command: "" };
      connection.procRecord = procFiles.open(connection.number, state);
    }
    this.guard(connection, () => {
      if (!this.#options.implicitTls) return connection.serve(this.#options.createSession(connection));
      connection.serveAfterTls(() => this.#options.createSession(connection));
    });
  }

  #setKeepAlive(socket: Partial<Socket>): void {
    const { keepAlive } = this.#options;
    if (keepAlive === undefined) return;
    socket.setKeepAlive?.(true, keepAlive.idle * 1_000);
    const fd = (socket as { _handle?: { fd?: number } })._handle?.fd;
    if (fd === undefined || fd < 0) return;
    if (keepAlive.interval > 0) setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepAlive.interval);
    if (keepAlive.count > 0) setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, keepAlive.count);
  }

  #openTelemetry(connection: Connection): void {
    const { telemetryDirectory, service } = this.#options;
    if (telemetryDirectory === undefined) return;
    const bySessionId = this.#options.telemetryBySessionId ? connection.sessionId : undefined;
    connection.telemetry = Telemetry.open({
      configDirectory: telemetryDirectory,
      userid: connection.userid,
      fileName: `${service}-${bySessionId ?? `${process.pid}.${connection.number}`}`,
      onError: (error) => this.log.err(`telemetry of ${connection.userid}: ${error.message}`),
    });
  }

  #sessionFailed(connection: Connection, error: unknown): void {
    this.log.err(`session of ${connection.peer} ended by a fault: ${errorText(error)}`, { userid: connection.userid });
    connection.destroy();
  }

  #adjustListening(): void {
    const full = this.size >= this.#maxSessions;
    if (this.#state !== "serving") return;
    for (const listener of this.#listeners) {
      if (full) listener.stop();
      else this.#guard.outside(() => listener.start());
    }
    if (full !== this.#reportedFull) this.#status?.send(full ? statusCodes.unavailable : statusCodes.available);
    this.#reportedFull = full;
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
    this.#status?.send(statusCodes.unavailable);
  }

  #endAll(reason: ShutdownReason): void {
    for (const connection of this.#connections.values()) connection.shutdown(reason);
  }

  #destroyAll(): void {
    for (const connection of this.#connections.values()) connection.destroy();
  }

  #finish(): void {
    clearTimeout(this.#retireTimer);
    this.wheel.stop();
    this.#options.procFiles?.stop();
    this.#status?.close();
    this.#empty.resolve();
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
