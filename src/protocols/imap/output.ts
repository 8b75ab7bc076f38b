/** A session's way out: response octets into large chunks, with backpressure and turns for others. */
import { nextTurn, SLICE_MILLISECONDS } from "../../base/turns.ts";
import { type ChunkPool, ResponseWriter } from "../../formats/imap/index.ts";
import type { Connection } from "../../server/connection/index.ts";

/**
 * Writes go to `out` (a ResponseWriter); `flush` hands them to the connection. A loop over messages calls `isDue` every few
 * messages and `rest` when it says so.
 */
export class Output extends ResponseWriter {
  readonly #connection: Connection;
  readonly #held: { octets: Buffer | undefined; holds: boolean };
  #sliceStart = 0;
  #drained: (() => void) | undefined;

  constructor(connection: Connection, pool: ChunkPool) {
    const held: { octets: Buffer | undefined; holds: boolean } = { octets: undefined, holds: false };
    super((chunk) => {
      if (held.holds) {
        held.octets = chunk;
        return;
      }
      const { buffer, length } = chunk;
      // A whole chunk goes back to the pool once the kernel has it; small replies are buffers of their own.
      connection.write(
        chunk,
        length > 0 && buffer.byteLength === pool.chunkOctets ? () => pool.release(chunk) : undefined,
      );
    }, pool);
    this.#connection = connection;
    this.#held = held;
  }

  /** What has been written and would be flushed, to be sent by the caller. No more than a small reply. */
  takeUnflushed(): Buffer {
    const held = this.#held;
    held.holds = true;
    this.flush();
    held.holds = false;
    const { octets = Buffer.alloc(0) } = held;
    held.octets = undefined;
    return octets;
  }

  /** A loop begins. */
  startSlice(): void {
    this.#sliceStart = performance.now();
  }

  /** True when the loop must not go on without a rest: its time is over, or the client does not read. */
  isDue(): boolean {
    return !this.#connection.writable || performance.now() - this.#sliceStart > SLICE_MILLISECONDS;
  }

  /** Lets others have a turn, and waits until the client has read what it was sent. @returns false when it is gone */
  async rest(): Promise<boolean> {
    while (!this.#connection.writable && this.#connection.open) {
      await new Promise<void>((resolve) => (this.#drained = resolve));
    }
    await nextTurn();
    this.#sliceStart = performance.now();
    return this.#connection.open;
  }

  /** The connection has room again, or is gone. */
  drained(): void {
    const resolve = this.#drained;
    this.#drained = undefined;
    resolve?.();
  }
}
