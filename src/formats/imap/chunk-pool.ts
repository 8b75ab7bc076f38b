/** Output chunks shared by the sessions of a process, so that bulk replies allocate nothing. */
import { CHUNK_OCTETS, MIN_CHUNK_OCTETS, POOLED_CHUNKS } from "./limits.ts";

/** Made once per process and handed down. */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  /** Chunks that are out, by their memory: a slice of one can be given back, and only once. */
  readonly #out = new Map<ArrayBufferLike, Buffer>();
  readonly chunkOctets: number;

  constructor(chunkOctets: number = CHUNK_OCTETS) {
    if (chunkOctets < MIN_CHUNK_OCTETS) throw new RangeError(`a chunk has at least ${MIN_CHUNK_OCTETS} octets`);
    this.chunkOctets = chunkOctets;
  }

  take(): Buffer {
    const chunk = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.chunkOctets);
    this.#out.set(chunk.buffer, chunk);
    return chunk;
  }

  /**
   * Takes back the chunk that `octets` is a slice of; call it in the callback of the socket's write. Anything that is not
   * of this pool is ignored, so every written buffer may be passed.
   */
  release(octets: Uint8Array): void {
    const chunk = this.#out.get(octets.buffer);
    if (chunk === undefined) return;
    this.#out.delete(octets.buffer);
    if (this.#free.length < POOLED_CHUNKS) this.#free.push(chunk);
  }

  /** Chunks that were taken and not released: bounded by what clients have not yet read. */
  get outstanding(): number {
    return this.#out.size;
  }
}
