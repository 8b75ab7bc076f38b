export * from "./files.ts";
export { NativeError } from "./libc.ts";
export * from "./process.ts";
export * from "./readiness.ts";
export * from "./reading.ts";
export * from "./sockets.ts";
