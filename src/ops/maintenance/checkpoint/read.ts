/** Reads a checkpoint (format.ts). A generation counts only when all its text files are whole. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import type { UniqueId } from "../../../formats/ids.ts";
import {
  COLD_SPAN,
  ColdBlock,
  type ColdRow,
  BlockError,
  HOT_SPAN,
  HotBlock,
  type HotRow,
} from "../../../store/index.ts";
import type { Value } from "../../../store/database.ts";
import { type GoneLine, generations, KEPT, LineSum, type MailboxLine, type RowFiles, rowsPath } from "./format.ts";

const tables = ["quotas", "annotations", "subscriptions", "seen", "owners"] as const;
export type CheckpointTable = (typeof tables)[number];

export class CheckpointReader {
  readonly directory: string;
  private readonly configDirectory: string;
  private byId: Map<UniqueId, MailboxLine> | undefined;

  private constructor(configDirectory: string, generation: string) {
    this.configDirectory = configDirectory;
    this.directory = join(configDirectory, generation);
  }

  /** The newest generation that is whole; undefined when there is none. */
  static newest(configDirectory: string): CheckpointReader | undefined {
    for (const generation of generations) {
      const reader = CheckpointReader.open(configDirectory, generation);
      if (reader) return reader;
    }
    return undefined;
  }

  static open(configDirectory: string, generation: string): CheckpointReader | undefined {
    const reader = new CheckpointReader(configDirectory, generation);
    for (const name of ["mailboxes", ...tables]) if (!isWhole(join(reader.directory, name))) return undefined;
    return reader;
  }

  /** Every entry of the mailbox list. */
  *mailboxes(): Generator<MailboxLine, void, void> {
    for (const line of lines(join(this.directory, "mailboxes"))) {
      if ("entry" in (line as object)) yield line as MailboxLine;
    }
  }

  mailbox(uniqueId: UniqueId): MailboxLine | undefined {
    if (!this.byId) {
      this.byId = new Map();
      for (const line of this.mailboxes()) if (line.header) this.byId.set(line.entry.uniqueId, line);
    }
    return this.byId.get(uniqueId);
  }

  /** Files of rows that only the generation before refers to. */
  goneFiles(): string[] {
    const gone: string[] = [];
    for (const line of lines(join(this.directory, "mailboxes")) as Iterable<MailboxLine | GoneLine>)
      if ("gone" in line) gone.push(...line.gone);
    return gone;
  }

  /** Files of rows by mailbox, and those that only the generation before refers to. */
  rowFiles(): { files: Map<string, RowFiles>; gone: string[] } {
    const files = new Map<string, RowFiles>();
    const gone: string[] = [];
    for (const line of lines(join(this.directory, "mailboxes")) as Iterable<MailboxLine | GoneLine>) {
      if ("gone" in line) gone.push(...line.gone);
      else if (line.rows) files.set(line.entry.uniqueId, line.rows);
    }
    return { files, gone };
  }

  /** Rows as objects by column name. */
  *table(name: CheckpointTable): Generator<Record<string, Value>, void, void> {
    let columns: string[] | undefined;
    for (const line of lines(join(this.directory, name)) as Iterable<unknown[]>) {
      if (columns) yield Object.fromEntries(columns.map((column, place) => [column, stored(line[place])]));
      else columns = line as string[];
    }
  }

  /** Rows of a mailbox as of the checkpoint. Damaged blocks are passed over. */
  rows(uniqueId: UniqueId): SavedRows | undefined {
    const files = this.mailbox(uniqueId)?.rows?.files;
    return files && readRows(files.map((file) => rowsPath(this.configDirectory, file)));
  }
}

/** All generations, for looking up what the database has lost: the newest that knows of a thing is asked. */
export class Checkpoints {
  private readonly readers: readonly CheckpointReader[];

  constructor(configDirectory: string) {
    const all = [...generations, KEPT].map((generation) => CheckpointReader.open(configDirectory, generation));
    this.readers = all.filter((reader) => reader !== undefined);
  }

  get isEmpty(): boolean {
    return this.readers.length === 0;
  }

  mailbox(uniqueId: UniqueId): MailboxLine | undefined {
    return this.readers.find((reader) => reader.mailbox(uniqueId))?.mailbox(uniqueId);
  }

  rows(uniqueId: UniqueId): SavedRows | undefined {
    return this.readers.find((reader) => reader.mailbox(uniqueId))?.rows(uniqueId);
  }

  /** The newest first. */
  *mailboxes(): Generator<MailboxLine, void, void> {
    for (const reader of this.readers) yield* reader.mailboxes();
  }

  /** The newest first: of rows with one key the first counts. */
  *table(name: CheckpointTable): Generator<Record<string, Value>, void, void> {
    for (const reader of this.readers) yield* reader.table(name);
  }
}

/** By uid. */
export interface SavedRows {
  hot(uid: number): HotRow | undefined;
  cold(uid: number): ColdRow | undefined;
  /** Ascending; of all rows whose cold half is there. */
  uids(): number[];
}

function readRows(paths: readonly string[]): SavedRows {
  const hot = new Map<number, HotBlock>();
  const cold = new Map<number, ColdBlock>();
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const octets = readFileSync(path);
    for (let at = 0; at < octets.length; ) {
      const end = octets.indexOf(10, at);
      const head = end < 0 ? undefined : /^(hot|cold) (\d+) (\d+)$/.exec(octets.toString("latin1", at, end));
      if (!head) break;
      const first = Number(head[2]);
      const block = Buffer.from(octets.subarray(end + 1, end + 1 + Number(head[3])));
      at = end + 1 + Number(head[3]);
      try {
        if (head[1] === "hot") hot.set(first, HotBlock.decode(block));
        else cold.set(first, ColdBlock.decode(block));
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
      }
    }
  }
  const find = <B extends { find(uid: number): number; row(index: number): R }, R>(
    blocks: ReadonlyMap<number, B>,
    span: number,
    uid: number,
  ): R | undefined => {
    const block = blocks.get(uid - (uid % span));
    const index = block ? block.find(uid) : -1;
    return index < 0 ? undefined : block!.row(index);
  };
  return {
    hot: (uid) => find<HotBlock, HotRow>(hot, HOT_SPAN, uid),
    cold: (uid) => find<ColdBlock, ColdRow>(cold, COLD_SPAN, uid),
    uids: () =>
      [...cold.values()]
        .flatMap((block) => Array.from({ length: block.count }, (_, n) => block.uid(n)))
        .sort((a, b) => a - b),
  };
}

function stored(value: unknown): Value {
  if (typeof value === "object" && value !== null) return Buffer.from((value as { b64: string }).b64, "base64");
  return value as Value;
}

/** Values of all lines but the last. */
function* lines(path: string): Generator<unknown, void, void> {
  for (const line of textLines(path)) {
    if (line === undefined || line.startsWith("end ")) return;
    yield JSON.parse(line);
  }
}

function isWhole(path: string): boolean {
  if (!existsSync(path)) return false;
  const sum = new LineSum();
  let isEnded = false;
  for (const line of textLines(path)) {
    if (isEnded || line === undefined) return false;
    if (line.startsWith("end ")) {
      if (line !== sum.end) return false;
      isEnded = true;
    } else sum.add(line);
  }
  return isEnded;
}

const PIECE_OCTETS = 1 << 20;
const LF = 10;

/** A file piece by piece: the list of a large site is longer than a string can be. undefined: the last line has no end. */
function* textLines(path: string): Generator<string | undefined, void, void> {
  const fd = openSync(path, "r");
  try {
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    let begun: Buffer[] = [];
    for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
      let at = 0;
      for (let end = piece.indexOf(LF); end >= 0 && end < read; end = piece.indexOf(LF, at)) {
        begun.push(piece.subarray(at, end));
        yield Buffer.concat(begun).toString("utf8");
        begun = [];
        at = end + 1;
      }
      if (at < read) begun.push(Buffer.from(piece.subarray(at, read)));
    }
    if (begun.length > 0) yield undefined;
  } finally {
    closeSync(fd);
  }
}
