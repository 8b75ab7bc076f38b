import { BlockList, isIPv4, isIPv6 } from "node:net";

/** `::ffff:192.0.2.1` is the same client as `192.0.2.1`; zone ids are dropped. "" when there is no address (Unix socket). */
export function canonicalAddress(address: string | undefined): string {
  if (address === undefined || address === "") return "";
  if (!address.includes(":")) return address;
  const withoutZone = address.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutZone);
  return mapped?.[1] ?? withoutZone.toLowerCase();
}

/** `name [ip]`, `[ip]`, or `[local]`. Names come from DNS, so only the characters of host names are let through. */
export function peerText(address: string, hostName?: string): string {
  if (address === "") return "[local]";
  if (hostName === undefined || !/^[A-Za-z0-9._-]{1,255}$/.test(hostName)) return `[${address}]`;
  return `${hostName} [${address}]`;
}

const loopback = new BlockList();
loopback.addAddress("::1", "ipv6");

/** True for 127.0.0.0/8, ::1 and Unix sockets (""). */
export function isLoopback(address: string): boolean {
  const canonical = canonicalAddress(address);
  if (canonical === "") return true;
  if (isIPv4(canonical)) return canonical.startsWith("127.");
  return isIPv6(canonical) && loopback.check(canonical, "ipv6");
}
