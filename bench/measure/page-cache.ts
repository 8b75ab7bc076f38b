/**
 * Takes files out of the page cache, so that reading them is reading the disk, and looks whether they are out.
 *
 * `posix_fadvise(DONTNEED)` on each file reaches clean pages that no process has mapped; `mincore` on a mapping of our
 * own tells which pages are still there. Names and inodes stay cached: only `dropAllCaches` reaches those.
 */
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";

/** The few of koffi's types that are needed; its own say `any`. */
type Foreign = (...args: readonly (number | bigint | null | Uint8Array)[]) => number;
const libc = koffi.load(null);
const foreign = (declaration: string): Foreign => libc.func(declaration) as Foreign;
const fadvise = foreign("int posix_fadvise(int fd, int64 offset, int64 length, int advice)");
const map = foreign("intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int fd, int64 offset)");
const unmap = foreign("int munmap(intptr_t address, size_t length)");
const inCore = foreign("int mincore(intptr_t address, size_t length, _Out_ uint8_t *pages)");

const dontNeed = 4;
const protectionRead = 1;
const mapShared = 1;
const pageOctets = 4096;

export interface Dropped {
  readonly files: number;
  readonly octets: number;
  /** Octets of pages that are still in the cache: processes have them mapped. */
  readonly residentOctets: number;
}

/** All files at or below `path`. */
export function filesBelow(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Writes everything out first, for dirty pages cannot be dropped; then drops each file at or below `path`. */
export function dropFromPageCache(path: string): Dropped {
  syncFilesystem(path);
  let octets = 0;
  let residentOctets = 0;
  const files = filesBelow(path);
  for (const file of files) {
    const fd = openSync(file, "r");
    try {
      const { size } = fstatSync(fd);
      if (size === 0) continue;
      const error = fadvise(fd, 0, 0, dontNeed);
      if (error !== 0) throw new Error(`posix_fadvise on ${file}: errno ${error}`);
      octets += size;
      residentOctets += residentOf(fd, size);
    } finally {
      closeSync(fd);
    }
  }
  return { files: files.length, octets, residentOctets };
}

/** Octets of a file that are in the page cache, in whole pages. */
export function residentIn(path: string): number {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    return size === 0 ? 0 : residentOf(fd, size);
  } finally {
    closeSync(fd);
  }
}

function residentOf(fd: number, size: number): number {
  const pages = Buffer.alloc(Math.ceil(size / pageOctets));
  const address = map(0, size, protectionRead, mapShared, fd, 0);
  if (address === -1) throw new Error(`mmap: errno ${koffi.errno()}`);
  try {
    if (inCore(address, size, pages) !== 0) throw new Error(`mincore: errno ${koffi.errno()}`);
  } finally {
    unmap(address, size);
  }
  let resident = 0;
  for (const page of pages) resident += page & 1;
  return resident * pageOctets;
}

/** Everything clean that the kernel keeps of files, names and inodes, of the whole machine. False where that takes root. */
export function dropAllCaches(): boolean {
  if (process.getuid?.() !== 0) return false;
  const { status } = spawnSync("sync");
  if (status !== 0) throw new Error("sync failed");
  writeFileSync("/proc/sys/vm/drop_caches", "3\n");
  return true;
}

/** `sync -f`: everything dirty on the filesystem of `path` reaches the disk. */
export function syncFilesystem(path: string): void {
  const { status, stderr } = spawnSync("sync", ["-f", path], { encoding: "utf8" });
  if (status !== 0) throw new Error(`sync: ${stderr}`);
}

/** Octets that `dir` takes on disk, hard links counted once. */
export function diskUse(dir: string): number {
  const { status, stdout, stderr } = spawnSync("du", ["-s", "--block-size=1", dir], { encoding: "utf8" });
  if (status !== 0) throw new Error(`du: ${stderr}`);
  return Number(stdout.split("\t")[0]);
}
