/** Why the runtime asks a session to end: the process got SIGTERM, it retires, or an administrator ended this one. */
export type ShutdownReason = "terminate" | "retire" | "ended";

/**
 * What a protocol puts behind a connection; called from the event loop. A promise that is returned is watched, not waited
 * for: a session that works on one command while more octets come keeps them, or pauses the connection. Whatever a method
 * throws, or its promise rejects with, ends this session alone, with the stack in the log.
 */
export interface Session {
  /**
   * Octets from the client, as they arrive, in pieces of any size. The Buffer is the session's to keep. Not called while
   * reading is paused, while output waits for a slow reader, nor after `end` or `destroy`.
   */
  octets(octets: Buffer): void | Promise<void>;
  /** Output that had filled up has been read by the client: `connection.writable` is true again. */
  drained?(): void | Promise<void>;
  /** The client closed its sending side; replies still reach it. Without this method the connection is ended. */
  ended?(): void | Promise<void>;
  /** TLS is up after `startTls`. State from before it must be dropped now (RFC 9051 §6.2.1). */
  secured?(): void | Promise<void>;
  /** The time set by `connection.setIdleTimeout`, or the time to log in, has passed. Without this method: ended. */
  timedOut?(): void | Promise<void>;
  /** Say goodbye and `connection.end()`. After SIGTERM the connection is destroyed if that takes longer than the grace. */
  shutdown?(reason: ShutdownReason): void | Promise<void>;
  /** True when no command is being worked on, so that a retiring process may end the session politely. Absent: true. */
  readonly idle?: boolean;
  /** The connection is gone, for whatever reason. Called once, last. */
  closed?(): void | Promise<void>;
}
