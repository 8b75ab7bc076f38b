/** Octets of one message after the other: straight from the page cache into the output where they are there, read ahead in the thread pool where not. */
import { type CallerMail, MailError } from "../../../ops/index.ts";
import { type MessageLocation, MessageMissing, type OpenMessage } from "../../../store/index.ts";
import { READ_AHEAD_MESSAGES, MAX_MEMORY_MESSAGE_OCTETS } from "../limits.ts";

/** A source for the messages of one mailbox, taken in order. To be closed. */
export class MessageOctets {
  readonly #mail: CallerMail;
  #opened: OpenMessage | undefined;
  #location: MessageLocation | undefined;
  #whole: Buffer | undefined;
  readonly #ahead = new Map<number, Promise<Buffer | undefined>>();

  constructor(mail: CallerMail) {
    this.#mail = mail;
  }

  /** The message that is read from now on. */
  begin(location: MessageLocation): void {
    this.close();
    this.#location = location;
  }

  get location(): MessageLocation {
    return this.#location!;
  }

  /** Makes sure that the message is there at all. @throws MessageMissing */
  open(): void {
    if (this.#whole === undefined && !this.#ahead.has(this.location.uid)) this.#open();
  }

  /** True when reading has had to wait for the disk: those after this one had better be read ahead. */
  get isCold(): boolean {
    return this.#ahead.size > 0 || this.#whole !== undefined;
  }

  /**
   * Fills `target` from its octet `start` to `end` with what can be had at once of the message from `position` on.
   * @returns false when it cannot be had without waiting
   * @throws MessageMissing
   */
  fillNow(target: Buffer, position: number, start = 0, end = target.length): boolean {
    if (this.#whole !== undefined) return this.#fillFromWhole(target, position, start, end);
    if (this.#ahead.size > 0 && this.#ahead.has(this.location.uid)) return false;
    const { messages } = this.#mail.mail;
    const opened = this.#open();
    for (let at = start; at < end; ) {
      const from = position + at - start;
      const read = messages.readNow(opened, target, from, at, end - at);
      if (read === undefined) return false;
      if (read === 0) this.#tooShort(from);
      at += read;
    }
    return true;
  }

  /** The same, waiting as long as it takes. @throws MessageMissing */
  async fill(target: Buffer, position: number): Promise<void> {
    const ahead = this.#ahead.get(this.location.uid);
    if (ahead !== undefined) {
      this.#ahead.delete(this.location.uid);
      this.#whole = await ahead;
    }
    if (this.#whole !== undefined && this.#fillFromWhole(target, position, 0, target.length)) return;
    const { messages } = this.#mail.mail;
    const opened = this.#open();
    for (let filled = 0; filled < target.length; ) {
      const part = target.subarray(filled);
      const read =
        messages.readNow(opened, part, position + filled) ??
        (await messages.readLater(opened, part, position + filled));
      if (read === 0) this.#tooShort(position + filled);
      filled += read;
    }
  }

  /** The octets from `start` to `end`, not to be changed. */
  async read(start: number, end: number): Promise<Buffer> {
    if (this.#whole !== undefined && end <= this.#whole.length) return this.#whole.subarray(start, end);
    const target = Buffer.allocUnsafe(end - start);
    if (target.length > 0 && !this.fillNow(target, start)) await this.fill(target, start);
    return target;
  }

  /** Has a message that is not large in memory as a whole, for those who read all of it in parts. @throws MessageMissing */
  async loadWhole(): Promise<void> {
    const { sizeOctets } = this.location;
    if (this.#whole === undefined && sizeOctets <= MAX_MEMORY_MESSAGE_OCTETS)
      this.#whole = await this.read(0, sizeOctets);
  }

  /** Begins to read messages that will be asked for soon, up to the number read ahead at a time. */
  readAhead(locations: Iterable<MessageLocation>): void {
    for (const location of locations) {
      if (this.#ahead.size >= READ_AHEAD_MESSAGES) return;
      const { uid, sizeOctets } = location;
      if (this.#ahead.has(uid) || sizeOctets > MAX_MEMORY_MESSAGE_OCTETS) continue;
      this.#ahead.set(uid, this.#mail.mail.messages.read(location).catch(ignoreMissing));
    }
  }

  /** Forgets what was read ahead and not asked for. */
  forget(): void {
    this.#ahead.clear();
  }

  close(): void {
    if (this.#opened !== undefined) this.#mail.mail.messages.close(this.#opened);
    this.#opened = undefined;
    this.#whole = undefined;
  }

  #open(): OpenMessage {
    return (this.#opened ??= this.#mail.mail.messages.open(this.location));
  }

  #fillFromWhole(target: Buffer, position: number, start: number, end: number): boolean {
    const whole = this.#whole!;
    if (position + end - start > whole.length) this.#tooShort(whole.length);
    whole.copy(target, start, position, position + end - start);
    return true;
  }

  #tooShort(at: number): never {
    throw new MessageMissing(`uid ${this.location.uid} of ${this.location.uniqueId} ends after ${at} octets`);
  }
}

/** Whoever needs the message reads it again and finds out. */
function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof MessageMissing) && !(error instanceof MailError)) throw error;
}
