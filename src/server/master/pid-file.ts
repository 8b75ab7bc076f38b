/** The pid file: who holds its lock is the master; the text in it is for scripts. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tryRecordLock } from "../../base/native/index.ts";
import { FatalError } from "./fatal.ts";

export interface PidFile {
  /** Removes the file, or empties it where its directory does not let us, and lets go of the lock. */
  release(): void;
}

/** The lock is an fcntl lock on the whole file, as Cyrus's own. @throws FatalError 71 when another master holds it */
export function lockPidFile(path: string, pid = process.pid): PidFile {
  for (;;) {
    const fd = openLockFile(path);
    if (!tryRecordLock(fd, "exclusive")) {
      const holder = readPid(fd);
      closeSync(fd);
      const who = holder === undefined ? "" : `, pid ${holder} is in ${path}`;
      throw new FatalError(`cannot get exclusive lock on pidfile (is another master still running?${who})`, 71);
    }
    // The one before us may have removed the file between our open and our lock: then this is not the file any more.
    if (!isSameFile(fd, path)) {
      closeSync(fd);
      continue;
    }
    ftruncateSync(fd);
    writeSync(fd, `${pid}\n`, 0);
    return { release: () => release(fd, path) };
  }
}

/** Taken for the time of a start with `-d`. @throws FatalError 75 when another start is under way */
export function lockStart(pidFile: string): PidFile {
  const path = `${pidFile}.lock`;
  const fd = openLockFile(path);
  if (tryRecordLock(fd, "exclusive") && isSameFile(fd, path)) return { release: () => release(fd, path) };
  closeSync(fd);
  throw new FatalError(`cannot get exclusive lock on ${path} (is another master starting?)`, 75);
}

function openLockFile(path: string): number {
  try {
    // Never through a symbolic link: as root in a directory of others this would overwrite their target.
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  } catch (error) {
    throw new FatalError(`can't open pidfile ${path}: ${error instanceof Error ? error.message : error}`, 71);
  }
}

function readPid(fd: number): number | undefined {
  const text = Buffer.alloc(32);
  const count = readSync(fd, text, 0, text.length, 0);
  const [digits] = /^\d+/.exec(text.toString("latin1", 0, count)) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function isSameFile(fd: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

function release(fd: number, path: string): void {
  try {
    if (isSameFile(fd, path)) unlinkSync(path);
  } catch {
    ftruncateSync(fd); // no right to remove it any more; an empty, unlocked file is taken over by the next start
  }
  closeSync(fd);
}
