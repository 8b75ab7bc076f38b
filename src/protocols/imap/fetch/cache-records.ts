/** Cache records of a mailbox's messages; one that is missing or damaged is made again from the message, silently. */
import { MessageScanner, recordVersion } from "../../../formats/mime/index.ts";
import type { CallerMail } from "../../../ops/index.ts";
import type { CachePlace, CacheReader, MessageLocation } from "../../../store/index.ts";
import { nextTurn } from "../output.ts";
import type { MessageOctets } from "./message-octets.ts";

/** Read at a time where a message is scanned anew. */
const PIECE_OCTETS = 262_144;

export class CacheRecords {
  readonly #reader: CacheReader;
  readonly #maxheaderlines: number;

  constructor(mail: CallerMail, location: Pick<MessageLocation, "partition" | "uniqueId">, maxheaderlines: number) {
    this.#reader = mail.mail.cacheReader(location);
    this.#maxheaderlines = maxheaderlines;
  }

  /** The record, valid until the next call; undefined when it must be waited for or made: see `later`. */
  now(row: CachePlace): Buffer | undefined {
    if (row.cacheVersion !== recordVersion) return undefined;
    const record = this.#reader.record(row);
    return record === undefined || record instanceof Promise ? undefined : record;
  }

  /** @param octets stands at the message. @throws MessageMissing */
  async later(row: CachePlace, octets: MessageOctets): Promise<Buffer> {
    if (row.cacheVersion === recordVersion) {
      let record = this.#reader.record(row);
      if (record instanceof Promise) {
        await record;
        record = this.#reader.record(row);
      }
      if (record !== undefined && !(record instanceof Promise)) return record;
    }
    const scanner = new MessageScanner({ maxheaderlines: this.#maxheaderlines });
    const { sizeOctets } = octets.location;
    for (let at = 0; at < sizeOctets; at += PIECE_OCTETS) {
      scanner.push(await octets.read(at, Math.min(sizeOctets, at + PIECE_OCTETS)));
      await nextTurn();
    }
    return scanner.finish().cache;
  }

  close(): void {
    this.#reader.close();
  }
}
