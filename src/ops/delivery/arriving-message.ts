/**
 * A message as it comes from outside, on its way to mailboxes: checked, its header made complete, scanned and hashed. Small ones stay in memory, large
 * ones go to a staged file while they come.
 */
import { inTurns } from "../../base/turns.ts";
import { createHash, hash, type Hash } from "node:crypto";
import {
  fieldNameHash,
  MessageChecker,
  MessageScanner,
  munge8bit,
  parseDate,
  type ScannedMessage,
  unfold,
} from "../../formats/mime/index.ts";
import { FieldReader } from "../../formats/mime/header-fields.ts";
import type { MailErrorCode } from "../errors.ts";
import { type ArrivalTime, type MessageArgs, messageArgs } from "../messages/incoming.ts";
import { MAX_HEADER_OCTETS, MAX_MEMORY_MESSAGE_OCTETS } from "./limits.ts";
import { StagedFile } from "./staged-file.ts";

export interface ArrivalRules {
  readonly reject8bit: boolean;
  readonly munge8bit: boolean;
  readonly maxheaderlines: number;
  /** 0: no limit. */
  readonly maxMessageOctets: number;
}

export interface ArrivalOptions {
  readonly rules: ArrivalRules;
  /** Fields put in front, each with its line end. */
  readonly traceFields: string;
  /** For a message without one. */
  readonly newMessageId: () => string;
  /** For a message without one. */
  readonly dateText: string;
  readonly arrival: ArrivalTime;
  /** Directory of the partition where a large message is staged. */
  readonly stageRoot: string;
}

export interface ArrivedMessage {
  readonly args: MessageArgs;
  readonly attachments: Uint8Array[];
  readonly staged: StagedFile | undefined;
  /** Resent-Message-ID, else Message-ID, with its brackets; Latin-1. */
  readonly id: string;
  /** Text of the Date field; Latin-1. */
  readonly date: string;
  /** Octets of all headers, as stored: for filters. */
  readonly header: Buffer;
}

/** What became of it. With a fault or too many octets, nothing is left behind. */
export type Arrival =
  | { readonly kind: "message"; readonly message: ArrivedMessage }
  | { readonly kind: "fault"; readonly fault: MailErrorCode }
  | { readonly kind: "tooBig"; readonly sizeOctets: number };

/** What is not longer is scanned at once: some 1 ms of work, whatever it is. */
const SMALL_OCTETS = 16_384;
const LF = 10;
const CR = 13;
const lineEnd = Buffer.from("\r\n");
const emptyLine = Buffer.from("\r\n\r\n");
const fields = {
  returnPath: fieldNameHash("return-path"),
  messageId: fieldNameHash("message-id"),
  resentMessageId: fieldNameHash("resent-message-id"),
  date: fieldNameHash("date"),
  deliveredDate: fieldNameHash("x-deliveredinternaldate"),
} as const;

/** The header as it is stored, and what it says. */
interface Head {
  /** Trace fields, the message's own, added ones and the empty line. */
  readonly pieces: readonly Uint8Array[];
  readonly id: string;
  readonly date: string;
  readonly arrival: ArrivalTime;
  readonly fault: MailErrorCode | undefined;
}

/** Octets are pushed in order, with line ends of CRLF. */
export class ArrivingMessage {
  readonly #options: ArrivalOptions;
  readonly #checker: MessageChecker;
  #parts: Buffer[] = [];
  #octets = 0;
  #large: LargeMessage | undefined;
  #fault: MailErrorCode | undefined;
  #isTooBig = false;

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#checker = new MessageChecker({ reject8bit: options.rules.reject8bit, lineEndsAreSound: true });
  }

  /** @returns a promise when it must be waited for before more is pushed */
  push(octets: Buffer): Promise<void> | undefined {
    this.#octets += octets.length;
    const { maxMessageOctets } = this.#options.rules;
    if (this.#fault !== undefined || this.#isTooBig) return undefined;
    if (maxMessageOctets > 0 && this.#octets > maxMessageOctets) {
      this.#isTooBig = true;
      return this.abandon();
    }
    if (this.#large !== undefined) {
      this.#checker.push(octets);
      return this.#large.push(octets);
    }
    this.#parts.push(octets);
    return this.#octets > MAX_MEMORY_MESSAGE_OCTETS ? this.#grow() : undefined;
  }

  /** The end of the message. */
  finish(): Arrival | Promise<Arrival> {
    if (this.#large !== undefined) return this.#finishLarge(this.#large);
    const refused = this.#refusal(this.#options.traceFields.length);
    if (refused !== undefined) return refused;
    const raw = this.#gathered();
    this.#checker.push(raw);
    const headerEnd = endOfHeader(raw) ?? raw.length;
    const fault = this.#checker.finish() ?? this.#headerFault(headerEnd);
    if (fault !== undefined) return { kind: "fault", fault };
    const head = readHead(raw.subarray(0, headerEnd), this.#options, this.#checker.hasEightBitHeader);
    if (head.fault !== undefined) return { kind: "fault", fault: head.fault };
    const { pieces, id, date, arrival } = head;
    const octets = Buffer.concat([...pieces, raw.subarray(headerEnd)]);
    const refusedSize = this.#tooBig(octets.length);
    if (refusedSize !== undefined) return refusedSize;
    const scanner = new MessageScanner({ maxheaderlines: this.#options.rules.maxheaderlines });
    const arrived = (scanned: ScannedMessage): Arrival => {
      const args = messageArgs(scanned, hash("sha1", octets, "hex"), arrival);
      const header = octets.subarray(0, scanned.headerSize);
      const attachments = [scanned.cache, octets];
      return { kind: "message", message: { args, attachments, staged: undefined, id, date, header } };
    };
    if (octets.length <= SMALL_OCTETS) return arrived(scanner.finish(octets));
    return inTurns(scanInSteps(scanner, octets)).then(arrived);
  }

  /** It cannot be kept (the file cannot be written): what still comes is thrown away, and `finish` gives the fault. */
  async fail(fault: MailErrorCode): Promise<void> {
    this.#fault = fault;
    await this.abandon();
  }

  /** Nobody wants it any more. */
  async abandon(): Promise<void> {
    this.#parts = [];
    const large = this.#large;
    this.#large = undefined;
    await large?.staged.remove();
  }

  /** It is too large for memory: goes on in a file, if its header is complete. */
  #grow(): Promise<void> | undefined {
    const raw = this.#gathered();
    const headerEnd = endOfHeader(raw);
    if (headerEnd === undefined && raw.length <= MAX_HEADER_OCTETS) return undefined;
    this.#checker.push(raw);
    const fault = headerEnd === undefined ? "invalidHeader" : this.#headerFault(headerEnd);
    const head =
      fault === undefined
        ? readHead(raw.subarray(0, headerEnd), this.#options, this.#checker.hasEightBitHeader)
        : undefined;
    this.#fault = fault ?? head?.fault;
    this.#parts = [];
    if (this.#fault !== undefined || head === undefined) return undefined;
    this.#large = new LargeMessage(head, this.#options);
    return this.#large.push(raw.subarray(headerEnd));
  }

  async #finishLarge(large: LargeMessage): Promise<Arrival> {
    const fault = this.#checker.finish();
    const refused: Arrival | undefined =
      fault === undefined ? this.#tooBig(large.sizeOctets) : { kind: "fault", fault };
    if (refused !== undefined) {
      await this.abandon();
      return refused;
    }
    const message = await large.finish();
    this.#large = undefined;
    return { kind: "message", message };
  }

  #refusal(headOctets: number): Arrival | undefined {
    if (this.#isTooBig) return this.#tooBig(headOctets + this.#octets);
    return this.#fault === undefined ? undefined : { kind: "fault", fault: this.#fault };
  }

  #tooBig(sizeOctets: number): Arrival | undefined {
    const { maxMessageOctets } = this.#options.rules;
    return maxMessageOctets > 0 && sizeOctets > maxMessageOctets ? { kind: "tooBig", sizeOctets } : undefined;
  }

  /** The checker and we must mean the same header: a line that starts with a lone CR is no end of one. */
  #headerFault(headerEnd: number): MailErrorCode | undefined {
    return this.#checker.headerSize === headerEnd ? undefined : "invalidHeader";
  }

  #gathered(): Buffer {
    const [only, second] = this.#parts;
    const whole = only === undefined ? Buffer.alloc(0) : second === undefined ? only : Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }
}

/** The rest of a message that is too large for memory. */
class LargeMessage {
  readonly staged: StagedFile;
  readonly #head: Head;
  readonly #header: Buffer;
  readonly #hash: Hash = createHash("sha1");
  readonly #scanner: MessageScanner;
  sizeOctets: number;

  constructor(head: Head, { rules, stageRoot }: ArrivalOptions) {
    this.#head = head;
    this.staged = StagedFile.begin(stageRoot);
    this.#scanner = new MessageScanner({ maxheaderlines: rules.maxheaderlines });
    this.#header = Buffer.concat(head.pieces);
    this.sizeOctets = 0;
    this.#take(this.#header);
  }

  push(octets: Buffer): Promise<void> | undefined {
    return octets.length === 0 ? undefined : this.#take(octets);
  }

  async finish(): Promise<ArrivedMessage> {
    await this.staged.finish();
    const scanned = await inTurns(this.#scanner.finishInSteps());
    const { id, date, arrival } = this.#head;
    const args = messageArgs(scanned, this.#hash.digest("hex"), arrival, this.staged.name);
    return { args, attachments: [scanned.cache], staged: this.staged, id, date, header: this.#header };
  }

  #take(octets: Buffer): Promise<void> | undefined {
    this.sizeOctets += octets.length;
    this.#hash.update(octets);
    this.#scanner.push(octets);
    return this.staged.push(octets);
  }
}

function* scanInSteps(scanner: MessageScanner, octets: Buffer): Generator<void, ScannedMessage> {
  yield* scanner.pushInSteps(octets);
  return yield* scanner.finishInSteps();
}

/** After the empty line; undefined when there is none. */
function endOfHeader(raw: Buffer): number | undefined {
  if (raw[0] === CR && raw[1] === LF) return 2;
  const at = raw.indexOf(emptyLine);
  return at < 0 ? undefined : at + 4;
}

function readHead(header: Buffer, options: ArrivalOptions, hasEightBit: boolean): Head {
  const { traceFields, rules } = options;
  const pieces: Uint8Array[] = [Buffer.from(traceFields, "latin1")];
  let messageId: string | undefined;
  let resentId: string | undefined;
  let date: string | undefined;
  let { arrival } = options;
  const field = new FieldReader();
  /** Start of the fields that stay and are not in `pieces` yet. */
  let keep = 0;
  let at = 0;
  for (; field.next(header, at, header.length); at = field.end) {
    switch (field.hash) {
      case fields.returnPath:
        if (field.start > keep) pieces.push(header.subarray(keep, field.start));
        keep = field.end;
        break;
      case fields.messageId:
        messageId ??= valueOf(header, field);
        break;
      case fields.resentMessageId:
        resentId ??= valueOf(header, field);
        break;
      case fields.date:
        date ??= valueOf(header, field);
        break;
      case fields.deliveredDate: {
        const parsed = parseDate(header, field.valueStart, field.valueEnd);
        if (parsed !== undefined) arrival = { seconds: parsed.time, nanos: 0 };
        break;
      }
      default:
    }
  }
  if (at > keep) pieces.push(header.subarray(keep, at));
  // Not the first one, which is ours.
  if (hasEightBit && rules.munge8bit) for (let n = 1; n < pieces.length; n++) munge8bit(pieces[n]!);
  // A message that was sent again is not a duplicate of itself.
  let id = resentId || messageId;
  const fault: MailErrorCode | undefined = id === "" ? "invalidHeader" : undefined;
  let added = "";
  if (id === undefined) {
    id = options.newMessageId();
    added += `Message-ID: ${id}\r\n`;
  }
  if (date === undefined) {
    date = options.dateText;
    added += `Date: ${date}\r\n`;
  }
  pieces.push(added === "" ? lineEnd : Buffer.from(`${added}\r\n`, "latin1"));
  return { pieces, id, date, arrival, fault };
}

function valueOf(header: Buffer, { valueStart, valueEnd }: FieldReader): string {
  return unfold(header, valueStart, valueEnd).trim();
}
