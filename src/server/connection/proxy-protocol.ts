/**
 * PROXY protocol, versions 1 and 2, receiving side (haproxy's "proxy-protocol.txt").
 *
 *     version 1:  "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP port SP port CRLF   (at most 107 octets)
 *                 "PROXY UNKNOWN" ... CRLF
 *     version 2:  12 octets signature | version 2, command | family, transport | length u16 | addresses | TLVs
 */
import { isIPv4, isIPv6 } from "node:net";
import { proxyHeaderOctets } from "../limits/limits.ts";

export type ProxyHeader =
  /** Not all there yet. */
  | { readonly kind: "more" }
  | { readonly kind: "bad"; readonly reason: string }
  /** A connection the proxy made itself (health check): keep the socket's own addresses. */
  | { readonly kind: "local"; readonly octets: number }
  | {
      readonly kind: "proxied";
      /** Length of the header; what follows belongs to the client. */
      readonly octets: number;
      readonly source: string;
      readonly sourcePort: number;
      readonly destination: string;
      readonly destinationPort: number;
    };

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const versionOneOctets = 107;
const fixedOctets = 16;

const bad = (reason: string): ProxyHeader => ({ kind: "bad", reason });

/** @param octets everything received so far */
export function parseProxyHeader(octets: Buffer): ProxyHeader {
  if (octets.length === 0) return { kind: "more" };
  if (octets[0] === 0x50) return parseVersionOne(octets);
  const known = Math.min(octets.length, signature.length);
  if (signature.compare(octets, 0, known, 0, known) !== 0) return bad("no PROXY signature");
  return octets.length < fixedOctets ? { kind: "more" } : parseVersionTwo(octets);
}

function parseVersionOne(octets: Buffer): ProxyHeader {
  const text = octets.toString("latin1", 0, versionOneOctets);
  const end = text.indexOf("\r\n");
  const prefix = "PROXY ";
  if (!prefix.startsWith(text.slice(0, prefix.length))) return bad("no PROXY signature");
  if (end < 0) return octets.length >= versionOneOctets ? bad("header too long") : { kind: "more" };
  const words = text.slice(0, end).split(" ");
  const [, protocol, source = "", destination = "", sourcePort = "", destinationPort = ""] = words;
  if (protocol === "UNKNOWN") return { kind: "local", octets: end + 2 };
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isIPv6 : undefined;
  if (isAddress === undefined || words.length !== 6) return bad("malformed version 1 header");
  if (!isAddress(source) || !isAddress(destination)) return bad("malformed address");
  const ports = [readPort(sourcePort), readPort(destinationPort)] as const;
  if (ports[0] === undefined || ports[1] === undefined) return bad("malformed port");
  return {
    kind: "proxied",
    octets: end + 2,
    source,
    sourcePort: ports[0],
    destination,
    destinationPort: ports[1],
  };
}

function readPort(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port > 65_535 ? undefined : port;
}

function parseVersionTwo(octets: Buffer): ProxyHeader {
  const versionAndCommand = octets[12]!;
  if (versionAndCommand >> 4 !== 2) return bad("unknown version");
  const length = octets.readUInt16BE(14);
  const end = fixedOctets + length;
  if (end > proxyHeaderOctets) return bad("header too long");
  if (octets.length < end) return { kind: "more" };
  const command = versionAndCommand & 15;
  if (command === 0) return { kind: "local", octets: end };
  if (command !== 1) return bad("unknown command");
  const familyAndTransport = octets[13]!;
  // STREAM over IPv4 or IPv6; anything else (UNSPEC, Unix) says nothing we could use.
  if (familyAndTransport === 0x11) return length < 12 ? bad("too short") : addresses(octets, end, 4);
  if (familyAndTransport === 0x21) return length < 36 ? bad("too short") : addresses(octets, end, 16);
  return { kind: "local", octets: end };
}

function addresses(octets: Buffer, end: number, size: 4 | 16): ProxyHeader {
  const at = fixedOctets;
  return {
    kind: "proxied",
    octets: end,
    source: formatAddress(octets.subarray(at, at + size)),
    destination: formatAddress(octets.subarray(at + size, at + 2 * size)),
    sourcePort: octets.readUInt16BE(at + 2 * size),
    destinationPort: octets.readUInt16BE(at + 2 * size + 2),
  };
}

function formatAddress(octets: Buffer): string {
  if (octets.length === 4) return octets.join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(octets.readUInt16BE(i).toString(16));
  // Let the URL parser write it in canonical, shortened form.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
