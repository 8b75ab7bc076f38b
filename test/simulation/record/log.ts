/**
 * The log that shim.c writes: one record for each operation on a file below the root, in the order they took effect.
 *
 * Record, little-endian, 64 octets, then path, path2, data:
 * ```
 *  0 u32 length of all    4 u8 kind   5 u8 flags   6 u16 errno (0: the call succeeded)
 *  8 u64 inode           16 u64 offset (WRITE), kind of sync (SYNC_*)     24 u64 octets written, or the new size
 * 32 u32 thread          36 u32 process            40 u64 token that pairs SYNC_BEGIN and SYNC_END
 * 48 u16 path octets     50 u16 path2 octets       52 u32 data octets     56 reserved
 * ```
 */
import { openSync, readSync, closeSync, fstatSync } from "node:fs";

/** Operations that change names. Paths are relative to the root, without a leading slash. */
export type NameOperation =
  /** A new file. `path` is empty for a file without a name (O_TMPFILE). */
  | { readonly kind: "create"; readonly path: string; readonly ino: number }
  | { readonly kind: "mkdir"; readonly path: string; readonly ino: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string; readonly ino: number }
  | { readonly kind: "link"; readonly path: string; readonly ino: number }
  | { readonly kind: "unlink"; readonly path: string; readonly ino: number }
  | { readonly kind: "rmdir"; readonly path: string; readonly ino: number }
  | { readonly kind: "rename"; readonly path: string; readonly to: string; readonly ino: number };
/** Operations on the octets of one file. */
export type DataOperation =
  /** `synced`: written through a descriptor with O_SYNC or O_DSYNC. */
  | {
      readonly kind: "write";
      readonly ino: number;
      readonly offset: number;
      readonly data: Buffer;
      readonly synced: boolean;
    }
  /** Also growth by fallocate. */
  | { readonly kind: "truncate"; readonly ino: number; readonly sizeOctets: number };
export type SyncCall = "fsync" | "fdatasync" | "syncfs" | "sync_file_range";
export interface SyncBegin {
  readonly kind: "syncBegin";
  readonly call: SyncCall;
  readonly ino: number;
  readonly path: string;
  readonly token: number;
  /** The shim pretended: nothing was synced. */
  readonly dropped: boolean;
}
/** `errno` other than 0: the sync failed, and what it was to cover is lost to later syncs too. */
export interface SyncEnd {
  readonly kind: "syncEnd";
  readonly token: number;
  readonly errno: number;
}
export type Operation = (
  | NameOperation
  | DataOperation
  | SyncBegin
  | SyncEnd
  /** What the program under test reported, in order with the operations. One write of text, usually one line. */
  | { readonly kind: "ack"; readonly text: string }
  /** A file was mapped for shared writing: its stores cannot be seen. */
  | { readonly kind: "mapped"; readonly path: string }
  /** A call that returned an error; changed nothing (`injected`: because a rule said so). */
  | {
      readonly kind: "failed";
      readonly call: string;
      readonly path: string;
      readonly errno: number;
      readonly injected: boolean;
    }
) & { readonly thread?: number };

const headerOctets = 64;
const kindNames = [
  "",
  "create",
  "truncate",
  "write",
  "rename",
  "link",
  "unlink",
  "mkdir",
  "rmdir",
  "syncBegin",
  "syncEnd",
  "ack",
  "mapped",
  "symlink",
] as const;
const syncCalls: readonly SyncCall[] = ["fsync", "fsync", "fdatasync", "syncfs", "sync_file_range"];
const flagDropped = 1;
const flagInjected = 2;
const flagSynced = 4;

/** Decodes one record at `at`. Data is a view into `log`, not a copy. @throws Error on an unknown kind */
export function decodeOperation(log: Buffer, at: number): Operation {
  const kind = kindNames[log[at + 4]!];
  const flags = log[at + 5]!;
  const errno = log.readUInt16LE(at + 6);
  const ino = Number(log.readBigUInt64LE(at + 8));
  const offset = Number(log.readBigUInt64LE(at + 16));
  const sizeOctets = Number(log.readBigUInt64LE(at + 24));
  const thread = log.readUInt32LE(at + 32);
  const token = Number(log.readBigUInt64LE(at + 40));
  const pathEnd = at + headerOctets + log.readUInt16LE(at + 48);
  const path2End = pathEnd + log.readUInt16LE(at + 50);
  const data = log.subarray(path2End, path2End + log.readUInt32LE(at + 52));
  const path = log.toString("utf8", at + headerOctets, pathEnd);
  const path2 = log.toString("utf8", pathEnd, path2End);
  if (kind === "syncEnd") return { kind, token, errno, thread };
  if (errno !== 0)
    return { kind: "failed", call: kind ?? "?", path, errno, injected: (flags & flagInjected) !== 0, thread };
  switch (kind) {
    case "create":
    case "mkdir":
    case "unlink":
    case "rmdir":
      return { kind, path, ino, thread };
    case "symlink":
      return { kind, path, target: path2, ino, thread };
    case "link":
      return { kind, path: path2, ino, thread };
    case "rename":
      return { kind, path, to: path2, ino, thread };
    case "truncate":
      return { kind, ino, sizeOctets, thread };
    case "write":
      return { kind, ino, offset, data, synced: (flags & flagSynced) !== 0, thread };
    case "syncBegin":
      return { kind, call: syncCalls[offset]!, ino, path, token, dropped: (flags & flagDropped) !== 0, thread };
    case "ack":
      return { kind, text: data.toString("utf8"), thread };
    case "mapped":
      return { kind, path, thread };
    default:
      throw new Error(`unknown record kind ${log[at + 4]} at ${at}`);
  }
}

/** Every complete record of a log. A record cut short at the end (the process was killed) is left out. */
export function decodeLog(log: Buffer): Operation[] {
  const operations: Operation[] = [];
  let at = 0;
  while (at + headerOctets <= log.length) {
    const length = log.readUInt32LE(at);
    if (length < headerOctets) throw new Error(`bad record length ${length} at ${at}`);
    if (at + length > log.length) break;
    operations.push(decodeOperation(log, at));
    at += length;
  }
  return operations;
}

/** Reads and decodes a log file. */
export function readLog(path: string): Operation[] {
  const fd = openSync(path, "r");
  try {
    const log = Buffer.allocUnsafeSlow(fstatSync(fd).size);
    let at = 0;
    while (at < log.length) {
      const n = readSync(fd, log, at, log.length - at, at);
      if (n === 0) break;
      at += n;
    }
    return decodeLog(log.subarray(0, at));
  } finally {
    closeSync(fd);
  }
}
