export { decodeIdle, encodeIdle, type IdleKind, type IdleMessage } from "./datagram.ts";
export { IdleServer, type IdleServerOptions } from "./idle-server.ts";
export { SocketInUse } from "./idle-socket.ts";
