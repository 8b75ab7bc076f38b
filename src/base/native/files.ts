/** File calls that Node lacks: locks, syncfs, descriptor flags, kinds of filesystem. */
import { statfsSync } from "node:fs";
import { libc, NativeError } from "./libc.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const F_GETFD = 1;
const F_SETFD = 2;
const F_SETOWN = 8;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

const fcntl = libc("fcntl", "int", ["int", "int", "long"]);
const fcntlStruct = libc("fcntl", "int", ["int", "int", "void *"]);
const flockCall = libc("flock", "int", ["int", "int"]);
const syncfsCall = libc("syncfs", "int", ["int"]);
const fadviseCall = libc("posix_fadvise", "int", ["int", "int64", "int64", "int"]);
const dup2 = libc("dup2", "int", ["int", "int"]);
const memfdCreate = libc("memfd_create", "int", ["str", "uint"]);

/** A second descriptor for the same open file, close-on-exec, the lowest free number that is at least `atLeast`. */
export function duplicate(fd: number, atLeast = 0): number {
  return fcntl(fd, F_DUPFD_CLOEXEC, atLeast);
}

/** Makes `to` another name of the open file of `from`, closing what it was; not close-on-exec. For descriptors 0 to 2. */
export function replaceDescriptor(from: number, to: number): void {
  dup2(from, to);
}

export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = fcntl(fd, F_GETFD, 0);
  fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
}

/** The flag belongs to the open file: every process that shares it sees the change. */
export function setNonblocking(fd: number, on: boolean): void {
  setStatusFlag(fd, O_NONBLOCK, on);
}

export function isNonblocking(fd: number): boolean {
  return (fcntl(fd, F_GETFL, 0) & O_NONBLOCK) !== 0;
}

/** Has the kernel send SIGIO to this process when something can be read from `fd` (signal(7), F_SETOWN). */
export function setSignalOnReadable(fd: number, on: boolean): void {
  if (on) fcntl(fd, F_SETOWN, process.pid);
  setStatusFlag(fd, O_ASYNC, on);
}

function setStatusFlag(fd: number, flag: number, on: boolean): void {
  const flags = fcntl(fd, F_GETFL, 0);
  const wanted = on ? flags | flag : flags & ~flag;
  if (wanted !== flags) fcntl(fd, F_SETFL, wanted);
}

export type LockKind = "shared" | "exclusive";

/** flock(2) without waiting. False when another open file holds it. Freed when the last descriptor of the open file closes. */
export function tryFlock(fd: number, kind: LockKind): boolean {
  return succeeded(() => flockCall(fd, (kind === "exclusive" ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

/** Waits in the thread pool, one of its threads for as long as it takes: only for locks that are held briefly. */
export async function flockLater(fd: number, kind: LockKind): Promise<void> {
  await flockCall.later(fd, kind === "exclusive" ? LOCK_EX : LOCK_SH);
}

export function unlockFlock(fd: number): void {
  flockCall(fd, LOCK_UN);
}

/**
 * An open-file-description lock on a range (whole file by default), without waiting. It excludes the classic fcntl
 * locks of other programs, and unlike those is not lost when some other descriptor of the file is closed.
 * The descriptor must be open for writing (exclusive) or reading (shared). False when somebody else holds it.
 */
export function tryRecordLock(fd: number, kind: LockKind, start = 0, length = 0): boolean {
  const F_RDLCK = 0;
  const F_WRLCK = 1;
  const lock = recordLock(kind === "exclusive" ? F_WRLCK : F_RDLCK, start, length);
  return succeeded(() => fcntlStruct(fd, F_OFD_SETLK, lock));
}

export function unlockRecord(fd: number, start = 0, length = 0): void {
  const F_UNLCK = 2;
  fcntlStruct(fd, F_OFD_SETLK, recordLock(F_UNLCK, start, length));
}

/** Who would keep us from an exclusive lock: undefined when nobody, `pid` -1 when the holder is an open-file lock. */
export function recordLockHolder(fd: number): { readonly pid: number } | undefined {
  const F_WRLCK = 1;
  const F_UNLCK = 2;
  const lock = recordLock(F_WRLCK, 0, 0);
  fcntlStruct(fd, F_OFD_GETLK, lock);
  return lock.readInt16LE(0) === F_UNLCK ? undefined : { pid: lock.readInt32LE(24) };
}

/** struct flock, 64-bit: type i16, whence i16, 4 pad, start i64, length i64, pid i32, 4 pad. */
function recordLock(type: number, start: number, length: number): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(type, 0);
  lock.writeBigInt64LE(BigInt(start), 8);
  lock.writeBigInt64LE(BigInt(length), 16);
  return lock;
}

function succeeded(call: () => number): boolean {
  try {
    call();
    return true;
  } catch (error) {
    // POSIX lets a busy record lock answer either.
    if (error instanceof NativeError && (error.code === "EAGAIN" || error.code === "EACCES")) return false;
    throw error;
  }
}

/**
 * Writes out everything of the filesystem that holds `fd`. A descriptor kept open since before the writes is told of
 * write-back errors (Linux 5.8 and later). @throws NativeError EIO, ENOSPC, ...
 */
export function syncFilesystem(fd: number): void {
  syncfsCall(fd);
}

/** The same in the thread pool. */
export async function syncFilesystemLater(fd: number): Promise<void> {
  await syncfsCall.later(fd);
}

const advices = { normal: 0, random: 1, sequential: 2, willneed: 3, dontneed: 4, noreuse: 5 } as const;

/** posix_fadvise. `dontneed` drops clean pages from the page cache. Length 0 is up to the end. */
export function adviseFile(fd: number, advice: keyof typeof advices, offset = 0, length = 0): void {
  const errno = fadviseCall(fd, offset, length, advices[advice]);
  if (errno > 0) throw new NativeError("posix_fadvise", errno);
}

/** A file that lives in memory only and has no name in any directory. Close-on-exec. */
export function openMemoryFile(name: string): number {
  const MFD_CLOEXEC = 1;
  return memfdCreate(name, MFD_CLOEXEC);
}

export interface Filesystem {
  /** `network` and `cluster` filesystems do not give the lock and sync promises that a store needs. */
  readonly kind: "local" | "memory" | "network" | "cluster";
  /** Its usual name, or the magic number in hex. */
  readonly name: string;
}

/** statfs(2) magic numbers, from linux/magic.h and the filesystems' own sources. What is not listed is local. */
const filesystems: ReadonlyMap<number, Filesystem> = new Map([
  [0x01021994, { kind: "memory", name: "tmpfs" }],
  [0x858458f6, { kind: "memory", name: "ramfs" }],
  [0x6969, { kind: "network", name: "nfs" }],
  [0x517b, { kind: "network", name: "smb" }],
  [0xff534d42, { kind: "network", name: "cifs" }],
  [0xfe534d42, { kind: "network", name: "smb2" }],
  [0x01021997, { kind: "network", name: "9p" }],
  [0x5346414f, { kind: "network", name: "afs" }],
  [0x6b414653, { kind: "network", name: "afs" }],
  [0x73757245, { kind: "network", name: "coda" }],
  [0x564c, { kind: "network", name: "ncp" }],
  [0x00c36400, { kind: "network", name: "ceph" }],
  [0x0bd00bd0, { kind: "network", name: "lustre" }],
  [0x47504653, { kind: "cluster", name: "gpfs" }],
  [0x7461636f, { kind: "cluster", name: "ocfs2" }],
  [0x01161970, { kind: "cluster", name: "gfs2" }],
  [0xef53, { kind: "local", name: "ext4" }],
  [0x58465342, { kind: "local", name: "xfs" }],
  [0x9123683e, { kind: "local", name: "btrfs" }],
  [0x2fc12fc1, { kind: "local", name: "zfs" }],
  [0xf2f52010, { kind: "local", name: "f2fs" }],
  [0x794c7630, { kind: "local", name: "overlay" }],
  [0x65735546, { kind: "local", name: "fuse" }],
]);

/** What kind of filesystem holds `path`, which must exist. @throws the system's error */
export function filesystemOf(path: string): Filesystem {
  const type = Number(statfsSync(path, { bigint: true }).type & 0xffffffffn);
  return filesystems.get(type) ?? { kind: "local", name: `0x${type.toString(16)}` };
}
