import type { FuzzTarget } from "../base/fuzz.ts";
import { parseListen } from "./listen.ts";
import { makeServices, parseServices } from "./services.ts";

const texts = [
  "imap2\t143/tcp\timap  # mail\nsieve 4190/tcp\nfud 4201/udp\n",
  "localhost:imap",
  "[::1]:993",
  "/run/cyrus/socket/lmtp",
  "143",
];

/** The octets are read as /etc/services and as a listen value. */
export const target: FuzzTarget = {
  name: "services and listen",
  seeds: texts.map((text) => Buffer.from(text, "latin1")),
  run(octets) {
    const text = Buffer.from(octets).toString("latin1");
    const entries = parseServices(text);
    const services = makeServices(entries);
    for (const { port } of entries) if (!(port >= 0 && port <= 65_535)) throw new Error(`port ${port}`);
    for (const protocol of ["tcp", "udp"] as const) {
      const listen = parseListen(text, protocol, services);
      if (typeof listen === "string") continue;
      if (listen.kind === "unix" ? !listen.path.startsWith("/") : !(listen.port >= 0 && listen.port <= 65_535)) {
        throw new Error(`listen ${JSON.stringify(listen)}`);
      }
    }
  },
};
