import { preLoginConnections, preLoginConnectionsPerAddress } from "./limits.ts";

/** Counts connections that have not logged in, per address and in all, in order of arrival. */
export class PreLoginRegistry<C> {
  readonly #perAddress: number;
  readonly #inAll: number;
  readonly #addresses = new Map<string, Set<C>>();
  readonly #all = new Map<C, string>();

  constructor(limits: { perAddress?: number; inAll?: number } = {}) {
    this.#perAddress = limits.perAddress ?? preLoginConnectionsPerAddress;
    this.#inAll = limits.inAll ?? preLoginConnections;
  }

  get size(): number {
    return this.#all.size;
  }

  /**
   * Takes a new connection in. An empty address (Unix socket) has no cap of its own.
   * @returns the connection that must be ended to make room, if any
   */
  add(connection: C, address: string): C | undefined {
    if (this.#all.has(connection)) return undefined;
    let ofAddress = this.#addresses.get(address);
    if (ofAddress === undefined) this.#addresses.set(address, (ofAddress = new Set()));
    let victim: C | undefined;
    if (address !== "" && ofAddress.size >= this.#perAddress) victim = first(ofAddress);
    else if (this.#all.size >= this.#inAll) victim = first(this.#all.keys());
    ofAddress.add(connection);
    this.#all.set(connection, address);
    if (victim !== undefined) this.remove(victim);
    return victim;
  }

  /** The connection has logged in, or is gone. Harmless when it is not here. */
  remove(connection: C): void {
    const address = this.#all.get(connection);
    if (address === undefined) return;
    this.#all.delete(connection);
    const ofAddress = this.#addresses.get(address);
    ofAddress?.delete(connection);
    if (ofAddress?.size === 0) this.#addresses.delete(address);
  }
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
