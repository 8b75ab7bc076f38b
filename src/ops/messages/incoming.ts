/** A message on its way to the writer: what a worker found out about it, as arguments and attachments of a request. */
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
