/** Row repairs of one mailbox on their way to the writer: gathered, and asked for a few hundred at a time. */
import type { UniqueId } from "../../../formats/ids.ts";
import type { MessageBox } from "../../../store/index.ts";
import type { Tools } from "../tools.ts";
import type { FoundMessage } from "./message-file.ts";
import type { RowInput } from "./rows.ts";

const ROWS_A_REQUEST = 200;
const CACHE_OCTETS_A_REQUEST = 2 << 20;
/** Requests that call for files to be written; after so many these are waited for, since a store without threads writes none meanwhile. */
const REQUESTS_TO_SETTLE = 20;

export class Repairs {
  private readonly tools: Tools;
  private readonly box: UniqueId;
  /** Where its messages were when the check began. */
  private readonly place: string;
  private readonly dryRun: boolean;
  private waiting: { row: RowInput; cache: Uint8Array | undefined }[] = [];
  private waitingOctets = 0;
  private missing: number[] = [];
  private unsettled = 0;

  constructor(tools: Tools, box: MessageBox, dryRun: boolean) {
    this.tools = tools;
    this.box = box.uniqueId;
    this.place = `${box.partition} ${box.name}`;
    this.dryRun = dryRun;
  }

  /** A row is to be put back, or its cache record. */
  put(row: RowInput, cache?: Uint8Array): void {
    this.waiting.push({ row, cache });
    this.waitingOctets += cache?.length ?? 0;
  }

  /** The octets of the message are nowhere. */
  addMissing(uid: number): void {
    this.missing.push(uid);
  }

  /** Asks the writer where enough is gathered; to be called after each message. */
  async flushFull(): Promise<void> {
    if (this.waiting.length >= ROWS_A_REQUEST || this.waitingOctets >= CACHE_OCTETS_A_REQUEST) await this.flushRows();
    if (this.missing.length >= ROWS_A_REQUEST) await this.flushMissing();
  }

  async flushRows(): Promise<void> {
    const { waiting } = this;
    this.waiting = [];
    this.waitingOctets = 0;
    if (waiting.length === 0 || this.dryRun) return;
    const rows = waiting.map(({ row }) => row);
    const caches = waiting.flatMap(({ cache }) => (cache ? [cache] : []));
    await this.tools.writer.ask("maintenance.put-rows", { box: this.box, rows }, caches);
    if (caches.length > 0) this.unsettled += ROWS_A_REQUEST;
    await this.settleNow();
  }

  async flushMissing(): Promise<void> {
    const uids = this.missing.splice(0);
    if (uids.length > 0) await this.expunge(uids, false);
  }

  /** @param unlink whether the files, which hold something else, go as well */
  async expunge(uids: readonly number[], unlink: boolean): Promise<void> {
    if (this.dryRun) return;
    await this.tools.writer.ask("maintenance.expunge-missing", { box: this.box, uids, unlink, place: this.place });
  }

  /**
   * Makes a message of a file: its own row's is replaced (`replace`), or there was none. `place`: where the file is.
   * @returns the uid it got; null: it is a message already
   */
  async adopt(
    uid: number,
    { args: message, cache }: FoundMessage,
    replace: boolean,
    place: number,
  ): Promise<number | null> {
    const args = { box: this.box, uid, message, replace, place };
    const added = await this.tools.writer.ask("maintenance.adopt-file", args, [cache]);
    this.unsettled += 1;
    await this.settleNow();
    return added;
  }

  private async settleNow(): Promise<void> {
    if (this.unsettled < REQUESTS_TO_SETTLE * ROWS_A_REQUEST) return;
    this.unsettled = 0;
    await this.tools.mail.settle();
  }
}
