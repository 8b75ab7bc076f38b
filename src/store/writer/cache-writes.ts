/** Cache records of a portion of work on their way to cache files: each file is opened once, and what follows on one another is one write. */
import { closeSync, constants, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";

interface Run {
  readonly offset: number;
  readonly records: Uint8Array[];
  octets: number;
}

export class CacheWrites {
  readonly #files = new Map<string, Run[]>();
  readonly #failed: (path: string, error: unknown) => void;

  /** @param failed hears of a file that could not be written; the others are. Must not throw */
  constructor(failed: (path: string, error: unknown) => void) {
    this.#failed = failed;
  }

  /** @param record must not change until `flush` */
  add(path: string, offset: number, record: Uint8Array): void {
    const runs = this.#files.get(path);
    const last = runs?.at(-1);
    if (last !== undefined && last.offset + last.octets === offset) {
      last.records.push(record);
      last.octets += record.length;
      return;
    }
    const run = { offset, records: [record], octets: record.length };
    if (runs === undefined) this.#files.set(path, [run]);
    else runs.push(run);
  }

  /** Writes all, in each file in the order in which it was added. */
  flush(): void {
    for (const [path, runs] of this.#files) {
      try {
        writeRuns(path, runs);
      } catch (error) {
        this.#failed(path, error);
      }
    }
    this.#files.clear();
  }
}

function writeRuns(path: string, runs: readonly Run[]): void {
  const fd = openForWriting(path);
  try {
    for (const { offset, records } of runs) {
      const octets = records.length === 1 ? records[0]! : Buffer.concat(records);
      for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at, octets.length - at, offset + at);
    }
  } finally {
    closeSync(fd);
  }
}

/** Cache files may be the only ones of a mailbox below their root: then nobody else has made the directory. */
function openForWriting(path: string): number {
  const open = (): number => openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    return open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return open();
  }
}
