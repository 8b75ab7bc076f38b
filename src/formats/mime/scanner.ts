/**
 * Takes a message apart in one pass, in chunks of any size, without recursion and without keeping bodies.
 *
 * How parts are found (RFC 2046 §5.1, with Cyrus 3.6's answers where the RFC has none): a line "--B" with only white
 * space after it ends the part before it, for the boundary B of any open multipart, and starts the next part of the
 * innermost open multipart. A line that starts with "--B--" closes that multipart and all inside it. The line end
 * before a delimiter belongs to the delimiter.
 */
import { Boundaries } from "./boundaries.ts";
import { FieldReader } from "./header-fields.ts";
import {
  maxDelimiterLineOctets,
  maxDepth,
  maxHeaderOctets,
  maxheaderlinesDefault,
  maxMessageOctets,
  maxParts,
} from "./limits.ts";
import { PartNode } from "./part.ts";
import { findFields, HeaderFormatter, rangeCount } from "./part-header.ts";
import { partKind } from "./record.ts";
import { RecordBuilder } from "./record-builder.ts";
import type { ScannedMessage } from "./record-builder.ts";

const lf = 10;
const cr = 13;
const hyphen = 0x2d;

/** Octets taken apart in one step: some 1 ms of work, a few where they are all delimiters. */
export const stepOctets = 16_384;

const empty = Buffer.alloc(0);

/** What the line before the present one was; says whether its line end belongs to a delimiter that follows. */
const before = { other: 0, text: 1 } as const;

export interface ScanOptions {
  /** The imapd.conf option: fields after more lines than this are not looked at; 0: no limit. Default 1000. */
  readonly maxheaderlines?: number;
}

export class MessageScanner {
  readonly #maxLines: number;
  readonly #formatter = new HeaderFormatter();
  readonly #nodes: PartNode[] = [new PartNode(-1, true, 0)];
  readonly #open: number[] = [0];
  /** Open multiparts with a boundary, outermost first. */
  readonly #multiparts: number[] = [];
  readonly #boundaries = new Boundaries();
  readonly #field = new FieldReader();
  readonly #ranges = new Int32Array(rangeCount * 2);
  readonly #record: RecordBuilder;

  /** Position in the message of the first octet of the buffer at hand. */
  #base = 0;
  /** Octets given before that are still needed: a header that has not ended, a line that may be a delimiter. */
  #carry: Buffer = empty;
  #carryLength = 0;
  #inHeader = true;
  /** The present header was longer than the limit and has been read already. */
  #headerRead = false;
  /** The next octet starts a line. */
  #lineStart = true;
  #lines = 0;
  #lineBefore: number = before.other;
  #lineEndSize = 0;
  #previousOctet = 0;
  #finished = false;

  constructor({ maxheaderlines = maxheaderlinesDefault }: ScanOptions = {}) {
    this.#maxLines = maxheaderlines > 0 ? maxheaderlines : Number.POSITIVE_INFINITY;
    this.#record = new RecordBuilder(this.#formatter.out);
  }

  /**
   * Takes the next octets of the message. They may be reused by the caller afterwards.
   * @throws RangeError when the message grows beyond maxMessageOctets
   */
  push(chunk: Uint8Array): void {
    if (this.#finished) throw new Error("push after finish");
    const octets = this.#carried(chunk);
    const used = this.#consume(octets, false);
    this.#base += used;
    this.#carryLength = octets.length - used;
    if (this.#carryLength === 0) return;
    this.#reserveCarry(this.#carryLength);
    // Also right when the rest is in the carry buffer itself.
    this.#carry.set(octets.subarray(used));
  }

  /** The same in steps of some 1 ms, for callers that let others have a turn after each. The octets stay as they are until the last. */
  *pushInSteps(chunk: Uint8Array): Generator<void, void> {
    for (let at = 0; at < chunk.length; at += stepOctets) {
      if (at > 0) yield;
      this.push(chunk.subarray(at, at + stepOctets));
    }
  }

  /** What was carried over with the next octets behind it. */
  #carried(chunk: Uint8Array): Uint8Array {
    const length = this.#carryLength + chunk.length;
    if (this.#base + length > maxMessageOctets) throw new RangeError("message too large");
    if (this.#carryLength === 0) return chunk;
    this.#reserveCarry(length);
    this.#carry.set(chunk, this.#carryLength);
    return this.#carry.subarray(0, length);
  }

  /** Grows by doubling, so that a long header in many small pieces is not copied over and over. */
  #reserveCarry(length: number): void {
    if (length <= this.#carry.length) return;
    const grown = Buffer.allocUnsafe(Math.max(length, this.#carry.length * 2, 256));
    grown.set(this.#carry);
    this.#carry = grown;
  }

  /** @param last octets that were not pushed yet */
  finish(last?: Uint8Array): ScannedMessage {
    const steps = this.finishInSteps(last);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The same in steps of some 1 ms, for callers that let others have a turn after each: messages may have thousands of parts. */
  *finishInSteps(last?: Uint8Array): Generator<void, ScannedMessage> {
    const octets = this.#carried(last ?? empty);
    this.#finished = true;
    this.#consume(octets, true);
    const end = this.#base + octets.length;
    this.#atEnd(octets, end);
    return yield* this.#record.build(this.#nodes, end);
  }

  /** @returns how many octets are done with; the rest must be given again, with more behind it */
  #consume(octets: Uint8Array, last: boolean): number {
    const end = octets.length;
    let p = 0;
    // Header lines that were looked at but are still needed for reading the header.
    let kept = -1;
    if (this.#inHeader && !this.#headerRead) {
      kept = 0;
      p = this.#headerSeen;
      this.#headerSeen = 0;
    }
    while (p < end) {
      if (this.#lineStart) {
        const c = octets[p]!;
        if (c === hyphen && this.#boundaries.length > 0) {
          if (p + 1 === end && !last) break;
          if (octets[p + 1] === hyphen) {
            const stop = lineEnd(octets, p, Math.min(end, p + maxDelimiterLineOctets));
            if (stop < 0 && !last && end - p < maxDelimiterLineOctets) break;
            const next = stop < 0 ? Math.min(end, p + maxDelimiterLineOctets) : stop;
            if (this.#delimiter(octets, p, next, kept)) {
              p = next;
              // A closing delimiter may be followed by anything, also by more than is looked at here.
              this.#lineStart = stop >= 0;
              kept = this.#inHeader && !this.#headerRead ? p : -1;
              continue;
            }
          }
        } else if (this.#inHeader) {
          if (c === cr && p + 1 === end && !last) break;
          const size = c === lf ? 1 : c === cr && octets[p + 1] === lf && p + 1 < end ? 2 : 0;
          if (size > 0) {
            this.#lines++;
            this.#previousOctet = lf;
            this.#lineBefore = before.other;
            this.#headerEnd(octets, kept, p, p + size, false);
            p += size;
            kept = this.#inHeader && !this.#headerRead ? p : -1;
            continue;
          }
        }
        this.#lineStart = false;
      }
      // The rest of a line.
      const stop = octets.indexOf(lf, p);
      if (stop < 0) {
        this.#previousOctet = octets[end - 1]!;
        p = end;
      } else {
        this.#lineEndSize = (stop > p ? octets[stop - 1] : this.#previousOctet) === cr ? 2 : 1;
        this.#previousOctet = lf;
        this.#lineBefore = before.text;
        this.#lines++;
        this.#lineStart = true;
        p = stop + 1;
      }
      if (kept >= 0 && p - kept >= maxHeaderOctets) {
        this.#readHeader(octets, kept, kept + maxHeaderOctets);
        this.#headerRead = true;
        kept = -1;
      }
    }
    if (kept < 0) return p;
    this.#headerSeen = p - kept;
    return kept;
  }
  #headerSeen = 0;

  /**
   * A line that starts with "--": if it is a delimiter, closes and opens parts.
   * @param end after its line end, or of what there is of it
   */
  #delimiter(octets: Uint8Array, start: number, end: number, kept: number): boolean {
    let textEnd = end;
    if (octets[textEnd - 1] === lf) textEnd--;
    if (octets[textEnd - 1] === cr) textEnd--;
    const whole = octets[end - 1] === lf || end - start < maxDelimiterLineOctets;
    const i = this.#boundaries.find(octets, start, textEnd, whole);
    if (i < 0) return false;
    const { closing } = this.#boundaries;
    if (!closing && this.#nodes.length >= maxParts) return false;
    const stripped = this.#lineBefore === before.text ? this.#lineEndSize : 0;
    if (this.#inHeader) this.#headerEnd(octets, kept, start - stripped, start, true);
    const position = this.#base + start;
    if (closing) {
      this.#closeUntil(this.#multiparts[i]!, position, stripped);
      this.#boundaries.truncate(i);
      this.#multiparts.length = i;
      this.#lineBefore = before.other;
    } else {
      const parent = this.#multiparts.at(-1)!;
      this.#closeUntil(parent, position, stripped);
      this.#openPart(parent, this.#base + end);
      this.#lineBefore = before.other;
    }
    if (octets[end - 1] === lf) {
      this.#lines++;
      this.#previousOctet = lf;
    } else this.#previousOctet = octets[end - 1]!;
    if (!closing) this.#nodes.at(-1)!.lines = this.#lines;
    return true;
  }

  #openPart(parent: number, position: number): void {
    const { depth, inDigest } = this.#nodes[parent]!;
    const node = new PartNode(parent, false, depth + 1);
    node.inDigest = inDigest;
    this.#startNode(node, position);
  }

  #startNode(node: PartNode, position: number): void {
    node.headerStart = node.headerEnd = node.bodyStart = position;
    const index = this.#nodes.push(node) - 1;
    this.#nodes[node.parent]!.children.push(index);
    this.#open.push(index);
    this.#inHeader = true;
    this.#headerRead = false;
  }

  #closeUntil(keep: number, position: number, stripped: number): void {
    while (this.#open.at(-1) !== keep && this.#open.length > 1) this.#close(position, stripped);
  }

  /** Closes the innermost open part, whose body ends at `position`, or before the line end there. */
  #close(position: number, stripped: number): void {
    const node = this.#nodes[this.#open.pop()!]!;
    const end = position - stripped;
    node.bodyEnd = Math.max(end, node.bodyStart);
    node.lines = node.bodyEnd === node.bodyStart ? 0 : this.#lines - node.lines - (stripped > 0 ? 1 : 0);
    if (node.kind === partKind.multipart && node.children.length === 0) {
      // Closed before its first part.
      this.#formatter.plainText(node);
    }
    this.#inHeader = false;
  }

  /**
   * The header of the innermost part ends: reads it, and goes on in its body.
   * @param kept start of the header in octets, or -1 when it was read already
   * @param end after its last field
   * @param next after the empty line
   * @param cut ended by a delimiter: there is no body
   */
  #headerEnd(octets: Uint8Array, kept: number, end: number, next: number, cut: boolean): void {
    const index = this.#open.at(-1)!;
    const node = this.#nodes[index]!;
    if (kept >= 0) this.#readHeader(octets, kept, Math.max(kept, Math.min(end, kept + maxHeaderOctets)));
    node.headerEnd = node.bodyStart = Math.max(node.headerStart, this.#base + (cut ? end : next));
    this.#inHeader = false;
    node.lines = this.#lines;
    if (node.kind === partKind.multipart) {
      if (node.depth >= maxDepth) this.#formatter.plainText(node);
      else if (!cut && node.boundary !== undefined) {
        this.#boundaries.push(node.boundary);
        this.#multiparts.push(index);
      }
    } else if (node.kind === partKind.message) {
      if (node.depth >= maxDepth || this.#nodes.length >= maxParts) node.kind = partKind.leaf;
      else {
        this.#startNode(new PartNode(index, true, node.depth + 1), node.bodyStart);
        if (cut) this.#headerEnd(octets, end, end, end, true);
      }
    }
  }

  #readHeader(octets: Uint8Array, start: number, limit: number): void {
    // A header that was cut at the limit is read up to its last whole line.
    let end = limit;
    if (limit - start >= maxHeaderOctets) end = Math.max(start, octets.lastIndexOf(lf, limit - 1) + 1);
    const node = this.#nodes[this.#open.at(-1)!]!;
    const isRoot = node.parent < 0;
    if (isRoot) this.#record.startFields(octets, limit - start >= maxHeaderOctets);
    const each = isRoot ? this.#record.field : undefined;
    const all = findFields(octets, start, end, this.#field, this.#ranges, this.#maxLines, each);
    if (isRoot && !all) this.#record.incomplete();
    if (this.#formatter.full) {
      this.#formatter.plainText(node);
      if (node.isMessage) this.#formatter.envelope(octets, this.#ranges.fill(-1), node);
      return;
    }
    if (node.isMessage) this.#formatter.envelope(octets, this.#ranges, node);
    this.#formatter.structure(octets, this.#ranges, node);
    if (isRoot) this.#record.texts(octets, this.#ranges);
  }

  /** The message has ended, perhaps in the middle of things. */
  #atEnd(octets: Uint8Array, end: number): void {
    this.#endHeaders(octets);
    const innermost = this.#multiparts.at(-1);
    if (innermost !== undefined && innermost === this.#open.at(-1) && this.#nodes[innermost]!.children.length === 0) {
      // A multipart without any delimiter has one empty part, so that its structure has a form.
      this.#openPart(innermost, end);
      this.#endHeaders(octets);
    }
    while (this.#open.length > 0) this.#close(end, 0);
  }

  /** Ends the header at hand where the message ends; that may start an embedded message with an empty header. */
  #endHeaders(octets: Uint8Array): void {
    while (this.#inHeader) {
      // What is needed of the header is still there, unless it was read already.
      const from = this.#headerRead ? -1 : this.#nodes[this.#open.at(-1)!]!.headerStart - this.#base;
      this.#headerEnd(octets, from, octets.length, octets.length, false);
    }
  }
}

/** Position after the next line end, or -1. */
function lineEnd(octets: Uint8Array, from: number, limit: number): number {
  for (let p = from; p < limit; p++) if (octets[p] === lf) return p + 1;
  return -1;
}

/**
 * Takes a whole message apart.
 * @throws RangeError when it is larger than maxMessageOctets; nothing else
 */
export function scanMessage(octets: Uint8Array, options?: ScanOptions): ScannedMessage {
  return new MessageScanner(options).finish(octets);
}
