import { isIP } from "node:net";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

export const target: FuzzTarget = {
  name: "PROXY header",
  seeds: [
    Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.1 1024 143\r\n"),
    Buffer.from("PROXY TCP6 2001:db8::1 2001:db8::2 1024 143\r\nx"),
    Buffer.from("PROXY UNKNOWN\r\n"),
    Buffer.concat([signature, Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 1, 4, 0, 0, 143])]),
    Buffer.concat([signature, Buffer.from([0x21, 0x21, 0, 36]), Buffer.alloc(36, 7)]),
    Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])]),
  ],
  run(octets) {
    const header = parseProxyHeader(Buffer.from(octets));
    if (header.kind === "local" || header.kind === "proxied") {
      if (header.octets > octets.length) throw new Error("longer than what there is");
    }
    if (header.kind === "proxied" && (isIP(header.source) === 0 || isIP(header.destination) === 0)) {
      throw new Error("no address");
    }
  },
};
