/** The tree of parts as the scanner builds it: nodes in a flat list, linked by index. */
import type { partKind } from "./record.ts";

export class PartNode {
  readonly parent: number;
  /** The node is a message: the outer one, or one embedded in a message/rfc822 part. */
  readonly isMessage: boolean;
  readonly depth: number;
  headerStart = 0;
  headerEnd = 0;
  bodyStart = 0;
  bodyEnd = 0;
  /** Line ends seen before the body; after closing, lines of the body. */
  lines = 0;
  kind: (typeof partKind)[keyof typeof partKind] = 0;
  /** Index into `encodings`. */
  encoding = 0;
  /** The delimiter's octets without "--"; undefined unless it is a multipart that has one. */
  boundary: Buffer | undefined;
  inDigest = false;
  readonly children: number[] = [];

  // Ranges in the scanner's scratch writer, written when the header ends.
  /** `"TEXT" "PLAIN" NIL NIL NIL "7BIT"`; for a multipart: the subtype. */
  basicStart = 0;
  basicEnd = 0;
  /** ` NIL NIL NIL NIL` after the basic fields; for a multipart: ` ("BOUNDARY" "x") NIL NIL NIL`. */
  extendedStart = 0;
  extendedEnd = 0;
  envelopeStart = 0;
  envelopeEnd = 0;
  /** From basicStart to the charset's name, 0: none. */
  charsetOffset = 0;
  charsetLength = 0;

  constructor(parent: number, isMessage: boolean, depth: number) {
    this.parent = parent;
    this.isMessage = isMessage;
    this.depth = depth;
  }
}
