/** File calls that several layers need, each a few lines around node:fs. */
import { closeSync, openSync, statSync, unlinkSync } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** @throws what unlink does, but for a file that is not there */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

const diskErrors: ReadonlySet<string | undefined> = new Set(["EIO", "ESTALE", "EUCLEAN", "EISDIR"]);

/** Whether reading failed for what is on the disk, and not for a mistake of ours (a descriptor that is closed, say). */
export function isDiskError(error: unknown): boolean {
  return diskErrors.has((error as NodeJS.ErrnoException).code);
}

/** Whether two paths, which both exist, lead to one file or directory: a hard link, a symbolic link, a mount. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)];
  return a.ino === b.ino && a.dev === b.dev;
}

/** Makes an empty file that nobody else may open, from the first moment on. @throws also when something is there, a symbolic link too */
export function makeOwnFile(path: string): void {
  closeSync(openSync(path, "wx", 0o600));
}

/** Makes a new file (0600), with its directory (0700) where that is missing. @throws also when the file is there */
export async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, "wx", 0o600);
  }
}

/** Makes names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
