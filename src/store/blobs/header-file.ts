/**
 * The small header file in each mailbox directory: what `cyr_reconstruct` needs to bring a mailbox back when every database is gone.
 * One JSON object, then a line with the CRC32 of the octets before it in hex. Written to a new file and renamed, so it is old or new, never half.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { headerPath } from "./paths.ts";

export interface HeaderFile {
  readonly version: 1;
  readonly name: MboxName;
  readonly uniqueId: UniqueId;
  readonly uidValidity: number;
  readonly type: string;
  readonly acl: string;
  readonly quotaRoot: MboxName | undefined;
  readonly specialUse: string;
  readonly flagNames: readonly (string | null)[];
  readonly options: string;
  readonly createdModseq: number;
}

export function writeHeaderFile(directory: string, header: HeaderFile): void {
  const text = `${JSON.stringify(header, undefined, 1)}\n`;
  const temporary = `${headerPath(directory)}.new`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = openSync(temporary, "w", 0o600);
  try {
    const octets = Buffer.from(`${text}${crc32(text).toString(16)}\n`);
    // A full disk may take a part of it, and the rest is the error.
    for (let at = 0; at < octets.length; ) at += writeSync(fd, octets, at, octets.length - at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, headerPath(directory));
}

/** undefined: no such file, or damaged. */
export function readHeaderFile(directory: string): HeaderFile | undefined {
  let text: string;
  try {
    text = readFileSync(headerPath(directory), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const end = text.lastIndexOf("\n", text.length - 2) + 1;
  const body = text.slice(0, end);
  if (text.slice(end) !== `${crc32(body).toString(16)}\n`) return undefined;
  return JSON.parse(body) as HeaderFile;
}
