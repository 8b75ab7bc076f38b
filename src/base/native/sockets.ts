/** Sockets as bare descriptors: made, bound and handed to children, never accepted on. Linux numbers throughout. */
import { isIPv4, isIPv6 } from "node:net";
import { lastErrno, libc, NativeError } from "./libc.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_TRUNC = 0x20;
/** `sun_path` of sockaddr_un, its closing NUL included. */
const UNIX_PATH_OCTETS = 108;
const SOCKADDR_MAX_OCTETS = 128;

export type SocketType = "stream" | "datagram";
/** Where a socket is bound. Address literals only: names are resolved by the caller. Port 0 lets the kernel choose. */
export type SocketAddress =
  | { readonly family: "ipv4" | "ipv6"; readonly address: string; readonly port: number }
  | { readonly family: "unix"; readonly path: string };

const socketCall = libc("socket", "int", ["int", "int", "int"]);
const bindCall = libc("bind", "int", ["int", "void *", "uint"]);
const listenCall = libc("listen", "int", ["int", "int"]);
const setsockopt = libc("setsockopt", "int", ["int", "int", "int", "void *", "uint"]);
const getsockname = libc("getsockname", "int", ["int", "void *", "void *"]);
const socketpairCall = libc("socketpair", "int", ["int", "int", "int", "void *"]);
const sendto = libc("sendto", "long", ["int", "void *", "size_t", "int", "void *", "uint"]);
const recvfrom = libc("recvfrom", "long", ["int", "void *", "size_t", "int", "void *", "void *"]);
const closeCall = libc("close", "int", ["int"]);
const pollCall = libc("poll", "int", ["void *", "ulong", "int"]);

export interface SocketOptions {
  readonly type: SocketType;
  readonly address: SocketAddress;
  /** Connections that may wait to be accepted; streams only. */
  readonly backlog?: number;
  /** Type-of-service octet for IP_TOS (`qosmarking`); 0 leaves it alone. */
  readonly tos?: number;
}

/**
 * socket, bind and (streams) listen. SO_REUSEADDR and close-on-exec are set, IPv6 sockets are v6-only. The descriptor
 * is blocking. A file at a Unix path makes it fail with EADDRINUSE: whoever owns the path removes it first.
 * @throws NativeError: EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, ENAMETOOLONG, ...
 */
export function openListener({ type, address, backlog = 32, tos = 0 }: SocketOptions): number {
  const sockaddr = encodeSocketAddress(address);
  const fd = openSocket(address.family, type);
  try {
    if (address.family !== "unix") {
      setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      if (address.family === "ipv6") setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      if (tos !== 0) {
        if (address.family === "ipv4") setOption(fd, IPPROTO_IP, IP_TOS, tos);
        else setOption(fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
      }
    }
    bindCall(fd, sockaddr, sockaddr.length);
    if (type === "stream") listenCall(fd, backlog);
    return fd;
  } catch (error) {
    closeCall(fd);
    throw error;
  }
}

/** A fresh unbound socket, close-on-exec. */
export function openSocket(family: SocketAddress["family"], type: SocketType, nonblocking = false): number {
  const domain = family === "unix" ? AF_UNIX : family === "ipv4" ? AF_INET : AF_INET6;
  const kind = (type === "stream" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
  return socketCall(domain, kind, 0);
}

export function setOption(fd: number, level: number, option: number, value: number): void {
  const word = Buffer.alloc(4);
  word.writeInt32LE(value);
  setsockopt(fd, level, option, word, 4);
}

const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;
const ONE = Buffer.from([1, 0, 0, 0]);

/**
 * Acknowledges what has arrived on a TCP socket now, rather than when the kernel's delay of 40 ms has passed: for a peer that is in the middle of something and
 * sends its next small piece only then (RFC 896). Does nothing on other sockets.
 */
export function acknowledgeNow(fd: number): void {
  setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, ONE, 4);
}

/** Two connected Unix stream sockets, blocking, close-on-exec. */
export function socketPair(type: SocketType = "stream"): [number, number] {
  const fds = Buffer.alloc(8);
  socketpairCall(AF_UNIX, (type === "stream" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0, fds);
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/** What a socket is bound to. An unbound Unix socket has the path "". */
export function localAddress(fd: number): SocketAddress {
  const sockaddr = Buffer.alloc(SOCKADDR_MAX_OCTETS);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sockaddr.length);
  getsockname(fd, sockaddr, length);
  return decodeSocketAddress(sockaddr.subarray(0, length.readUInt32LE()));
}

/**
 * Sends one datagram from `fd` to a Unix path, without waiting. False when the receiver's queue is full (EAGAIN):
 * Linux holds only ten datagrams by default, so senders try again later or drop.
 * @throws NativeError: ENOENT and ECONNREFUSED when nobody listens there, EMSGSIZE, ...
 */
export function sendDatagram(fd: number, octets: Uint8Array, path: string): boolean {
  const sockaddr = encodeSocketAddress({ family: "unix", path });
  return send(() => sendto(fd, octets, octets.length, MSG_DONTWAIT | MSG_NOSIGNAL, sockaddr, sockaddr.length));
}

/**
 * The same without exceptions, for hot paths: 0, or the errno (EAGAIN and ENOBUFS: full queue).
 * @param sockaddr from `encodeSocketAddress`
 */
export function sendDatagramQuick(fd: number, octets: Uint8Array, sockaddr: Uint8Array): number {
  const sent = sendto.raw(fd, octets, octets.length, MSG_DONTWAIT | MSG_NOSIGNAL, sockaddr, sockaddr.length);
  return sent === -1 ? lastErrno() : 0;
}

/** The same on a connected socket, or an answer to an address that `receiveDatagram` gave. */
export function sendDatagramTo(fd: number, octets: Uint8Array, to: SocketAddress | undefined): boolean {
  const sockaddr = to && encodeSocketAddress(to);
  return send(() =>
    sendto(fd, octets, octets.length, MSG_DONTWAIT | MSG_NOSIGNAL, sockaddr ?? null, sockaddr?.length ?? 0),
  );
}

function send(call: () => number): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof NativeError && error.code === "EAGAIN") return false;
    throw error;
  }
}

export interface Datagram {
  readonly octets: Buffer;
  /** True when the sender's datagram was longer than the room given. */
  readonly truncated: boolean;
  /** Absent when the sender's socket has no name. */
  readonly from: SocketAddress | undefined;
}

/** One waiting datagram, or undefined when there is none. Never waits. */
export function receiveDatagram(fd: number, maxOctets = 65_536): Datagram | undefined {
  const octets = Buffer.allocUnsafe(maxOctets);
  const sockaddr = Buffer.alloc(SOCKADDR_MAX_OCTETS);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sockaddr.length);
  let count: number;
  try {
    count = recvfrom(fd, octets, octets.length, MSG_DONTWAIT | MSG_TRUNC, sockaddr, length);
  } catch (error) {
    if (error instanceof NativeError && error.code === "EAGAIN") return undefined;
    throw error;
  }
  const address = decodeSocketAddress(sockaddr.subarray(0, length.readUInt32LE()));
  const from = address.family === "unix" && address.path === "" ? undefined : address;
  return { octets: octets.subarray(0, Math.min(count, maxOctets)), truncated: count > maxOctets, from };
}

/** Which of the descriptors can be read (or accepted on) right now. Never waits. */
export function readable(fds: readonly number[]): number[] {
  const POLLIN = 1;
  const pollfds = Buffer.alloc(Math.max(1, fds.length) * 8);
  fds.forEach((fd, i) => {
    pollfds.writeInt32LE(fd, i * 8);
    pollfds.writeInt16LE(POLLIN, i * 8 + 4);
  });
  if (fds.length === 0 || pollCall(pollfds, fds.length, 0) === 0) return [];
  return fds.filter((_, i) => (pollfds.readInt16LE(i * 8 + 6) & POLLIN) !== 0);
}

export function closeDescriptor(fd: number): void {
  closeCall(fd);
}

/** struct sockaddr_in, sockaddr_in6 or sockaddr_un. @throws NativeError ENAMETOOLONG or EINVAL */
export function encodeSocketAddress(address: SocketAddress): Buffer {
  if (address.family === "unix") {
    const path = Buffer.from(address.path);
    if (path.length >= UNIX_PATH_OCTETS) throw new NativeError("bind", 36, address.path);
    if (path.length === 0 || path.includes(0)) throw new NativeError("bind", 22, "Unix path");
    const sockaddr = Buffer.alloc(2 + path.length + 1);
    sockaddr.writeUInt16LE(AF_UNIX);
    path.copy(sockaddr, 2);
    return sockaddr;
  }
  const [host = "", zone] = address.address.split("%", 2);
  if (address.family === "ipv4" ? !isIPv4(host) : !isIPv6(host)) throw new NativeError("bind", 22, address.address);
  const sockaddr = Buffer.alloc(address.family === "ipv4" ? 16 : 28);
  sockaddr.writeUInt16LE(address.family === "ipv4" ? AF_INET : AF_INET6);
  sockaddr.writeUInt16BE(address.port, 2);
  if (address.family === "ipv4") sockaddr.set(host.split(".").map(Number), 4);
  else {
    sockaddr.set(parseIPv6(host), 8);
    if (zone !== undefined && /^\d+$/.test(zone)) sockaddr.writeUInt32LE(Number(zone), 24);
  }
  return sockaddr;
}

export function decodeSocketAddress(sockaddr: Buffer): SocketAddress {
  const family = sockaddr.length >= 2 ? sockaddr.readUInt16LE() : AF_UNIX;
  if (family === AF_INET) {
    return { family: "ipv4", address: sockaddr.subarray(4, 8).join("."), port: sockaddr.readUInt16BE(2) };
  }
  if (family === AF_INET6) {
    const words = Array.from({ length: 8 }, (_, i) => sockaddr.readUInt16BE(8 + i * 2).toString(16));
    const text = new URL(`http://[${words.join(":")}]`).hostname.slice(1, -1); // the canonical, compressed spelling
    return { family: "ipv6", address: text, port: sockaddr.readUInt16BE(2) };
  }
  const end = sockaddr.indexOf(0, 3); // an abstract name begins with NUL and is kept as it is
  return { family: "unix", path: sockaddr.subarray(2, end < 0 ? sockaddr.length : end).toString() };
}

/** The 16 octets of an IPv6 literal that `isIPv6` has accepted. */
function parseIPv6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = dotted ? `${dotted[1]}${hexWord(dotted[2]!, dotted[3]!)}:${hexWord(dotted[4]!, dotted[5]!)}` : text;
  const [head = "", tail] = plain.split("::", 2);
  const before = hexWords(head);
  const after = tail === undefined ? [] : hexWords(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function hexWord(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

function hexWords(part: string): number[] {
  return part === "" ? [] : part.split(":").map((word) => parseInt(word, 16));
}
