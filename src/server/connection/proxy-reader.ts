import { proxyHeaderTimeoutMs } from "../limits/limits.ts";
import type { Connection } from "./connection.ts";
import { canonicalAddress } from "./peer.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";

/**
 * Takes the PROXY header off a fresh connection and puts the client's address in place.
 * @param done called once: undefined when the connection may go on, else what was wrong
 */
export function readProxyHeader(connection: Connection, done: (error: string | undefined) => void): void {
  const { stream } = connection;
  let received: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => finish("timeout"), proxyHeaderTimeoutMs);
  const finish = (error: string | undefined): void => {
    clearTimeout(timer);
    stream.off("data", onData).off("end", onEnd).off("close", onEnd);
    stream.pause();
    done(error);
  };
  const onEnd = (): void => finish("connection closed");
  const onData = (octets: Buffer): void => {
    received = received.length === 0 ? octets : Buffer.concat([received, octets]);
    const header = parseProxyHeader(received);
    if (header.kind === "more") return;
    if (header.kind === "bad") return finish(header.reason);
    if (header.kind === "proxied") {
      connection.address = canonicalAddress(header.source);
      connection.port = header.sourcePort;
      connection.acceptedAddress = connection.localAddress;
      connection.localAddress = canonicalAddress(header.destination);
      connection.localPort = header.destinationPort;
    }
    const rest = received.subarray(header.octets);
    stream.pause();
    if (rest.length > 0) stream.unshift(rest);
    finish(undefined);
  };
  stream.on("data", onData).on("end", onEnd).on("close", onEnd);
}
