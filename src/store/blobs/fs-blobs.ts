/** Blobs as files: one for each message, hard links for shared octets, made durable in batches by syncfs on descriptors that are open from the start. */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { isSameFile, unlinkIfThere } from "../../base/files.ts";
import { syncFilesystem } from "../../base/native/index.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { BlobMissing, type BlobName, type BlobPlace, type BlobStore } from "./blob-store.ts";
import { DirectoryRemoval } from "./directory-removal.ts";
import { isStagedLink, mailboxDirectory, messagePath, messageUid, stageDirectory, stagePath } from "./paths.ts";
import {
  archiveRoot,
  BlobPlace as Kind,
  directoryOf,
  effectiveRoot,
  messageDirectory,
  partitionOf,
  rootNameOf,
  rootPath,
  type Roots,
  withBlobPlace,
} from "./places.ts";

const KNOWN_DIRECTORIES = 20_000;
/** Files that one call of `moveMailbox` moves. */
const MOVED_AT_A_TIME = 1_000;

export class FsBlobs implements BlobStore {
  private readonly roots: Roots;
  private readonly descriptors = new Map<string, number>();
  /** Directories that are there. */
  private readonly known = new Set<string>();
  /** Roots that have something to sync. */
  private readonly touched = new Set<string>();
  /** Staged files that have got their second name; they go when that one is durable. */
  private staged: string[] = [];
  private readonly removal = new DirectoryRemoval();

  /** Opens a descriptor on every root now: one opened later might miss a write-back error. */
  constructor(roots: Roots) {
    this.roots = roots;
    for (const [name, root] of roots) {
      mkdirSync(root, { recursive: true, mode: 0o700 });
      this.descriptors.set(name, openSync(root, constants.O_RDONLY | constants.O_DIRECTORY));
    }
  }

  put(blob: BlobName, octets: Uint8Array): void {
    const directory = this.directory(blob.place, blob.uniqueId);
    const target = messagePath(directory, blob.uid);
    this.touch(rootNameOf(blob.place));
    this.inDirectory(directory, () => writeWhole(target, octets));
  }

  take(blob: BlobName, staged: string, root = partitionOf(blob.place)): void {
    const directory = this.directory(blob.place, blob.uniqueId);
    const target = messagePath(directory, blob.uid);
    const from = stagePath(rootPath(this.roots, root), staged);
    this.touch(rootNameOf(blob.place));
    this.inDirectory(directory, () => linkStaged(from, target, blob.sizeOctets));
    this.staged.push(from);
  }

  link(source: BlobPlace, blob: BlobName): void {
    this.linkFile(messagePath(this.directory(source.place, source.uniqueId), source.uid), blob);
  }

  /**
   * A file with that name, wherever it is.
   * @param how "anew": also when it is a link to that file already
   * @throws BlobMissing
   */
  linkFile(from: string, blob: BlobName, how?: "anew"): void {
    const directory = this.directory(blob.place, blob.uniqueId);
    const target = messagePath(directory, blob.uid);
    this.touch(rootNameOf(blob.place));
    this.inDirectory(directory, () => {
      if (how) unlinkIfThere(target);
      linkOrCopy(from, target);
    });
  }

  /** Whether there is a file, whatever is in it. */
  has({ place, uniqueId, uid }: BlobPlace): boolean {
    return existsSync(messagePath(this.directory(place, uniqueId), uid));
  }

  /** Length alone proves nothing after a power cut. */
  holds(blob: BlobName): boolean {
    const path = messagePath(this.directory(blob.place, blob.uniqueId), blob.uid);
    if (sizeOf(path) !== blob.sizeOctets) return false;
    const hash = createHash("sha1");
    const piece = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, blob.sizeOctets)));
    const fd = openSync(path, constants.O_RDONLY);
    try {
      for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) hash.update(piece.subarray(0, read));
    } finally {
      closeSync(fd);
    }
    return hash.digest().equals(blob.guid);
  }

  remove({ place, uniqueId, uid }: BlobPlace): void {
    for (const one of this.kindsOf(place)) {
      unlinkIfThere(messagePath(this.directory(one, uniqueId), uid));
      this.touch(rootNameOf(one));
    }
  }

  removeMailbox(place: string, uniqueId: UniqueId, most: number): number {
    let removed = 0;
    for (const one of this.kindsOf(place)) {
      this.known.delete(this.directory(one, uniqueId));
      this.touch(rootNameOf(one));
      // Never a directory that other mailboxes may be in.
      removed += this.removal.remove(mailboxDirectory(rootPath(this.roots, rootNameOf(one)), uniqueId), most - removed);
      if (removed >= most) break;
    }
    return removed;
  }

  uidsOf(place: string, uniqueId: UniqueId): number[] {
    return [...new Set(this.kindsOf(place).flatMap((one) => uidsIn(this.directory(one, uniqueId))))];
  }

  moveMailbox(from: string, to: string, uniqueId: UniqueId): boolean {
    let left = MOVED_AT_A_TIME;
    for (const kind of [Kind.spool, Kind.archive]) {
      if (kind === Kind.archive && !this.roots.has(archiveRoot(partitionOf(from)))) break;
      const [source, target] = [withBlobPlace(from, kind), withBlobPlace(to, kind)];
      const [old, directory] = [this.directory(source, uniqueId), this.directory(target, uniqueId)];
      if (old === directory) continue;
      for (const uid of uidsIn(old)) {
        if (left-- <= 0) return false;
        this.inDirectory(directory, () => renameSync(messagePath(old, uid), messagePath(directory, uid)));
      }
      this.touch(rootNameOf(source));
      if (directoryOf(source) !== undefined) this.removeEmpty(old, rootPath(this.roots, rootNameOf(source)));
    }
    return true;
  }

  sync(): void {
    try {
      for (const root of this.touched) syncFilesystem(this.descriptors.get(root)!);
    } catch (error) {
      // What was taken is taken again.
      this.staged = [];
      throw error;
    }
    for (const path of this.staged) unlinkIfThere(path);
    this.staged = [];
    this.touched.clear();
  }

  /** Has the root's filesystem written out at the next `sync`. */
  touch(root: string): void {
    this.touched.add(this.descriptors.has(root) ? root : effectiveRoot(this.roots, root));
  }

  /**
   * Removes staged files from before `before` (epoch milliseconds), which no worker will ask for any more.
   * @param needed asked when there are any: names of those that are still called for; undefined: that cannot be told, so none is removed
   */
  sweepStaged(before: number, needed: () => ReadonlySet<string> | undefined): void {
    const old = [...this.roots.values()].flatMap((root) => stagedBefore(stageDirectory(root), before));
    const names = old.length > 0 ? needed() : undefined;
    if (names) for (const path of old) if (!names.has(basename(path))) unlinkIfThere(path);
  }

  close(): void {
    this.removal.close();
    for (const fd of this.descriptors.values()) closeSync(fd);
    this.descriptors.clear();
  }

  /** A bare partition means its archive as well. */
  private kindsOf(place: string): string[] {
    const partition = partitionOf(place);
    const isBare = rootNameOf(place) === partition;
    return isBare && this.roots.has(archiveRoot(partition)) ? [place, withBlobPlace(place, Kind.archive)] : [place];
  }

  /** Parents that a mailbox was the last in go with it; the root stays. */
  private removeEmpty(directory: string, root: string): void {
    this.known.clear();
    for (let at = directory; at.length > root.length && at.startsWith(root); at = dirname(at)) {
      try {
        rmdirSync(at);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOTEMPTY" || code === "EEXIST") return;
        if (code !== "ENOENT") throw error;
      }
    }
  }

  private inDirectory(directory: string, action: () => void): void {
    if (!this.known.has(directory)) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (this.known.size > KNOWN_DIRECTORIES) this.known.clear();
      this.known.add(directory);
    }
    try {
      action();
    } catch (error) {
      this.known.delete(directory);
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || existsSync(directory)) throw error;
      // Somebody took the empty directory away.
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      action();
    }
  }

  private directory(place: string, uniqueId: UniqueId): string {
    return messageDirectory(this.roots, place, uniqueId);
  }
}

/** Never writes into a file that is already there: it may be a link that other messages share. */
function writeWhole(path: string, octets: Uint8Array): void {
  const fd = createAnew(path);
  try {
    for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at, octets.length - at);
  } finally {
    closeSync(fd);
  }
}

function createAnew(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    unlinkSync(path);
    return openSync(path, flags, 0o600);
  }
}

/**
 * A second name, not a rename: a sync of `stage.` for another message would make the old name's end durable, but not the new directory, and a power cut
 * would leave neither.
 */
function linkStaged(from: string, target: string, sizeOctets: number): void {
  try {
    linkOrCopy(from, target);
  } catch (error) {
    // After a crash between the removal of the staged name and that of the row the file is already in its place.
    if (!(error instanceof BlobMissing) || sizeOf(target) !== sizeOctets) throw error;
  }
}

/** @throws BlobMissing */
function linkOrCopy(from: string, target: string): void {
  try {
    linkSync(from, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      // Also the very same path: a mailbox that came back to its partition before its files had left.
      if (isSameFile(from, target)) return;
      // Of an earlier try, or of an earlier life of this uid that never was acknowledged.
      unlinkSync(target);
      linkOrCopy(from, target);
    } else if (code === "EXDEV" || code === "EMLINK" || code === "EPERM") {
      // Synced with everything else of the partition.
      copyFileSync(from, target, constants.COPYFILE_EXCL);
    } else if (code === "ENOENT" && !existsSync(from)) throw new BlobMissing(`${from}: no such file`, { cause: error });
    else throw error;
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function stagedBefore(directory: string, before: number): string[] {
  const paths = existsSync(directory) ? readdirSync(directory).map((name) => `${directory}/${name}`) : [];
  return paths.filter((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return false;
    // A link was made when its file's status changed last: it has the times of the message that it is a link to.
    return (isStagedLink(basename(path)) ? stat.ctimeMs : stat.mtimeMs) < before;
  });
}

function uidsIn(directory: string): number[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.map(messageUid).filter((uid) => uid !== undefined);
}
