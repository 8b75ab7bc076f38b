/**
 * Takes a mailbox's files out of the page cache, so that reading them is reading the disk.
 *
 * `posix_fadvise(DONTNEED)` on each file, through perl's `syscall` (perl is on every Debian, Node has no such call).
 * It reaches clean pages that no process has mapped; names and inodes stay cached. Other work on the machine keeps its
 * cache, which writing to drop_caches would take away.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const fadviseCall = process.arch === "arm64" ? 223 : 221;
const script = `
  while (<STDIN>) { chomp; open(my $f, "<", $_) or next; syscall(${fadviseCall}, fileno($f), 0, 0, 4); close $f; $n++ }
  print $n;
`;

/** All files below `dir`. */
export function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Writes everything out first: dirty pages cannot be dropped. @returns the number of files */
export function dropFromPageCache(dir: string): number {
  syncFilesystem(dir);
  const files = filesBelow(dir);
  const { status, stdout, stderr } = spawnSync("perl", ["-e", script], { input: files.join("\n"), encoding: "utf8" });
  if (status !== 0) throw new Error(`perl: ${stderr}`);
  return Number(stdout);
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
