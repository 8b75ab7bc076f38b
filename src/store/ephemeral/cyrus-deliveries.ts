/**
 * Takes over what Cyrus's deliver.db remembers: key `Message-ID NUL uniqueid NUL date NUL`, value 8 octets of time (the machine's,
 * little-endian) and 4 or 8 of uid. In the background of a worker, a few at a time, or at once in a program.
 */
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../base/log.ts";
import { readTwoskip, TwoskipError, type TwoskipRecord } from "../../formats/twoskip/index.ts";
import type { DuplicateMark } from "./duplicate-mark.ts";

/** Marks of one transaction, about 2 ms. */
const MARKS_A_STEP = 200;
/** A file larger than this is not read into memory; its loss costs duplicates of the last days. */
const MAX_OCTETS = 512 * 1024 * 1024;
/** While another process has the database: how often and how long it is tried again. */
const BUSY_MILLISECONDS = 100;
const BUSY_TRIES = 100;
const SQLITE_BUSY = 5;

export class CyrusDeliveries {
  readonly #path: string;
  readonly #log: Log;
  readonly #store: (marks: readonly DuplicateMark[]) => void;
  #records: Iterator<TwoskipRecord> | undefined;
  /** Read and not stored yet. */
  #marks: DuplicateMark[] = [];
  #count = 0;
  #damage: TwoskipError | undefined;
  #over = false;

  /** @param store keeps what is known already of the same message */
  constructor(path: string, store: (marks: readonly DuplicateMark[]) => void, log: Log) {
    this.#path = path;
    this.#store = store;
    this.#log = log;
  }

  /** Works on between other things, until it is done. Never rejects. */
  async inBackground(): Promise<void> {
    try {
      this.#checkSize();
      this.#records ??= readTwoskip(await readFile(this.#path));
      let busy = 0;
      while (!this.#over) {
        try {
          this.#step();
          busy = 0;
          await nextTurn();
        } catch (error) {
          if (!isBusy(error) || ++busy > BUSY_TRIES) throw error;
          await delay(BUSY_MILLISECONDS);
        }
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Does all that is left, now. */
  finish(): void {
    try {
      this.#checkSize();
      if (!this.#over) this.#records ??= readTwoskip(readFileSync(this.#path));
      while (!this.#over) this.#step();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** What was not taken over by now is not. */
  stop(): void {
    this.#over = true;
  }

  #checkSize(): void {
    const { size } = statSync(this.#path);
    if (size > MAX_OCTETS) throw new Error(`it has ${size} octets`);
  }

  #step(): void {
    while (this.#marks.length < MARKS_A_STEP) {
      const next = this.#next();
      if (next === undefined) {
        this.#storeMarks();
        if (this.#damage !== undefined) throw this.#damage;
        this.#over = true;
        this.#log.notice(`${this.#path}: ${this.#count} deliveries that Cyrus remembered are taken over`);
        return;
      }
      const mark = markOf(next);
      if (mark !== undefined) this.#marks.push(mark);
    }
    this.#storeMarks();
  }

  /** What comes before damage is good, and is kept. */
  #next(): TwoskipRecord | undefined {
    try {
      const next = this.#records!.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      if (!(error instanceof TwoskipError)) throw error;
      this.#damage = error;
      return undefined;
    }
  }

  #storeMarks(): void {
    if (this.#marks.length > 0) this.#store(this.#marks);
    this.#count += this.#marks.length;
    this.#marks = [];
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const { message } = error as Error;
    this.#log.warning(`${this.#path}: ${message}; ${this.#count} deliveries are taken over, others may come twice`);
  }
}

/** @returns undefined for what is none */
function markOf({ key, value }: TwoskipRecord): DuplicateMark | undefined {
  const [id, recipient, date, rest] = key.toString("latin1").split("\0");
  if (id === undefined || recipient === undefined || date === undefined || rest !== "") return undefined;
  if (value.length !== 12 && value.length !== 16) return undefined;
  const at = Number(value.readBigInt64LE(0));
  return Number.isSafeInteger(at) && at >= 0 ? { id, recipient, date, at, uid: value.readUInt32LE(8) } : undefined;
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && (code & 0xff) === SQLITE_BUSY;
}
