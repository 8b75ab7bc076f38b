/**
 * The directory of a Unix socket, made where it is missing: on a tmpfs (/run) it is gone after every boot, and without it mail
 * would stop. Only at places where nobody but root and we could have put something, or put something else meanwhile.
 */
import { chmodSync, lchownSync, lstatSync, mkdirSync, readlinkSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Log } from "../../base/log.ts";

/** Clients of other users must get through to the socket. */
const directoryMode = 0o755;
/** As many as Linux follows in one path. */
const maxLinks = 40;
const writableByOthers = 0o022;
const sticky = 0o1000;

export interface DirectoryOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes the missing directories above `path`; those that are there stay as they are.
 * @param owner whom the new ones are given to (root's business); absent: they are ours
 * @returns the directories made, the outermost first
 * @throws Error when an existing directory above could be somebody else's work; the error of mkdir(2), chmod(2), chown(2)
 */
export function makeSocketDirectory(path: string, owner?: DirectoryOwner): string[] {
  const missing: string[] = [];
  let existing = dirname(resolve(path));
  for (; lstatSync(existing, { throwIfNoEntry: false }) === undefined; existing = dirname(existing)) {
    missing.unshift(existing);
  }
  if (missing.length === 0) return [];
  requireTrusted(existing);
  for (const directory of missing) {
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, directoryMode); // whatever the umask
  }
  // The innermost first: what is above it is still root's, so nobody can put something else in its place.
  if (owner !== undefined) for (const directory of missing.toReversed()) lchownSync(directory, owner.uid, owner.gid);
  return missing;
}

/** The same for several, before root is given up. What fails is tried again, and told, when the socket is bound. */
export function makeSocketDirectories(paths: readonly string[], owner: DirectoryOwner, log: Log): void {
  for (const path of paths) {
    try {
      for (const directory of makeSocketDirectory(path, owner)) log.info(`made ${directory}, which a socket needs`);
    } catch (error) {
      log.debug(`the directory of ${path} is not made by root: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** @throws Error when somebody other than root and us may change what `path` leads to */
function requireTrusted(path: string, linksLeft = maxLinks): void {
  for (const place of placesOf(path)) {
    const stat = lstatSync(place);
    if (stat.uid !== 0 && stat.uid !== process.geteuid!()) {
      throw new Error(`cannot make its directory: ${place} belongs to user ${stat.uid}`);
    }
    if (stat.isSymbolicLink()) {
      if (linksLeft === 0) throw new Error(`cannot make its directory: too many symbolic links in ${path}`);
      requireTrusted(resolve(dirname(place), readlinkSync(place)), linksLeft - 1);
    } else if (isChangeableByOthers(stat)) {
      throw new Error(`cannot make its directory: others may write ${place}`);
    }
  }
}

/** In a sticky directory (/tmp) nobody renames or removes what is another's; root's group is root. */
function isChangeableByOthers({ mode, gid }: Stats): boolean {
  const writers = gid === 0 ? writableByOthers & 0o007 : writableByOthers;
  return (mode & writers) !== 0 && (mode & sticky) === 0;
}

/** `/`, `/a`, `/a/b` of `/a/b`. */
function placesOf(path: string): string[] {
  const places = [path];
  while (places[0] !== "/") places.unshift(dirname(places[0]!));
  return places;
}
