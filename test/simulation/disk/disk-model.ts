/**
 * From a log of operations to the directory trees that a power cut may leave.
 *
 * Covered, and so always there: what a completed sync covers that began after it. fsync and fdatasync of a file cover its
 * octets and length; fsync of a directory covers the names in it; syncfs covers everything. Uncovered octets and names are
 * there or not, as a chooser says (`choice.ts`), with these bounds: a rename happens or does not (both names at once, as
 * all journalling filesystems do it); a name in a directory that is not there is not there either; the operations on one
 * name that precede a covered one are covered too.
 */
import { createHash } from "node:crypto";
import type { NameOperation, Operation, SyncBegin } from "../record/log.ts";
import type { Chooser } from "./choice.ts";
import { FileNode } from "./file-node.ts";

export interface DirectoryNode {
  readonly kind: "directory";
  readonly ino: number;
  /** Name of the mount it is in, "" for the root's. */
  readonly mount: string;
}
export interface SymlinkNode {
  readonly kind: "symlink";
  readonly ino: number;
  readonly target: string;
}
export type DiskNode = FileNode | DirectoryNode | SymlinkNode;
type Names = Map<DirectoryNode, Map<string, DiskNode>>;

/** One directory entry that an operation changes. */
interface Entry {
  readonly directory: DirectoryNode;
  readonly name: string;
  /** What is there afterwards; undefined: nothing. */
  readonly node: DiskNode | undefined;
}
interface PendingNames {
  readonly index: number;
  readonly entries: readonly Entry[];
}
interface OpenSync extends SyncBegin {
  readonly index: number;
}

/** A tree after a power cut. Paths have parents before children. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink";
  readonly ino: number;
  /** Of a file; a view that is valid until the model moves on. */
  readonly content?: Buffer;
  readonly target?: string;
}

export interface DiskOptions {
  /** As ext4 does: a sync of anything commits the journal, and with it all earlier names. Default false: strict POSIX. */
  readonly syncCoversAllNames?: boolean;
  /** Directories right below the root that are filesystems of their own: syncfs of one does not cover the others. */
  readonly mounts?: readonly string[];
  /** Syncs that are taken as not done, to show that they are needed. */
  readonly ignoreSync?: (sync: SyncBegin) => boolean;
  /** Files which are left out of the trees, such as the WAL-index, which is memory and not disk. */
  readonly exclude?: (path: string) => boolean;
}

export class DiskModel {
  private readonly root: DirectoryNode;
  private readonly durable: Names = new Map();
  private readonly live: Names = new Map();
  private pending: PendingNames[] = [];
  private readonly files = new Map<number, FileNode>();
  private readonly directories = new Map<number, DirectoryNode>();
  private readonly dirty = new Set<FileNode>();
  private readonly open = new Map<number, OpenSync>();
  private readonly options: DiskOptions;
  private index = 0;

  /** @param initial what was there, and durable, when the recording began: the root itself first (`readTree`) */
  constructor(initial: readonly TreeEntry[], options: DiskOptions = {}) {
    this.options = options;
    const root = initial.find(({ path }) => path === "");
    if (!root) throw new Error("the initial tree lacks the root itself");
    this.root = { kind: "directory", ino: root.ino, mount: "" };
    for (const names of [this.durable, this.live]) names.set(this.root, new Map());
    this.directories.set(this.root.ino, this.root);
    for (const entry of initial) if (entry.path !== "") this.placeInitial(entry);
  }
  /** Operations applied so far: the place in the log. */
  get position(): number {
    return this.index;
  }

  /** Takes the next operation of the log. Returns what a completed sync covered (operations and names), else 0. */
  apply(operation: Operation): number {
    const index = this.index++;
    switch (operation.kind) {
      case "write": {
        const file = this.file(operation.ino);
        file.write(index, operation.offset, operation.data);
        this.dirty.add(file);
        return operation.synced ? this.coverFile(file, index + 1) : 0;
      }
      case "truncate": {
        const file = this.file(operation.ino);
        file.truncate(index, operation.sizeOctets);
        this.dirty.add(file);
        return 0;
      }
      case "syncBegin":
        this.open.set(operation.token, { ...operation, index });
        return 0;
      case "syncEnd":
        return this.syncEnd(operation.token, operation.errno);
      case "ack":
      case "mapped":
      case "failed":
        return 0;
      default:
        this.changeNames(operation, index);
        return 0;
    }
  }

  /** The tree that a power cut now leaves. */
  afterCut(choose: Chooser): TreeEntry[] {
    const names: Names = new Map([...this.durable].map(([directory, entries]) => [directory, new Map(entries)]));
    for (const { index, entries } of this.pending) if (choose.keepName(index)) setEntries(names, entries);
    const tree: TreeEntry[] = [];
    const contents = new Map<FileNode, Buffer>();
    const walk: [string, DirectoryNode][] = [["", this.root]];
    for (let next = walk.pop(); next; next = walk.pop()) {
      const [path, directory] = next;
      for (const [name, node] of names.get(directory) ?? []) {
        const below = path === "" ? name : `${path}/${name}`;
        if (this.options.exclude?.(below)) continue;
        if (node.kind === "directory") {
          tree.push({ path: below, kind: "directory", ino: node.ino });
          walk.push([below, node]);
        } else if (node.kind === "symlink")
          tree.push({ path: below, kind: "symlink", ino: node.ino, target: node.target });
        else {
          let content = contents.get(node);
          if (!content) contents.set(node, (content = node.afterCut(choose)));
          tree.push({ path: below, kind: "file", ino: node.ino, content });
        }
      }
    }
    return tree;
  }

  private placeInitial(entry: TreeEntry): void {
    const [directory, name] = this.parent(entry.path);
    let node: DiskNode | undefined;
    if (entry.kind === "directory") node = this.newDirectory(entry.ino, this.mountOf(entry.path));
    else if (entry.kind === "symlink") node = { kind: "symlink", ino: entry.ino, target: entry.target ?? "" };
    else {
      node =
        this.files.get(entry.ino) ??
        new FileNode(entry.ino, this.mountOf(entry.path), Buffer.from(entry.content ?? Buffer.alloc(0)));
      this.files.set(entry.ino, node);
    }
    for (const names of [this.durable, this.live]) setEntries(names, [{ directory, name, node }]);
  }
  private mountOf(path: string): string {
    const [top = ""] = path.split("/", 1);
    return this.options.mounts?.includes(top) ? top : "";
  }
  private newDirectory(ino: number, mount: string): DirectoryNode {
    const directory: DirectoryNode = { kind: "directory", ino, mount };
    this.directories.set(ino, directory);
    for (const names of [this.durable, this.live]) names.set(directory, new Map());
    return directory;
  }
  private file(ino: number): FileNode {
    const file = this.files.get(ino);
    if (!file) throw new Error(`operation ${this.index - 1} on unknown file ${ino}`);
    return file;
  }
  private parent(path: string): [DirectoryNode, string] {
    const parts = path.split("/");
    let directory = this.root;
    for (const part of parts.slice(0, -1)) {
      const node = this.live.get(directory)?.get(part);
      if (node?.kind !== "directory") throw new Error(`operation ${this.index - 1}: no directory above ${path}`);
      directory = node;
    }
    return [directory, parts.at(-1)!];
  }

  private changeNames(operation: NameOperation, index: number): void {
    if (operation.kind === "create" && operation.path === "") {
      this.files.set(operation.ino, new FileNode(operation.ino, ""));
      return;
    }
    const mount = this.mountOf(operation.path);
    const [directory, name] = this.parent(operation.path);
    const entries: Entry[] = [];
    let target: DiskNode | undefined;
    if (operation.kind === "create") {
      target = new FileNode(operation.ino, mount);
      this.files.set(operation.ino, target);
    } else if (operation.kind === "mkdir") target = this.newDirectory(operation.ino, mount);
    else if (operation.kind === "symlink") target = { kind: "symlink", ino: operation.ino, target: operation.target };
    else if (operation.kind === "link") target = this.file(operation.ino);
    else if (operation.kind === "rename") {
      const node = this.live.get(directory)?.get(name);
      if (!node) throw new Error(`operation ${index}: rename of ${operation.path}, which is not there`);
      const [toDirectory, toName] = this.parent(operation.to);
      entries.push({ directory: toDirectory, name: toName, node });
    }
    entries.unshift({ directory, name, node: target });
    setEntries(this.live, entries);
    // Where a filesystem is mounted there was a directory all along.
    if (operation.kind === "mkdir" && this.options.mounts?.includes(operation.path)) setEntries(this.durable, entries);
    else this.pending.push({ index, entries });
  }

  private syncEnd(token: number, errno: number): number {
    const sync = this.open.get(token);
    this.open.delete(token);
    if (!sync || sync.dropped || sync.call === "sync_file_range" || this.options.ignoreSync?.(sync)) return 0;
    const file = this.files.get(sync.ino);
    const directory = this.directories.get(sync.ino);
    if (!file && !directory && sync.call !== "syncfs")
      throw new Error(`operation ${sync.index}: sync of unknown inode ${sync.ino}, ${sync.path}`);
    const mount = directory?.mount ?? file?.mount ?? "";
    const files = sync.call === "syncfs" ? [...this.dirty].filter((one) => one.mount === mount) : file ? [file] : [];
    if (errno !== 0) {
      for (const one of files) one.condemn(sync.index);
      return 0;
    }
    if (sync.call === "syncfs") {
      let covered = 0;
      for (const one of files) covered += this.coverFile(one, sync.index);
      const inMount = ({ index, entries }: PendingNames): boolean =>
        index < sync.index && entries.every((entry) => entry.directory.mount === mount);
      return covered + this.coverNames(inMount);
    }
    const covered = file ? this.coverFile(file, sync.index) : 0;
    const coversName = ({ index, entries }: PendingNames): boolean =>
      index < sync.index &&
      (this.options.syncCoversAllNames === true || entries.some((entry) => entry.directory === directory));
    return covered + this.coverNames(coversName);
  }
  private coverFile(file: FileNode, before: number): number {
    const covered = file.cover(before);
    if (file.uncovered === 0) this.dirty.delete(file);
    return covered;
  }
  /** Makes name operations durable, with the earlier ones on the same names. Returns how many. */
  private coverNames(covers: (operation: PendingNames) => boolean): number {
    const left: PendingNames[] = [];
    const covered: PendingNames[] = [];
    const touched = new Map<DirectoryNode, Set<string>>();
    for (const operation of this.pending.toReversed()) {
      const precedes = operation.entries.some(({ directory, name }) => touched.get(directory)?.has(name));
      if (!precedes && !covers(operation)) {
        left.push(operation);
        continue;
      }
      covered.push(operation);
      for (const { directory, name } of operation.entries) {
        const names = touched.get(directory);
        if (names) names.add(name);
        else touched.set(directory, new Set([name]));
      }
    }
    for (const { entries } of covered.toReversed()) setEntries(this.durable, entries);
    this.pending = left.toReversed();
    return covered.length;
  }
}

function setEntries(names: Names, entries: readonly Entry[]): void {
  for (const { directory, name, node } of entries) {
    let list = names.get(directory);
    if (!list) names.set(directory, (list = new Map()));
    if (node) list.set(name, node);
    else list.delete(name);
  }
}

/** One digest for a whole tree, to see which states are the same. */
export function treeDigest(tree: readonly TreeEntry[]): string {
  const hash = createHash("sha1");
  for (const { path, kind, content, target } of tree.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${kind} ${path} ${content?.length ?? target ?? ""}\0`);
    if (content) hash.update(content);
  }
  return hash.digest("hex");
}
