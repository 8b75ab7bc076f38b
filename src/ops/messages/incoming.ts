/** A message on its way to the writer: what a worker found out about it, as arguments and attachments of a request. */
import { hash } from "node:crypto";
import { type ScannedMessage, scanMessage } from "../../formats/mime/index.ts";
import type { IncomingMessage } from "../../store/index.ts";

/** Goes as JSON. The attachments of a message are its cache record and, unless it is staged, its octets. */
export interface MessageArgs {
  readonly sizeOctets: number;
  readonly headerSizeOctets: number;
  /** SHA-1, 40 hex digits. */
  readonly guid: string;
  /** Epoch seconds. */
  readonly internalDate: number;
  readonly internalDateNanos: number;
  readonly sentDate: number;
  readonly gmTime: number;
  readonly cacheVersion: number;
  /** Name of a durable file below `stage./` of the partition, for large messages. */
  readonly staged?: string | undefined;
}

/** Takes the attachments of one message off the front of `octets`; returns how many that were. */
export function incomingMessage(
  args: MessageArgs,
  octets: readonly Uint8Array[],
  at: number,
): { message: IncomingMessage; next: number } {
  const cache = octets[at];
  const content = args.staged === undefined ? octets[at + 1] : undefined;
  if (!cache || (args.staged === undefined && content?.length !== args.sizeOctets))
    throw new Error("attachments do not fit the message");
  const guid = Buffer.from(args.guid, "hex");
  if (guid.length !== 20) throw new Error("guid of a message is no SHA-1");
  const message: IncomingMessage = {
    sizeOctets: args.sizeOctets,
    headerSizeOctets: args.headerSizeOctets,
    guid,
    internalDate: args.internalDate,
    internalDateNanos: args.internalDateNanos,
    sentDate: args.sentDate,
    gmTime: args.gmTime,
    cacheVersion: args.cacheVersion,
    cache,
    content: content ? { octets: content } : { staged: args.staged! },
  };
  return { message, next: at + (content ? 2 : 1) };
}

/** Layout of the cache record that `scanMessage` makes; a row says which one its record has. */
const CACHE_VERSION = 1;

/** When the message came, for INTERNALDATE. */
export interface ArrivalTime {
  /** Epoch seconds. */
  readonly seconds: number;
  readonly nanos: number;
}

/** Arguments of a scanned message; `guid` is the SHA-1 of its octets in hex. */
export function messageArgs(scanned: ScannedMessage, guid: string, arrival: ArrivalTime, staged?: string): MessageArgs {
  return {
    sizeOctets: scanned.size,
    headerSizeOctets: scanned.headerSize,
    guid,
    internalDate: arrival.seconds,
    internalDateNanos: arrival.nanos,
    sentDate: scanned.sentdate ?? arrival.seconds,
    gmTime: scanned.date ?? arrival.seconds,
    cacheVersion: CACHE_VERSION,
    staged,
  };
}

/** A message that is in memory as a whole: arguments and attachments for "messages.append" and "messages.deliver". */
export function takeIn(octets: Uint8Array, arrival: ArrivalTime): { args: MessageArgs; attachments: Uint8Array[] } {
  const scanned = scanMessage(octets);
  return { args: messageArgs(scanned, hash("sha1", octets, "hex"), arrival), attachments: [scanned.cache, octets] };
}
