import { preLoginConnections, preLoginConnectionsPerAddress } from "./limits.ts";

/** Longest part of an IPv6 address that is not handed to one site as a whole (RFC 6177, RFC 4291 §2.5.4). */
const networkGroups = 4;

/**
 * Whom a cap per address counts as one: an IPv4 address, or the /64 network of an IPv6 one, in which a single machine may
 * take as many addresses as it likes.
 * @param address in canonical text; "" for a Unix socket
 */
export function addressGroup(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    while (groups.length + after.length < 8) groups.push("0");
    groups.push(...after);
  }
  return `${groups.slice(0, networkGroups).join(":")}::/64`;
}

/** Counts connections that have not logged in, per address (see addressGroup) and in all, in order of arrival. */
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
    const group = addressGroup(address);
    let ofAddress = this.#addresses.get(group);
    if (ofAddress === undefined) this.#addresses.set(group, (ofAddress = new Set()));
    let victim: C | undefined;
    if (group !== "" && ofAddress.size >= this.#perAddress) victim = first(ofAddress);
    else if (this.#all.size >= this.#inAll) victim = first(this.#all.keys());
    ofAddress.add(connection);
    this.#all.set(connection, group);
    if (victim !== undefined) this.remove(victim);
    return victim;
  }

  /** The connection has logged in, or is gone. Harmless when it is not here. */
  remove(connection: C): void {
    const group = this.#all.get(connection);
    if (group === undefined) return;
    this.#all.delete(connection);
    const ofAddress = this.#addresses.get(group);
    ofAddress?.delete(connection);
    if (ofAddress?.size === 0) this.#addresses.delete(group);
  }
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
