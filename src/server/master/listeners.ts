/** From the endpoint of a SERVICES entry to bound descriptors, one a socket address. */
import { lookup } from "node:dns/promises";
import { chmodSync, unlinkSync } from "node:fs";
import { isIP } from "node:net";
import {
  closeDescriptor,
  NativeError,
  openListener,
  type SocketAddress,
  type SocketType,
} from "../../base/native/index.ts";
import type { Listen, Transport } from "../../config/index.ts";
import { makeSocketDirectory } from "./socket-directory.ts";

export interface BoundSocket {
  readonly fd: number;
  readonly family: "ipv4" | "ipv6" | "unix";
  readonly type: SocketType;
  readonly address: SocketAddress;
}

export interface BindFailure {
  readonly family: BoundSocket["family"];
  readonly address: SocketAddress;
  readonly error: Error;
}

/** Every address of an endpoint, in the order in which they get their CYRUS_ID. @throws the resolver's error */
export async function addressesOf(listen: Listen, transport: Transport): Promise<SocketAddress[]> {
  if (listen.kind === "unix") return [{ family: "unix", path: listen.path }];
  const { host, port } = listen;
  if (host === undefined) {
    return transport.families.map((family) =>
      family === 4 ? { family: "ipv4", address: "0.0.0.0", port } : { family: "ipv6", address: "::", port },
    );
  }
  const family = transport.families.length === 1 ? transport.families[0]! : 0;
  const literal = isIP(host.replace(/%.*$/, ""));
  const found = literal ? [{ address: host, family: literal }] : await lookup(host, { all: true, family });
  return found
    .filter((one) => transport.families.includes(one.family === 6 ? 6 : 4))
    .map((one) => ({ family: one.family === 6 ? "ipv6" : "ipv4", address: one.address, port }));
}

/**
 * Binds them. Machines without IPv6 have no `::`: where IPv4 could be bound that is no failure.
 * A Unix socket takes the place of whatever file is there and may be used by everybody: its directory says who gets to it.
 * A directory that is missing is made.
 */
export function bindAll(
  addresses: readonly SocketAddress[],
  { transport, unix, backlog, tos }: { transport: Transport; unix: SocketType; backlog: number; tos: number },
): { sockets: BoundSocket[]; failures: BindFailure[] } {
  const sockets: BoundSocket[] = [];
  const failures: BindFailure[] = [];
  for (const address of addresses) {
    const { family } = address;
    const type: SocketType = family === "unix" ? unix : transport.protocol === "tcp" ? "stream" : "datagram";
    try {
      if (address.family === "unix") {
        makeSocketDirectory(address.path);
        removeOld(address.path);
      }
      const fd = openListener({ type, address, backlog, tos });
      if (address.family === "unix") openToAll(address.path, fd);
      sockets.push({ fd, family, type, address });
    } catch (error) {
      const noSuchFamily = error instanceof NativeError && error.code === "EAFNOSUPPORT";
      if (noSuchFamily && addresses.length > 1) continue;
      failures.push({ family, address, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { sockets, failures };
}

/** As the log names it: the path, or `[address]:port`. */
export function placeOf(address: SocketAddress): string {
  return address.family === "unix" ? address.path : `[${address.address}]:${address.port}`;
}

function openToAll(path: string, fd: number): void {
  try {
    chmodSync(path, 0o777);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function removeOld(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** The octet that `qosmarking` stands for (RFC 2474, RFC 2597, RFC 3246). */
export function tosOf(marking: string): number {
  const [, kind, first, second] = /^(cs|af)(\d)(\d?)$/.exec(marking) ?? [];
  if (kind === "cs") return Number(first) << 5;
  if (kind === "af") return (Number(first) << 5) | (Number(second) << 3);
  return marking === "ef" ? 0xb8 : 0;
}
