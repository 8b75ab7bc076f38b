/** Compiles shim.c when it has changed, and runs programs under it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";

export type ShimCall =
  | "open"
  | "write"
  | "truncate"
  | "fallocate"
  | "rename"
  | "link"
  | "unlink"
  | "mkdir"
  | "rmdir"
  | "fsync"
  | "fdatasync"
  | "syncfs"
  | "sync_file_range"
  | "symlink";
/** Something that the shim does to matching calls. */
export interface ShimRule {
  /**
   * fail: the call does nothing and returns `error`. short: a write writes half of its first piece.
   * drop: a sync does nothing and says that it did. kill: the process gets SIGKILL instead of making the call.
   */
  readonly action: "fail" | "short" | "drop" | "kill";
  /** Default: all. "open" counts only calls that create or empty a file. */
  readonly calls?: readonly ShimCall[];
  /** fnmatch pattern over the path below the root ("*" also matches "/"). Default "*". */
  readonly path?: string;
  /** The first matching call that is hit, from 1. Default 1. */
  readonly nth?: number;
  /** How many are hit; 0 means all from `nth` on. Default 1. */
  readonly times?: number;
  readonly error?: "ENOSPC" | "EIO" | "EROFS" | "EDQUOT" | "EMFILE";
}
export interface ShimOptions {
  /** Existing directory whose files are recorded. */
  readonly root: string;
  /** Log file outside of the root; `LOG.ctl` is made beside it. */
  readonly log: string;
  /** Writes to this file (outside of the root) are recorded as acknowledgements. */
  readonly ack?: string;
  readonly rules?: readonly ShimRule[];
  /** The folders of the root are filesystems of their own: no link or rename between them. */
  readonly apart?: boolean;
}

const cacheDirectory = resolve(import.meta.dirname, "../../../.cache/simulation");
const source = join(import.meta.dirname, "shim.c");

/** Path of the shared object, compiled with gcc when it is not there. @throws Error that says what is missing */
export function shimLibrary(): string {
  const digest = createHash("sha1").update(readFileSync(source)).digest("hex").slice(0, 12);
  const library = join(cacheDirectory, `shim-${digest}.so`);
  if (existsSync(library)) return library;
  mkdirSync(cacheDirectory, { recursive: true });
  const fresh = `${library}.${process.pid}`;
  const { error, status, stderr } = spawnSync(
    "gcc",
    ["-O2", "-g", "-Wall", "-shared", "-fPIC", "-o", fresh, source, "-ldl", "-lpthread"],
    { encoding: "utf8" },
  );
  if (error)
    throw new Error(`the crash simulation needs gcc (Debian package "gcc" with "libc6-dev"): ${error.message}`);
  if (status !== 0) throw new Error(`gcc could not compile ${source}:\n${stderr}`);
  renameSync(fresh, library);
  return library;
}

/** Environment variables which make a child process (and its children) record. */
export function shimEnvironment({ root, log, ack, rules = [], apart = false }: ShimOptions): Record<string, string> {
  return {
    LD_PRELOAD: shimLibrary(),
    SIM_ROOT: root,
    SIM_LOG: log,
    ...(ack === undefined ? {} : { SIM_ACK: ack }),
    ...(apart ? { SIM_APART: "1" } : {}),
    ...(rules.length === 0 ? {} : { SIM_RULES: rules.map(formatRule).join(";") }),
    // io_uring would write past libc.
    UV_USE_IO_URING: "0",
  };
}

function formatRule({ action, calls, path, nth, times, error }: ShimRule): string {
  const fields = [`action=${action}`];
  if (calls) fields.push(`call=${calls.join("|")}`);
  if (path !== undefined) fields.push(`path=${path}`);
  if (nth !== undefined) fields.push(`nth=${nth}`);
  if (times !== undefined) fields.push(`times=${times}`);
  if (error) fields.push(`error=${error}`);
  return fields.join(",");
}
