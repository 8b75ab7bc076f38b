/** Trees between the model and a real directory. */
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TreeEntry } from "./disk-model.ts";

/** A new directory for states, in memory where the machine has such a place. */
export function scratchDirectory(name: string): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `pasargad-${name}-`));
}

/** Writes a tree into `directory`, which is emptied first. Files with several names become hard links. */
export function materialise(tree: readonly TreeEntry[], directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const firstName = new Map<Buffer, string>();
  for (const { path, kind, content, target } of tree) {
    const full = join(directory, path);
    if (kind === "directory") mkdirSync(full, { mode: 0o700 });
    else if (kind === "symlink") symlinkSync(target ?? "", full);
    else {
      const other = firstName.get(content!);
      if (other !== undefined) {
        linkSync(other, full);
        continue;
      }
      firstName.set(content!, full);
      writeFile(full, content!);
    }
  }
}

function writeFile(path: string, content: Buffer): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
  } finally {
    closeSync(fd);
  }
}

/** What is in a directory now, with inodes: the start of a recording whose root is not empty. First entry: the root. */
export function readTree(directory: string): TreeEntry[] {
  const tree: TreeEntry[] = [{ path: "", kind: "directory", ino: lstatSync(directory).ino }];
  const walk = [""];
  for (let below = walk.pop(); below !== undefined; below = walk.pop()) {
    for (const name of readdirSync(join(directory, below)).toSorted()) {
      const path = below === "" ? name : `${below}/${name}`;
      const full = join(directory, path);
      const stat = lstatSync(full);
      if (stat.isDirectory()) {
        tree.push({ path, kind: "directory", ino: stat.ino });
        walk.push(path);
      } else if (stat.isSymbolicLink()) tree.push({ path, kind: "symlink", ino: stat.ino, target: readlinkSync(full) });
      else if (stat.isFile()) tree.push({ path, kind: "file", ino: stat.ino, content: readFileSync(full) });
    }
  }
  return tree;
}
