/** Guids with uids, given out in about the order of the guids: bounded in memory, and put in order without a pause. */

const GUID_OCTETS = 20;
const ENTRY_OCTETS = GUID_OCTETS + 4;
/** Entries beyond which a batch is full. 5 MB with their order. */
const FULL = 200_000;
/** Entries go into as many heaps as there are first two octets of a guid; within one they stay as they came. */
const HEAPS = 1 << 16;

export interface GuidEntry {
  /** Valid until the batch is dropped. */
  readonly guid: Uint8Array;
  readonly uid: number;
}

export class GuidBatch {
  private entries = Buffer.alloc(1024 * ENTRY_OCTETS);
  private count = 0;

  get isFull(): boolean {
    return this.count >= FULL;
  }

  add(guid: Uint8Array, uid: number): void {
    const at = this.count * ENTRY_OCTETS;
    if (at + ENTRY_OCTETS > this.entries.length) {
      const larger = Buffer.alloc(2 * this.entries.length);
      this.entries.copy(larger, 0, 0, at);
      this.entries = larger;
    }
    this.entries.set(guid, at);
    this.entries.writeUInt32LE(uid, at + GUID_OCTETS);
    this.count += 1;
  }

  *sorted(): Generator<GuidEntry, void, void> {
    const { entries, count } = this;
    const starts = new Uint32Array(HEAPS + 1);
    for (let n = 0; n < count; n++) starts[entries.readUInt16BE(n * ENTRY_OCTETS) + 1]! += 1;
    for (let heap = 0; heap < HEAPS; heap++) starts[heap + 1]! += starts[heap]!;
    const order = new Uint32Array(count);
    for (let n = 0; n < count; n++) order[starts[entries.readUInt16BE(n * ENTRY_OCTETS)]!++] = n;
    for (const n of order) {
      const at = n * ENTRY_OCTETS;
      yield { guid: entries.subarray(at, at + GUID_OCTETS), uid: entries.readUInt32LE(at + GUID_OCTETS) };
    }
  }
}
