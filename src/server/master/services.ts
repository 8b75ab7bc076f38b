/** All SERVICES entries: their sockets, and what SIGHUP changes about them. */
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../base/log.ts";
import type { SocketAddress, SocketType } from "../../base/native/index.ts";
import type { ServiceEntry } from "../../config/index.ts";
import type { Child, Runnable } from "./child.ts";
import { type ProgramPlaces, resolveCommand } from "./commands.ts";
import { FatalError } from "./fatal.ts";
import { addressesOf, bindAll, type BindFailure, type BoundSocket, placeOf } from "./listeners.ts";
import { type ServiceMetrics, ServiceSocket, type SocketHost } from "./service-socket.ts";

export interface ServicesOptions {
  readonly host: SocketHost;
  readonly places: ProgramPlaces;
  readonly backlog: number;
  readonly tos: number;
}

/** Workers of a master that died let go of their sockets as soon as they notice: a start right after it waits for them. */
const bindPatienceMs = 1_000;
const bindRetryMs = 100;

interface Service {
  entry: ServiceEntry;
  sockets: ServiceSocket[];
}

export class Services {
  readonly #options: ServicesOptions;
  readonly #log: Log;
  readonly #services = new Map<string, Service>();
  /** Until then a port in use is waited for. */
  #patientUntil = 0;
  #closed = false;
  /** Closed sockets whose processes have not all gone yet. */
  #leaving: ServiceSocket[] = [];

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#log = options.host.log;
  }

  /**
   * Binds everything, in order; nothing is started yet.
   * @throws FatalError 78 for an executable that is not there, 69 for a socket when `bindErrorsFatal`
   */
  async open(
    entries: readonly ServiceEntry[],
    { bindErrorsFatal }: { readonly bindErrorsFatal: boolean },
  ): Promise<void> {
    this.#patientUntil = performance.now() + bindPatienceMs;
    for (const entry of entries) {
      const command = this.#commandOf(entry, "start");
      if (command) await this.#openService(entry, command, bindErrorsFatal);
    }
  }

  /** Starts processes wherever some are wanted. */
  balance(): void {
    if (this.#closed) return;
    for (const socket of this.#sockets()) socket.balance();
  }

  /**
   * SIGHUP. Never throws: what cannot be done is logged, and what runs under a name that is now wrong runs on.
   * @param keepOthers services that `entries` does not name stay: the file has errors, and they may be theirs
   */
  async reload(entries: readonly ServiceEntry[], keepOthers: boolean): Promise<void> {
    const wanted = new Set(entries.map(({ name }) => name));
    for (const [name, service] of this.#services) {
      if (wanted.has(name) || keepOthers) continue;
      for (const socket of service.sockets) this.#dismiss(socket);
      this.#services.delete(name);
    }
    for (const entry of entries) {
      const old = this.#services.get(entry.name);
      const command = this.#commandOf(entry, "reload");
      if (command === "missing") {
        if (old) for (const socket of old.sockets) socket.hangUp();
        continue;
      }
      if (!command) {
        for (const socket of old?.sockets ?? []) this.#dismiss(socket);
        this.#services.delete(entry.name);
        continue;
      }
      if (old) await this.#reloadService(old, entry, command);
      else await this.#openService(entry, command, false);
    }
    this.balance();
  }

  janitor(): void {
    for (const socket of [...this.#sockets(), ...this.#leaving]) socket.janitor();
    this.#leaving = this.#leaving.filter(({ children }) => children.length > 0);
  }

  /** Stops listening everywhere, for good: a reload that is still under way opens nothing more. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets()) socket.close();
  }

  get children(): Child[] {
    return [...this.#sockets(), ...this.#leaving].flatMap(({ children }) => children);
  }
  get openSockets(): number {
    return this.#sockets().filter(({ open }) => open).length;
  }
  metrics(): ServiceMetrics[] {
    return this.#sockets().map((socket) => socket.metrics());
  }

  #sockets(): ServiceSocket[] {
    return [...this.#services.values()].flatMap(({ sockets }) => sockets);
  }

  /** Undefined: a program we do not have; "missing" (reload only): no such executable. Both are logged. */
  #commandOf(entry: ServiceEntry, when: "start"): Runnable | undefined;
  #commandOf(entry: ServiceEntry, when: "reload"): Runnable | "missing" | undefined;
  #commandOf(entry: ServiceEntry, when: "start" | "reload"): Runnable | "missing" | undefined {
    const { name } = entry;
    const command = resolveCommand(entry.cmd, this.#options.places);
    if (command.kind === "absent") {
      this.#log.notice(`${name}: ${command.program} is not part of this version, entry disabled`);
      return undefined;
    }
    if (command.kind !== "missing") return command;
    const text = `cannot find executable for service '${name}'`;
    const where = `${command.path} in ${entry.file}:${entry.line}`;
    if (when === "start") throw new FatalError(`${text} (${where})`, 78);
    this.#log.warning(`${text} (${where}) -- ignored`);
    return "missing";
  }

  async #openService(entry: ServiceEntry, command: Runnable, bindErrorsFatal: boolean): Promise<void> {
    const service: Service = { entry, sockets: [] };
    this.#services.set(entry.name, service);
    await this.#bindMissing(service, await this.#addresses(entry), command, bindErrorsFatal);
  }

  async #reloadService(service: Service, entry: ServiceEntry, command: Runnable): Promise<void> {
    service.entry = entry;
    const addresses = await this.#addresses(entry);
    const keys = new Set(addresses.map((address) => keyOf(address, typeOf(entry, address))));
    // Those whose address is no longer wanted go first: the new ones may need the room.
    for (const socket of service.sockets) {
      if (!socket.open || !keys.has(keyOf(socket.socket.address, socket.socket.type))) this.#dismiss(socket);
      else socket.reload(entry, command);
    }
    service.sockets = service.sockets.filter(({ open }) => open);
    await this.#bindMissing(service, addresses, command, false);
  }

  async #addresses(entry: ServiceEntry): Promise<SocketAddress[]> {
    const { name, endpoint } = entry;
    if ("disabled" in endpoint) {
      this.#log.info(`${endpoint.disabled}, disabling ${name}`);
      return [];
    }
    try {
      const addresses = await addressesOf(endpoint.listen, endpoint.transport);
      if (addresses.length === 0)
        this.#log.info(`no address of ${entry.listen} fits proto ${entry.proto}, disabling ${name}`);
      return addresses;
    } catch (error) {
      this.#log.info(`cannot resolve ${entry.listen}: ${messageOf(error)}, disabling ${name}`);
      return [];
    }
  }

  async #bindMissing(
    service: Service,
    addresses: readonly SocketAddress[],
    command: Runnable,
    bindErrorsFatal: boolean,
  ): Promise<void> {
    const { entry } = service;
    if (this.#closed || "disabled" in entry.endpoint || addresses.length === 0) return;
    const { host, backlog, tos } = this.#options;
    const open = new Set(service.sockets.map(({ socket }) => keyOf(socket.address, socket.type)));
    const missing = addresses.filter((address) => !open.has(keyOf(address, typeOf(entry, address))));
    const { transport } = entry.endpoint;
    const options = { transport, unix: unixTypeOf(entry), backlog, tos };
    let { sockets, failures } = bindAll(missing, options);
    while (failures.some(isInUse) && performance.now() < this.#patientUntil) {
      await delay(bindRetryMs);
      if (this.#closed) break;
      const again = bindAll(
        failures.map(({ address }) => address),
        options,
      );
      sockets = [...sockets, ...again.sockets];
      failures = again.failures;
    }
    for (const socket of sockets) {
      service.sockets.push(new ServiceSocket(socket, idOf(socket, addresses), entry, command, host));
    }
    for (const { family, address, error } of failures) {
      const text = `unable to bind to ${entry.name}/${family} socket ${placeOf(address)}: ${error.message}`;
      this.#log.err(text);
      if (bindErrorsFatal) throw new FatalError(text, 69);
    }
    if (service.sockets.length === 0 && failures.length > 0) {
      const { address, error } = failures[0]!;
      this.#log.err(`unable to create ${entry.name} listener socket ${placeOf(address)}: ${error.message}`);
    }
  }

  #dismiss(socket: ServiceSocket): void {
    socket.hangUp();
    socket.close();
    if (socket.children.length > 0) this.#leaving.push(socket);
  }
}

function keyOf(address: SocketAddress, type: SocketType): string {
  return JSON.stringify([
    type,
    address.family,
    address.family === "unix" ? address.path : [address.address, address.port],
  ]);
}

/** A Unix socket is a stream when proto is exactly tcp. */
function unixTypeOf(entry: ServiceEntry): SocketType {
  return entry.proto === "tcp" ? "stream" : "datagram";
}

function typeOf(entry: ServiceEntry, address: SocketAddress): SocketType {
  if (address.family === "unix") return unixTypeOf(entry);
  return entry.proto.startsWith("udp") ? "datagram" : "stream";
}

function idOf(socket: BoundSocket, addresses: readonly SocketAddress[]): number {
  return addresses.indexOf(socket.address);
}

function isInUse({ error }: BindFailure): boolean {
  return "code" in error && error.code === "EADDRINUSE";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
