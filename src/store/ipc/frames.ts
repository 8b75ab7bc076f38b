/**
 * Frames between workers and the writer, over a Unix stream socket:
 *
 *   u32 length of what follows | u32 length of the JSON | JSON | attachments, one after the other
 *
 * little-endian. The JSON's array `o` has the attachments' lengths; without attachments there is none.
 */

/** Largest frame accepted: a message that skips staging with its cache record, and much room. */
export const MAX_FRAME_OCTETS = 16 << 20;

export interface Frame {
  readonly json: Readonly<Record<string, unknown>>;
  readonly octets: readonly Uint8Array[];
}

export class FrameError extends Error {}

/** The pieces of a frame, to be written in order. */
export function encodeFrame(json: object, octets: readonly Uint8Array[] = []): Uint8Array[] {
  const lengths = octets.map((part) => part.length);
  const text = JSON.stringify(lengths.length === 0 ? json : { ...json, o: lengths });
  const textLength = Buffer.byteLength(text);
  const head = Buffer.allocUnsafe(8 + textLength);
  head.writeUInt32LE(4 + textLength + lengths.reduce((sum, length) => sum + length, 0), 0);
  head.writeUInt32LE(textLength, 4);
  head.write(text, 8);
  return [head, ...octets];
}

/** Cuts a stream into frames. Attachments of a frame that came in one piece share its memory. */
export class FrameReader {
  /** A frame that has begun: its octets so far. */
  private partial: Buffer | undefined;
  private filled = 0;
  /** Fewer than four octets: the length is not known yet. */
  private head: Buffer = Buffer.alloc(0);

  /** @throws FrameError when the stream cannot be frames; the connection is of no use then */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.partial) {
        const taken = Math.min(this.partial.length - this.filled, chunk.length - at);
        chunk.copy(this.partial, this.filled, at, at + taken);
        this.filled += taken;
        at += taken;
        if (this.filled < this.partial.length) return;
        const whole = this.partial;
        this.partial = undefined;
        onFrame(decodeFrame(whole));
        continue;
      }
      if (this.head.length > 0 || chunk.length - at < 4) {
        const taken = Math.min(4 - this.head.length, chunk.length - at);
        this.head = Buffer.concat([this.head, chunk.subarray(at, at + taken)]);
        at += taken;
        if (this.head.length < 4) return;
        this.begin(this.head.readUInt32LE(0));
        this.head = Buffer.alloc(0);
        continue;
      }
      const length = chunk.readUInt32LE(at);
      if (length <= chunk.length - at - 4) {
        checkLength(length);
        onFrame(decodeFrame(chunk.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      } else {
        this.begin(length);
        at += 4;
      }
    }
  }

  private begin(length: number): void {
    checkLength(length);
    this.partial = Buffer.allocUnsafe(length);
    this.filled = 0;
  }
}

function checkLength(length: number): void {
  if (length < 6 || length > MAX_FRAME_OCTETS) throw new FrameError(`frame of ${length} octets`);
}

function decodeFrame(octets: Buffer): Frame {
  const textLength = octets.readUInt32LE(0);
  if (4 + textLength > octets.length) throw new FrameError("frame shorter than its JSON");
  const json = parseObject(octets.toString("utf8", 4, 4 + textLength));
  const lengths = (json["o"] ?? []) as number[];
  if (!Array.isArray(lengths) || !lengths.every((length) => Number.isInteger(length) && length >= 0)) {
    throw new FrameError("lengths of attachments are no numbers");
  }
  const parts: Uint8Array[] = [];
  let at = 4 + textLength;
  for (const length of lengths) {
    parts.push(octets.subarray(at, at + length));
    at += length;
  }
  if (at !== octets.length) throw new FrameError("attachments do not fill the frame");
  return { json, octets: parts };
}

function parseObject(text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FrameError("frame without JSON", { cause: error });
  }
  if (typeof json !== "object" || json === null) throw new FrameError("frame whose JSON is no object");
  return json as Record<string, unknown>;
}
