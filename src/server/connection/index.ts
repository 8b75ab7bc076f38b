export { Connection, type ConnectionHost } from "./connection.ts";
export { canonicalAddress, isLoopback, peerText } from "./peer.ts";
export type { Session, ShutdownReason } from "./session.ts";
export type { TlsInfo } from "./tls-info.ts";
