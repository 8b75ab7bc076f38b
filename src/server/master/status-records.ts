/**
 * What master and its services say to each other over descriptor 3: records of 8 octets, int32 code and int32 value in
 * the machine's order. Codes up to 4 are Cyrus's (the value is the sender's pid); the others only our own workers know.
 */
export const statusCodes = {
  available: 1,
  unavailable: 2,
  connection: 3,
  connectionMulti: 4,
  /** Value: how many sessions the worker has now. */
  sessions: 16,
  /** From master. Value: how many sessions the worker may have; negative without limit. */
  share: 17,
} as const;

export interface StatusRecord {
  readonly code: number;
  readonly value: number;
}
export const recordOctets = 8;

export function encodeStatus({ code, value }: StatusRecord): Buffer {
  const octets = Buffer.alloc(recordOctets);
  octets.writeInt32LE(code, 0);
  octets.writeInt32LE(value, 4);
  return octets;
}

/** Puts records together again from pieces of any size. */
export class StatusReader {
  #rest: Buffer = Buffer.alloc(0);

  push(piece: Buffer): StatusRecord[] {
    const octets = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const records: StatusRecord[] = [];
    let at = 0;
    for (; at + recordOctets <= octets.length; at += recordOctets) {
      records.push({ code: octets.readInt32LE(at), value: octets.readInt32LE(at + 4) });
    }
    this.#rest = Buffer.from(octets.subarray(at));
    return records;
  }
}
