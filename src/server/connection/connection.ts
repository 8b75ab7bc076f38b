import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import type { Log } from "../../base/log.ts";
import { acknowledgeNow } from "../../base/native/index.ts";
import { lingerMs, outputLimitOctets, stalledOutputMs, tlsHandshakeTimeoutMs } from "../limits/limits.ts";
import { TimerNode, type TimerWheel } from "../worker/timer-wheel.ts";
import { isLoopback, peerText } from "./peer.ts";
import type { Session, ShutdownReason } from "./session.ts";
import type { Telemetry } from "./telemetry.ts";
import { channelBinding, describeTls, type TlsInfo } from "./tls-info.ts";

/** What a connection needs of the process it lives in: one object for all connections. */
export interface ConnectionHost {
  readonly wheel: TimerWheel;
  readonly log: Log;
  /** Time from accept, or from the end of a handshake, to a login. */
  readonly loginTimeoutMs: number;
  /** Options for a server side TLS socket; undefined when TLS is not configured. @throws when certificates cannot be read */
  tlsOptions(): TLSSocketOptions | undefined;
  /** Runs a callback of the connection's session so that what it throws, now or later, is laid at its door. */
  guard<A extends readonly unknown[]>(connection: Connection, call: (...args: A) => unknown, ...args: A): void;
  /** The connection has logged in or out (for limits and process files). */
  identityChanged(connection: Connection): void;
  closed(connection: Connection): void;
}

/** What the one timer of a connection is waiting for. */
const waits = { nothing: 0, login: 1, idle: 2, handshake: 3, stalled: 4, linger: 5 } as const;
type Wait = (typeof waits)[keyof typeof waits];

type OwnedStream = Duplex & { owner: Connection };

/**
 * One client. A thin wrapper over its socket: no closures, timers or buffers of its own while idle.
 * Made by the worker; a protocol gets it together with its context.
 */
export class Connection extends TimerNode {
  readonly host: ConnectionHost;
  /** Number of the connection within its process, from 1: the N of the process file PID.N. */
  readonly number: number;
  /** The client's IP address in canonical text, or "" when it came over a Unix socket. */
  address: string;
  port: number;
  /** Where the client connected to; "" and 0 on a Unix socket. */
  localAddress = "";
  localPort = 0;
  /** With `-H`: the address of our own that the proxy connected to, when its header named another in `localAddress`. */
  acceptedAddress: string | undefined = undefined;
  /** The client sends no more: it has closed, or shut down its half (which alone cannot be told apart). */
  peerHasEnded = false;
  /** Host name found for the address, if any; see `peer`. */
  hostName: string | undefined = undefined;
  /** Canonical userid after login, else "". Set by `loggedIn`. */
  userid = "";
  /** Octets of the protocol (inside TLS) received from, and handed over for, the client. */
  octetsIn = 0;
  octetsOut = 0;
  /** Present once TLS is up. */
  tls: TlsInfo | undefined = undefined;
  telemetry: Telemetry | undefined = undefined;
  /** Set by protocols that have one, or at login; names the telemetry file with `telemetry_bysessionid`. */
  sessionId: string | undefined = undefined;
  /** While true, telemetry and debug output show `[redacted]` for what the client sends. Set around credentials. */
  secret = false;
  /** Free for the worker: the process file's state. */
  procRecord: unknown = undefined;
  #stream: OwnedStream;
  #session: Session | undefined = undefined;
  #wait: Wait = waits.nothing;
  #idleMs = 0;
  #stalledLength = -1;
  #paused = false;
  #ending = false;
  #closed = false;
  #securing = false;
  #createSession: (() => Session) | undefined = undefined;

  constructor(host: ConnectionHost, number: number, stream: Duplex, address: string, port: number) {
    super();
    this.host = host;
    this.number = number;
    this.address = address;
    this.port = port;
    this.#stream = own(this, stream);
    stream.on("error", onError).on("close", onClose);
    this.#awaitClient();
  }

  /** Hands the connection to its session and starts reading. Called by the worker, once. */
  serve(session: Session): void {
    this.#session = session;
    if (this.#closed) return;
    attach(this.#stream);
    if (this.#paused) this.#stream.pause();
  }

  /** TLS from the first octet: the session is made when the handshake is done. */
  serveAfterTls(createSession: () => Session): void {
    this.#createSession = createSession;
    // A client's first octets may have come together with the PROXY header: they belong to the handshake.
    this.#beginTls(undefined);
  }

  /** The client as log lines and process files show it: `name [ip]`, `[ip]`, or `[local]` for a Unix socket. */
  get peer(): string {
    return peerText(this.address, this.hostName);
  }

  /**
   * True when only this machine can have sent the client: it came to a loopback address or a Unix socket. A PROXY header can
   * take that away, never give it: where others reach the listener, they may have written the header.
   */
  get isLocal(): boolean {
    return isLoopback(this.localAddress) && (this.acceptedAddress === undefined || isLoopback(this.acceptedAddress));
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** False once ended, destroyed or closed: nothing more is written, no more octets come. */
  get open(): boolean {
    return !this.#ending && !this.#closed;
  }

  /** True when the connection is gone altogether. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** False while output waits for the client to read: stop producing until `drained` is called. */
  get writable(): boolean {
    return !this.#stream.writableNeedDrain;
  }

  /** Octets handed to `write` that the kernel has not taken yet. */
  get pendingOctets(): number {
    return this.#stream.writableLength;
  }

  /**
   * Sends octets; one call is one write to the socket, so build a whole reply first. The Buffer must not be changed
   * afterwards. While the client does not read, no more of its octets are delivered to the session.
   * @returns `writable`. Who goes on writing all the same is cut off at `outputLimitOctets`.
   * @param done called once the octets are the kernel's, or lost with the connection: their memory may be used again
   */
  write(octets: Uint8Array, done?: () => void): boolean {
    if (!this.open || octets.length === 0) {
      done?.();
      return this.writable;
    }
    this.octetsOut += octets.length;
    // The log's disk may be slower than the client: it must not see the memory after it is used again.
    this.telemetry?.sent(done === undefined ? octets : Buffer.from(octets));
    if (this.#stream.write(octets, done)) return true;
    this.#stall();
    return false;
  }

  /** Sends text as UTF-8. */
  writeText(text: string): boolean {
    return this.write(Buffer.from(text));
  }

  /** Stops delivery of octets; at most one socket buffer (64 KiB) is held for later. */
  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.writable && !this.#securing) this.#stream.resume();
  }

  /** Sends a last text, if given, and closes once the client has read all; or has read nothing for `lingerMs`. */
  end(last?: Uint8Array): void {
    if (!this.open) return;
    if (last !== undefined) this.write(last);
    this.#ending = true;
    this.#arm(waits.linger, lingerMs);
    this.#stream.end();
    // What the client still sends is read and thrown away: closing over unread octets would reset the connection under our last reply.
    this.#stream.resume();
  }

  /** Closes at once; unsent output is lost. */
  destroy(): void {
    this.#ending = true;
    this.#stream.destroy();
  }

  /** Time without octets from the client, after which `session.timedOut` is called. Counts from login on; see `loggedIn`. */
  setIdleTimeout(milliseconds: number): void {
    this.#idleMs = milliseconds;
    if (this.#wait === waits.idle || this.#wait === waits.nothing) this.#awaitClient();
  }

  /**
   * Tells the runtime who this is: ends the wait for a login, updates limits and the process file. A service whose clients
   * need no login (LMTP on a Unix socket) calls it at once with the identity it gives them; "" after UNAUTHENTICATE.
   */
  loggedIn(userid: string): void {
    this.userid = userid;
    if (this.open && !this.#securing) this.#awaitClient();
    this.host.identityChanged(this);
  }

  /**
   * Starts TLS: sends `reply` in the clear, then expects a handshake; `session.secured` is called when it is done.
   * A client that sent octets ahead, before it had the reply, is cut off: they could have been put there by someone else.
   * @param bufferedOctets octets the session itself still holds from the client
   */
  startTls(reply: Uint8Array | undefined, bufferedOctets = 0): void {
    if (this.#mayStartLayer(bufferedOctets, "STARTTLS")) this.#beginTls(reply);
  }

  #beginTls(reply: Uint8Array | undefined): void {
    const options = this.host.tlsOptions();
    if (options === undefined) throw new Error("TLS is not configured");
    this.#securing = true;
    this.#arm(waits.handshake, tlsHandshakeTimeoutMs);
    this.#startLayer(reply, () => {
      detach(this.#stream);
      const secure = new TLSSocket(this.#stream as unknown as Socket, { ...options, isServer: true });
      this.#stream = own(this, secure);
      secure.on("secure", onSecure).on("end", onEnd).on("error", onError).on("close", onClose);
    });
  }

  /**
   * Puts a layer between the socket and the session (COMPRESS): sends `reply` through the old one, then reads and writes
   * through what `make` returns, which owns the lower stream from then on and must close when that closes.
   */
  startLayer(reply: Uint8Array, bufferedOctets: number, make: (lower: Duplex) => Duplex): void {
    if (!this.#mayStartLayer(bufferedOctets, "COMPRESS")) return;
    this.#securing = true;
    this.#startLayer(reply, () => {
      detach(this.#stream);
      const layer = make(this.#stream);
      this.#stream = own(this, layer);
      layer.on("error", onError).on("close", onClose);
      this.#securing = false;
      attach(layer);
    });
  }

  /** Data that binds SASL to this TLS connection (RFC 9266 `tls-exporter`, RFC 5929 `tls-server-end-point`). */
  channelBinding(type: string): Buffer | undefined {
    return this.#stream instanceof TLSSocket && this.tls !== undefined ? channelBinding(this.#stream, type) : undefined;
  }

  /** Asks the session to say goodbye. */
  shutdown(reason: ShutdownReason): void {
    if (!this.open) return;
    if (this.#session?.shutdown === undefined || this.#securing) this.end();
    else this.host.guard(this, callShutdown, this.#session, reason);
  }

  /** True when the session may be ended politely without cutting into a command. */
  get idle(): boolean {
    return this.#session === undefined || (this.#session.idle ?? true);
  }

  /** Called by the timer wheel. */
  override expired(): void {
    const wait = this.#wait;
    this.#wait = waits.nothing;
    switch (wait) {
      case waits.handshake:
        this.host.log.notice(`STARTTLS negotiation failed: ${this.peer}`);
        return this.destroy();
      case waits.linger:
        return this.#checkLinger();
      case waits.stalled:
        return this.#checkStalled();
      case waits.login:
      case waits.idle:
        if (this.#session?.timedOut === undefined) return this.end();
        return this.host.guard(this, callTimedOut, this.#session);
      default:
    }
  }

  /** Stream events; called by the module's handlers only. */
  received(octets: Buffer): void {
    if (!this.open) return;
    this.octetsIn += octets.length;
    if (this.#wait === waits.idle) this.host.wheel.arm(this, this.#idleMs);
    this.telemetry?.received(octets, this.secret);
    if (this.#session !== undefined) this.host.guard(this, callOctets, this.#session, octets);
  }

  drainedOutput(): void {
    this.#stalledLength = -1;
    if (!this.open) return;
    if (this.#wait === waits.stalled) this.#awaitClient();
    if (!this.#paused && !this.#securing) this.#stream.resume();
    if (this.#session?.drained !== undefined) this.host.guard(this, callDrained, this.#session);
  }

  peerEnded(): void {
    this.peerHasEnded = true;
    if (!this.open) return;
    if (this.#securing) return this.destroy();
    if (this.#session?.ended === undefined) this.end();
    else this.host.guard(this, callEnded, this.#session);
  }

  handshakeDone(secure: TLSSocket): void {
    if (this.#closed) return;
    // A second handshake inside TLS 1.2, which node allows: it costs much, and would begin the session over again.
    if (!this.#securing) return this.destroy();
    this.tls = describeTls(secure);
    const { rejectUnauthorized } = this.host.tlsOptions() ?? {};
    if (this.tls.verifyError !== undefined && (rejectUnauthorized || this.tls.hasClientCertificate)) {
      this.host.log.notice(`STARTTLS negotiation failed: ${this.peer} (client certificate: ${this.tls.verifyError})`);
      return this.destroy();
    }
    this.host.log.notice(this.tls.logLine);
    secure.off("end", onEnd); // attach() listens from here on
    this.#securing = false;
    this.#awaitClient();
    const createSession = this.#createSession;
    if (createSession !== undefined) {
      this.#createSession = undefined;
      return this.host.guard(this, serveCreated, this, createSession);
    }
    attach(secure);
    if (this.#paused) secure.pause();
    if (this.#session?.secured !== undefined) this.host.guard(this, callSecured, this.#session);
  }

  failed(error: Error): void {
    if (this.#securing) this.host.log.notice(`STARTTLS negotiation failed: ${this.peer} (${error.message})`);
    else this.host.log.debug(`connection of ${this.peer}: ${error.message}`);
    // A write that failed leaves the readable side open under allowHalfOpen; nothing good can come from it.
    this.destroy();
  }

  streamClosed(stream: Duplex): void {
    if (stream !== this.#stream || this.#closed) return;
    this.#closed = true;
    this.#ending = true;
    this.#disarm();
    void this.telemetry?.close();
    if (this.#session?.closed !== undefined) this.host.guard(this, callClosed, this.#session);
    this.host.closed(this);
  }

  /** The stream at the bottom for those who set up the connection: PROXY header, socket options. */
  get stream(): Duplex {
    return this.#stream;
  }

  /** Has the kernel acknowledge at once what has been read. For a command of which a part has come: see acknowledgeNow. */
  acknowledge(): void {
    const fd = (this.#stream as { _handle?: { fd?: number } })._handle?.fd;
    if (fd !== undefined && fd >= 0 && this.address !== "") acknowledgeNow(fd);
  }

  #stall(): void {
    this.#stream.pause();
    if (this.#stream.writableLength > outputLimitOctets) {
      this.host.log.notice(`${this.peer} does not read its replies, connection closed`);
      this.destroy();
      return;
    }
    if (this.#wait === waits.idle || this.#wait === waits.nothing) this.#arm(waits.stalled, stalledOutputMs);
  }

  #checkStalled(): void {
    const length = this.#stream.writableLength;
    if (length === this.#stalledLength) {
      this.host.log.notice(`${this.peer} has stopped reading, connection closed`);
      return this.destroy();
    }
    this.#stalledLength = length;
    this.#arm(waits.stalled, stalledOutputMs);
  }

  /** A slow client may take its time for the last octets as long as it takes any. */
  #checkLinger(): void {
    const length = this.#stream.writableLength;
    if (length === 0 || length === this.#stalledLength) return this.destroy();
    this.#stalledLength = length;
    this.#arm(waits.linger, lingerMs);
  }

  #mayStartLayer(bufferedOctets: number, what: string): boolean {
    if (!this.open) return false;
    if (bufferedOctets === 0 && this.#stream.readableLength === 0) return true;
    this.host.log.notice(`${this.peer} sent octets ahead of ${what}, connection closed`);
    this.destroy();
    return false;
  }

  #startLayer(reply: Uint8Array | undefined, begin: () => void): void {
    // From here on nothing is read in the clear: what arrives waits in the socket for the new layer.
    this.#stream.pause();
    if (reply === undefined && this.#stream.writableLength === 0) return begin();
    if (reply !== undefined) {
      this.octetsOut += reply.length;
      this.telemetry?.sent(reply);
    }
    this.#stream.write(reply ?? Buffer.alloc(0), (error) => {
      if (error === null || error === undefined) if (this.open) begin();
    });
  }

  /** The timer's ordinary work: a login first, then octets from time to time. */
  #awaitClient(): void {
    if (this.userid === "") this.#arm(waits.login, this.host.loginTimeoutMs);
    else if (this.#idleMs > 0) this.#arm(waits.idle, this.#idleMs);
    else this.#disarm();
  }

  #arm(wait: Wait, milliseconds: number): void {
    this.#wait = wait;
    this.host.wheel.arm(this, milliseconds);
  }

  #disarm(): void {
    this.#wait = waits.nothing;
    this.host.wheel.disarm(this);
  }
}

function own(connection: Connection, stream: Duplex): OwnedStream {
  const owned = stream as OwnedStream;
  owned.owner = connection;
  return owned;
}

function attach(stream: Duplex): void {
  stream.on("data", onData).on("end", onEnd).on("drain", onDrain);
  stream.resume();
}

/** Leaves error and close handlers: the lower stream of a layer still reports through them. */
function detach(stream: Duplex): void {
  stream.off("data", onData).off("end", onEnd).off("drain", onDrain);
}

function onData(this: Duplex, octets: Buffer): void {
  (this as OwnedStream).owner.received(octets);
}
function onEnd(this: Duplex): void {
  (this as OwnedStream).owner.peerEnded();
}
function onDrain(this: Duplex): void {
  (this as OwnedStream).owner.drainedOutput();
}
function onError(this: Duplex, error: Error): void {
  (this as OwnedStream).owner.failed(error);
}
function onClose(this: Duplex): void {
  (this as OwnedStream).owner.streamClosed(this);
}
function onSecure(this: TLSSocket): void {
  (this as unknown as OwnedStream).owner.handshakeDone(this);
}

function serveCreated(connection: Connection, createSession: () => Session): void {
  connection.serve(createSession());
}
function callOctets(session: Session, octets: Buffer): unknown {
  return session.octets(octets);
}
function callDrained(session: Session): unknown {
  return session.drained?.();
}
function callEnded(session: Session): unknown {
  return session.ended?.();
}
function callSecured(session: Session): unknown {
  return session.secured?.();
}
function callTimedOut(session: Session): unknown {
  return session.timedOut?.();
}
function callShutdown(session: Session, reason: ShutdownReason): unknown {
  return session.shutdown?.(reason);
}
function callClosed(session: Session): unknown {
  return session.closed?.();
}
