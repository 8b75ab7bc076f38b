/** Collects what the record holds while a message is scanned, and writes it (layout: record.ts). */
import { crc32 } from "node:zlib";
import { parseDate } from "./date.ts";
import { type FieldReader, fieldNameHash, unfold } from "./header-fields.ts";
import { maxCachedFieldOctets, maxCachedFieldsOctets, maxIndexedFields, maxTextOctets } from "./limits.ts";
import { OctetWriter } from "./octet-writer.ts";
import type { PartNode } from "./part.ts";
import { field } from "./part-header.ts";
import { fieldNotKept, fieldSize, flagIndexComplete, headSize, magic, partKind, partSize } from "./record.ts";

/** Fields that are bulky, and that clients do not list: they are in the index, and read from the message. */
export const bulkyFields: readonly string[] = [
  "Received",
  "DKIM-Signature",
  "DomainKey-Signature",
  "ARC-Seal",
  "ARC-Message-Signature",
  "ARC-Authentication-Results",
  "Authentication-Results",
  "Received-SPF",
  "X-Google-DKIM-Signature",
  "X-Google-Smtp-Source",
  "X-Received",
  "X-Gm-Message-State",
  "X-MS-Exchange-AntiSpam-MessageData",
  "X-MS-Exchange-AntiSpam-MessageData-0",
  "X-Microsoft-Antispam-Message-Info",
  "X-Forefront-Antispam-Report",
  "X-Face",
  "Face",
  "Autocrypt",
];
const bulky = new Set(bulkyFields.map(fieldNameHash));

/** What a mail store keeps of a message. Texts are latin1, one character an octet, unfolded, not decoded. */
export interface ScannedMessage {
  /** Octets of the whole message. */
  readonly size: number;
  /** Octets of the header, with the empty line. */
  readonly headerSize: number;
  /** Instant of the Date field, seconds since 1970; undefined when absent or no date. */
  readonly date: number | undefined;
  /** Midnight UTC of the day that the Date field names in its own zone, seconds since 1970: what SENTON compares. */
  readonly sentdate: number | undefined;
  /** Undefined when absent. */
  readonly messageId: string | undefined;
  readonly inReplyTo: string | undefined;
  readonly references: string | undefined;
  readonly subject: string | undefined;
  /** The cache record; record.ts has its layout and accessors. */
  readonly cache: Buffer;
}

/** Parts of a structure that are written in one step, and octets of it: some 1 ms of work. */
const partsAStep = 1_000;
const octetsAStep = 1 << 20;

export class RecordBuilder {
  readonly #pieces: OctetWriter;
  readonly #fields = new OctetWriter(2048);
  /** hash, start (in #fields, or in the message), length with fieldNotKept. */
  readonly #index: number[] = [];
  #octets: Uint8Array = Buffer.alloc(0);
  #complete = true;
  #shown = true;
  readonly #texts: (string | undefined)[] = [];
  #date: ReturnType<typeof parseDate>;

  /** @param pieces where the scanner writes the octets that its nodes refer to */
  constructor(pieces: OctetWriter) {
    this.#pieces = pieces;
  }

  /** The outer header is about to be read. @param cut it is longer than what is read of it */
  startFields(octets: Uint8Array, cut: boolean): void {
    this.#octets = octets;
    this.#complete = !cut;
  }

  /** The outer header has fields that were not given. */
  incomplete(): void {
    this.#complete = false;
  }

  /** Takes one field of the outer header. */
  readonly field = (reader: FieldReader): void => {
    if (this.#index.length >= maxIndexedFields * 3) {
      this.#complete = false;
      return;
    }
    // A line that starts with a bare CR ends what HEADER.FIELDS shows, see headerFields.
    this.#shown &&= this.#octets[reader.start] !== 13;
    if (!this.#shown) return;
    const length = reader.end - reader.start;
    const fields = this.#fields;
    // A last field without line end cannot be sent as it is.
    const keep =
      length <= maxCachedFieldOctets &&
      fields.length + length <= maxCachedFieldsOctets &&
      !bulky.has(reader.hash) &&
      this.#octets[reader.end - 1] === 10;
    if (keep) {
      this.#index.push(reader.hash, fields.length, length);
      fields.copy(this.#octets, reader.start, reader.end);
    } else this.#index.push(reader.hash, reader.start, length + fieldNotKept);
  };

  /** Takes the texts that duplicates, threads and dates need from the outer header. */
  texts(octets: Uint8Array, ranges: Int32Array): void {
    for (const which of [field.messageId, field.inReplyTo, field.references, field.subject]) {
      const start = ranges[which * 2]!;
      const end = Math.min(ranges[which * 2 + 1]!, start + maxTextOctets);
      this.#texts.push(start < 0 ? undefined : unfold(octets, start, end));
    }
    const start = ranges[field.date * 2]!;
    if (start >= 0) this.#date = parseDate(octets, start, ranges[field.date * 2 + 1]!);
  }

  /** In steps of some 1 ms; one for all but hostile messages. */
  *build(nodes: readonly PartNode[], size: number): Generator<void, ScannedMessage> {
    const root = nodes[0]!;
    const order = childrenTogether(nodes);
    const pieces = this.#pieces.octets;
    const envelopeSize = root.envelopeEnd - root.envelopeStart;
    const fieldsSize = this.#fields.length;
    const fixed = headSize + envelopeSize + nodes.length * partSize + (this.#index.length / 3) * fieldSize + fieldsSize;
    const out = new OctetWriter(fixed + this.#pieces.length * 2 + nodes.length * 64);
    out.length = headSize;
    out.copy(pieces, root.envelopeStart, root.envelopeEnd);
    const structureStart = out.length;
    const charsets = new Uint32Array(nodes.length);
    yield* writeStructure(nodes, pieces, out, true, charsets);
    const bodyStart = out.length;
    yield* writeStructure(nodes, pieces, out, false);
    const partsStart = out.length;
    const indexStart = partsStart + nodes.length * partSize;
    const fieldsStart = indexStart + (this.#index.length / 3) * fieldSize;
    out.reserve(fieldsStart + fieldsSize - partsStart);
    if (nodes.length > partsAStep) yield;
    const view = new DataView(out.octets.buffer, out.octets.byteOffset, out.octets.length);
    this.#putParts(view, partsStart, nodes, order, charsets);
    this.#putIndex(view, indexStart, fieldsStart);
    out.length = fieldsStart;
    out.copy(this.#fields.octets, 0, fieldsSize);
    for (let i = 0; i < 4; i++) out.octets[i] = magic[i]!;
    const head = [out.length, 0, this.#complete ? flagIndexComplete : 0, size, root.headerEnd - root.headerStart];
    const starts = [headSize, structureStart, bodyStart, partsStart, indexStart, fieldsStart, out.length, nodes.length];
    [...head, ...starts].forEach((value, i) => view.setUint32(4 + i * 4, value, true));
    view.setUint32(8, crc32(out.octets.subarray(12, out.length)), true);
    const [messageId, inReplyTo, references, subject] = this.#texts;
    return {
      size,
      headerSize: root.headerEnd - root.headerStart,
      date: this.#date?.time,
      sentdate: this.#date?.day,
      messageId,
      inReplyTo,
      references,
      subject,
      cache: out.octets.subarray(0, out.length),
    };
  }

  #putParts(
    view: DataView,
    start: number,
    nodes: readonly PartNode[],
    order: readonly number[],
    charsets: Uint32Array,
  ): void {
    const place = new Uint16Array(nodes.length);
    order.forEach((node, i) => {
      place[node] = i;
    });
    order.forEach((index, i) => {
      const node = nodes[index]!;
      const at = start + i * partSize;
      view.setUint32(at, node.headerStart, true);
      view.setUint32(at + 4, node.headerEnd - node.headerStart, true);
      view.setUint32(at + 8, node.bodyStart, true);
      view.setUint32(at + 12, node.bodyEnd - node.bodyStart, true);
      view.setUint32(at + 16, node.lines, true);
      view.setUint32(at + 20, charsets[index]!, true);
      view.setUint8(at + 24, node.charsetLength);
      view.setUint8(at + 25, node.encoding);
      view.setUint8(at + 26, node.kind);
      view.setUint8(at + 27, 0);
      view.setUint16(at + 28, node.children.length === 0 ? 0 : place[node.children[0]!]!, true);
      view.setUint16(at + 30, node.children.length, true);
    });
  }

  #putIndex(view: DataView, indexStart: number, fieldsStart: number): void {
    const index = this.#index;
    let at = indexStart;
    for (let i = 0; i < index.length; i += 3) {
      const kept = index[i + 2]! < fieldNotKept;
      view.setUint32(at, index[i]!, true);
      view.setUint32(at + 4, kept ? fieldsStart + index[i + 1]! : index[i + 1]!, true);
      view.setUint32(at + 8, index[i + 2]!, true);
      at += fieldSize;
    }
  }
}

/** Order of the nodes in which the children of each are neighbours, and follow their parent. */
function childrenTogether(nodes: readonly PartNode[]): number[] {
  const order = [0];
  for (let i = 0; i < order.length; i++) for (const child of nodes[order[i]!]!.children) order.push(child);
  return order;
}

/** Writes BODYSTRUCTURE (`extended`) or BODY (RFC 3501 §7.4.2). @param charsets gets where each charset's name stands */
function* writeStructure(
  nodes: readonly PartNode[],
  pieces: Buffer,
  out: OctetWriter,
  extended: boolean,
  charsets?: Uint32Array,
): Generator<void, void> {
  let stepStart = out.length;
  // Nodes that are begun, and how many of their children are written.
  const stack: number[] = [0];
  const written: number[] = [0];
  while (stack.length > 0) {
    const index = stack.at(-1)!;
    const node = nodes[index]!;
    const done = written.at(-1)!;
    if (done === 0) {
      out.octet(0x28);
      if (node.kind !== partKind.multipart) {
        if (charsets !== undefined && node.charsetLength > 0) charsets[index] = out.length + node.charsetOffset;
        out.copy(pieces, node.basicStart, node.basicEnd);
        out.octet(32);
        out.decimal(node.bodyEnd - node.bodyStart);
      }
    }
    if (done < node.children.length) {
      const child = node.children[done]!;
      if (node.kind === partKind.message) {
        const { envelopeStart, envelopeEnd } = nodes[child]!;
        out.octet(32);
        out.copy(pieces, envelopeStart, envelopeEnd);
        out.octet(32);
      }
      written[written.length - 1] = done + 1;
      if (child % partsAStep === 0 || out.length - stepStart > octetsAStep) {
        yield;
        stepStart = out.length;
      }
      stack.push(child);
      written.push(0);
      continue;
    }
    if (node.kind === partKind.multipart) {
      out.octet(32);
      out.copy(pieces, node.basicStart, node.basicEnd);
    } else if (node.kind === partKind.text || node.kind === partKind.message) {
      out.octet(32);
      out.decimal(node.lines);
    }
    if (extended) out.copy(pieces, node.extendedStart, node.extendedEnd);
    out.octet(0x29);
    stack.pop();
    written.pop();
  }
}
