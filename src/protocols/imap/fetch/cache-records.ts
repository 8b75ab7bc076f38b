/** Cache records of a mailbox's messages; one that is missing or damaged is made again from the message, silently. */
import { MessageScanner, recordVersion } from "../../../formats/mime/index.ts";
import type { CachePlace, CacheReader, MessageLocation } from "../../../store/index.ts";
import type { ImapService } from "../core.ts";
import { inTurns, nextTurn } from "../../../base/turns.ts";
import type { MessageOctets } from "./message-octets.ts";

/** Read at a time where a message is scanned anew. */
const PIECE_OCTETS = 65_536;

/** To be closed. */
export class CacheRecords {
  readonly #reader: CacheReader;
  readonly #maxheaderlines: number;

  constructor(
    { mail, cacheMemory, context }: Pick<ImapService, "mail" | "cacheMemory" | "context">,
    location: Pick<MessageLocation, "partition" | "uniqueId">,
  ) {
    this.#reader = mail.cacheReader(location, cacheMemory);
    this.#maxheaderlines = context.config.maxheaderlines;
  }

  /** Finds the record: in `octets` at `base`. False when it must be waited for or made: see `later`. */
  now(row: CachePlace): boolean {
    return row.cacheVersion === recordVersion && this.#reader.find(row) === true;
  }

  /** What `now` has found; valid until the next call. */
  get octets(): Buffer {
    return this.#reader.octets;
  }

  get base(): number {
    return this.#reader.at;
  }

  /** The record, valid until the next call. @param octets stands at the message. @throws MessageMissing */
  async later(row: CachePlace, octets: MessageOctets): Promise<Buffer> {
    if (row.cacheVersion === recordVersion) {
      let record = this.#reader.record(row);
      // More than once when what another record was waited for comes first.
      while (record instanceof Promise) {
        await record;
        record = this.#reader.record(row);
      }
      if (record !== undefined) return record;
    }
    const scanner = new MessageScanner({ maxheaderlines: this.#maxheaderlines });
    const { sizeOctets } = octets.location;
    for (let at = 0; at < sizeOctets; at += PIECE_OCTETS) {
      await inTurns(scanner.pushInSteps(await octets.read(at, Math.min(sizeOctets, at + PIECE_OCTETS))));
      await nextTurn();
    }
    return (await inTurns(scanner.finishInSteps())).cache;
  }

  close(): void {
    this.#reader.close();
  }
}
