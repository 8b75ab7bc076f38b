/** APPEND's messages as they come: small ones in memory, large ones into a file of the partition, all looked at on the way. */
import { type FileHandle, unlink } from "node:fs/promises";
import { createHash, type Hash, randomBytes } from "node:crypto";
import {
  type CheckOptions,
  MessageChecker,
  MessageScanner,
  type ScannedMessage,
  type ScanOptions,
} from "../../../formats/mime/index.ts";
import type { AppendOptions } from "../../../formats/imap/index.ts";
import { type AppendArgs, fileFailure, type MailErrorCode, messageArgs } from "../../../ops/index.ts";
import { stageDirectory, stagePath } from "../../../store/index.ts";
import type { FoundMailbox } from "../mailbox/find.ts";
import { MAX_APPEND_MEMORY_OCTETS, MAX_MEMORY_MESSAGE_OCTETS } from "../limits.ts";
import { flagArgs } from "../flags.ts";
import { createFile, syncDirectory } from "../../../base/files.ts";
import type { Log } from "../../../base/log.ts";
import { inTurns } from "../../../base/turns.ts";

/** Octets handed to the file at a time. */
const WRITE_OCTETS = 1_048_576;
/** Octets that are checked and hashed at a time. */
const PIECE_OCTETS = 65_536;
/** What is not longer is looked at at once: some 1 ms of work, whatever it is. */
const SMALL_OCTETS = 16_384;

type PreparedMessage = AppendArgs["messages"][number];

export interface AppendRules {
  /** Directory of the mailbox's partition. */
  readonly partitionRoot: string;
  readonly scan: ScanOptions;
  readonly check: CheckOptions;
  readonly log: Log;
}

/** One APPEND command under way. */
export class AppendInput {
  readonly target: FoundMailbox;
  readonly messages: PreparedMessage[] = [];
  /** Attachments of the request, in the messages' order. */
  readonly octets: Uint8Array[] = [];
  readonly #rules: AppendRules;
  readonly #staged: string[] = [];
  #memory = 0;
  #current: IncomingLiteral | undefined;
  /** The first message that cannot be taken; the command is refused at its end. */
  fault: MailErrorCode | undefined;
  totalOctets = 0;

  constructor(target: FoundMailbox, rules: AppendRules) {
    this.target = target;
    this.#rules = rules;
  }

  /** A literal was announced that will be streamed. */
  begin(sizeOctets: number, options: AppendOptions): void {
    const inMemory = sizeOctets <= MAX_MEMORY_MESSAGE_OCTETS && this.#memory + sizeOctets <= MAX_APPEND_MEMORY_OCTETS;
    if (inMemory) this.#memory += sizeOctets;
    this.totalOctets += sizeOctets;
    this.#current = new IncomingLiteral(sizeOctets, options, this.#rules, inMemory ? undefined : this.#stageName());
  }

  /** What comes after a file could not be written is thrown away: the client sends it anyway. */
  push(octets: Buffer): Promise<void> | void {
    const current = this.#current;
    return current?.push(octets)?.catch((error: unknown) => this.#fail(current, error));
  }

  async literalEnd(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    try {
      const { args, attachments, fault } = await current.finish();
      this.fault ??= fault;
      this.messages.push(args);
      this.octets.push(...attachments);
    } catch (error) {
      await this.#fail(current, error);
    }
  }

  /** The writer has the messages: their staged files are its own. */
  handedOver(): void {
    this.#staged.length = 0;
  }

  /** Ends whatever is under way and removes files that nobody will want. */
  async abandon(): Promise<void> {
    await this.#current?.close();
    this.#current = undefined;
    for (const name of this.#staged.splice(0))
      await unlink(stagePath(this.#rules.partitionRoot, name)).catch(ignoreMissing);
  }

  /** The command is refused at its end; what was written of its messages goes now, for the disk may be full. */
  async #fail(current: IncomingLiteral, error: unknown): Promise<void> {
    this.fault ??= fileFailure(error);
    this.#logError(error);
    try {
      await current.close();
      await this.abandon();
    } catch (alsoThis) {
      this.#logError(alsoThis);
    }
  }

  #logError(error: unknown): void {
    this.#rules.log.err(`IOERROR: APPEND: ${String(error)}`, { mailbox: this.target.entry.name });
  }

  #stageName(): string {
    const name = `imap-${randomBytes(12).toString("hex")}`;
    this.#staged.push(name);
    return name;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

class IncomingLiteral {
  readonly #options: AppendOptions;
  readonly #rules: AppendRules;
  readonly #stage: string | undefined;
  readonly #checker: MessageChecker;
  readonly #hash: Hash;
  /** For a message in memory. */
  readonly #whole: Buffer | undefined;
  /** For a staged one. */
  readonly #scanner: MessageScanner | undefined;
  #filled = 0;
  #file: FileHandle | undefined;
  #parts: Buffer[] = [];
  #partsOctets = 0;

  constructor(sizeOctets: number, options: AppendOptions, rules: AppendRules, stage: string | undefined) {
    this.#options = options;
    this.#rules = rules;
    this.#stage = stage;
    this.#checker = new MessageChecker(rules.check);
    this.#hash = createHash("sha1");
    this.#whole = stage === undefined ? Buffer.allocUnsafeSlow(sizeOctets) : undefined;
    this.#scanner = stage === undefined ? undefined : new MessageScanner(rules.scan);
  }

  push(octets: Buffer): Promise<void> | void {
    if (this.#whole !== undefined) {
      octets.copy(this.#whole, this.#filled);
      this.#filled += octets.length;
      return;
    }
    this.#checker.push(octets);
    this.#hash.update(octets);
    this.#parts.push(octets);
    this.#partsOctets += octets.length;
    if (octets.length > SMALL_OCTETS) return this.#scanAndWrite(octets);
    this.#scanner!.push(octets);
    if (this.#partsOctets >= WRITE_OCTETS) return this.#write();
  }

  async #scanAndWrite(octets: Buffer): Promise<void> {
    await inTurns(this.#scanner!.pushInSteps(octets));
    if (this.#partsOctets >= WRITE_OCTETS) await this.#write();
  }

  async finish(): Promise<{ args: PreparedMessage; attachments: Uint8Array[]; fault: MailErrorCode | undefined }> {
    const now = Date.now();
    const { flags, internalDate } = this.#options;
    const arrival =
      internalDate === undefined
        ? { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 }
        : { seconds: internalDate.epochSeconds, nanos: 0 };
    const flagsOf = flags === undefined ? { system: 0, user: [] } : flagArgs(flags);
    if (this.#whole !== undefined) {
      const scanning = this.#scanWhole(this.#whole);
      const scanned = scanning instanceof Promise ? await scanning : scanning;
      const args = { ...messageArgs(scanned, this.#hash.digest("hex"), arrival), flags: flagsOf };
      return { args, attachments: [scanned.cache, this.#whole], fault: this.#checker.finish() };
    }
    await this.#write();
    await this.#file?.sync();
    await this.close();
    await syncDirectory(stageDirectory(this.#rules.partitionRoot));
    const scanned = await inTurns(this.#scanner!.finishInSteps());
    const args = { ...messageArgs(scanned, this.#hash.digest("hex"), arrival, this.#stage), flags: flagsOf };
    return { args, attachments: [scanned.cache], fault: this.#checker.finish() };
  }

  /** @returns at once what is small */
  #scanWhole(whole: Buffer): ScannedMessage | Promise<ScannedMessage> {
    const scanner = new MessageScanner(this.#rules.scan);
    if (whole.length > SMALL_OCTETS) return inTurns(this.#scanInPieces(whole, scanner));
    this.#checker.push(whole);
    this.#hash.update(whole);
    return scanner.finish(whole);
  }

  *#scanInPieces(whole: Buffer, scanner: MessageScanner): Generator<void, ScannedMessage> {
    for (let at = 0; at < whole.length; at += PIECE_OCTETS) {
      const piece = whole.subarray(at, at + PIECE_OCTETS);
      this.#checker.push(piece);
      this.#hash.update(piece);
      yield* scanner.pushInSteps(piece);
      yield;
    }
    return yield* scanner.finishInSteps();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #write(): Promise<void> {
    const path = stagePath(this.#rules.partitionRoot, this.#stage!);
    this.#file ??= await createFile(path);
    const parts = this.#parts;
    this.#parts = [];
    this.#partsOctets = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; ) at += (await this.#file.write(part, at)).bytesWritten;
    }
  }
}
