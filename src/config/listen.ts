/** The `listen` and `proto` values of SERVICES entries in cyrus.conf. */
import { isIP } from "node:net";
import type { PortProtocol, Services } from "./services.ts";

/** Longest path that fits into sockaddr_un, without its closing NUL. */
export const MAX_SOCKET_PATH_OCTETS = 107;

export type Listen =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "inet";
      /** Name or address, without brackets; undefined for all interfaces. */
      readonly host?: string;
      /** 0: the kernel chooses. */
      readonly port: number;
    };

export interface Transport {
  readonly protocol: PortProtocol;
  /** Of the sockets to open: both unless `proto` names one. */
  readonly families: readonly (4 | 6)[];
}

const transports: ReadonlyMap<string, Transport> = new Map([
  ["tcp", { protocol: "tcp", families: [4, 6] }],
  ["tcp4", { protocol: "tcp", families: [4] }],
  ["tcp6", { protocol: "tcp", families: [6] }],
  ["udp", { protocol: "udp", families: [4, 6] }],
  ["udp4", { protocol: "udp", families: [4] }],
  ["udp6", { protocol: "udp", families: [6] }],
]);

/** Undefined for a word that is none of tcp, tcp4, tcp6, udp, udp4, udp6. */
export function parseProto(text: string): Transport | undefined {
  return transports.get(text);
}

/**
 * Reads one of
 *
 *     /abs/path        PORT        HOST:PORT        [ADDRESS]:PORT        [ADDRESS]
 *
 * where PORT is a number or a name of /etc/services. A text of another shape, or with a name nobody knows, gives the
 * reason as a string; the service is then disabled, the others run.
 */
export function parseListen(text: string, protocol: PortProtocol, services: Services): Listen | string {
  if (/[\0\r\n]/.test(text) || text === "") return `invalid listen '${JSON.stringify(text).slice(1, -1)}'`;
  if (text.startsWith("/")) {
    if (Buffer.byteLength(text) > MAX_SOCKET_PATH_OCTETS) {
      return `socket path '${text}' is too long: ${MAX_SOCKET_PATH_OCTETS} octets are allowed`;
    }
    return { kind: "unix", path: text };
  }
  const invalid = `invalid listen '${text}'`;
  if (text.startsWith("[")) {
    const [, host, colon, port] = /^\[([^\]]*)\](:?)(.*)$/.exec(text) ?? [];
    if (!host || isIP(host.replace(/%.*$/, "")) === 0) return invalid;
    if (colon === "" && port === "") return { kind: "inet", host, port: 0 };
    if (colon === "" || !port) return invalid;
    return withPort(host, port, protocol, services);
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) return withPort(undefined, text, protocol, services);
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  // A host with a colon of its own is an IPv6 address without brackets, of which nobody can say where it ends.
  if (port === "" || host.includes(":")) return invalid;
  return withPort(host === "" ? undefined : host, port, protocol, services);
}

function withPort(host: string | undefined, port: string, protocol: PortProtocol, services: Services): Listen | string {
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : services.port(port, protocol);
  if (number === undefined || number > 65_535) {
    return /^[0-9]+$/.test(port) ? `invalid port '${port}'` : `unknown service name '${port}' for ${protocol}`;
  }
  return { kind: "inet", ...(host !== undefined && { host }), port: number };
}
