/** Where a mailbox's files lie: Cyrus 3.6's UUID layout, `PARTITION/uuid/X/Y/UNIQUEID/`. */
import { join } from "node:path";
import type { UniqueId } from "../../formats/ids.ts";

/** The only form in which an identity may become part of a path. */
const UNIQUEID = /^[A-Za-z0-9-]{2,64}$/;
const MESSAGE_NAME = /^([1-9]\d{0,9})\.$/;
const STAGE_NAME = /^[A-Za-z0-9-]{8,64}$/;
/** Staged files that are links to messages, and no new files, have names that begin so. */
export const STAGED_LINK = "archive-";

/** @throws Error on an identity that is no plain word */
export function mailboxDirectory(partitionRoot: string, uniqueId: UniqueId): string {
  if (!UNIQUEID.test(uniqueId)) throw new Error(`"${uniqueId}" cannot be part of a path`);
  return join(partitionRoot, "uuid", uniqueId[0]!, uniqueId[1]!, uniqueId);
}

/** Message file: decimal uid and a dot. */
export function messagePath(directory: string, uid: number): string {
  return `${directory}/${uid}.`;
}

/** The uid of a message file's name; undefined: it is none. */
export function messageUid(name: string): number | undefined {
  const uid = Number(MESSAGE_NAME.exec(name)?.[1] ?? 0);
  return uid > 0 && uid <= 0xffffffff ? uid : undefined;
}

export function cachePath(directory: string, generation: number): string {
  return `${directory}/pasargad.cache.${generation}`;
}

export function headerPath(directory: string): string {
  return `${directory}/pasargad.header`;
}

/** Where workers put large messages before they ask the writer. */
export function stageDirectory(partitionRoot: string): string {
  return join(partitionRoot, "stage.");
}

/** @throws Error on a name that is no plain word */
export function stagePath(partitionRoot: string, name: string): string {
  if (!STAGE_NAME.test(name)) throw new Error(`"${name}" is no name of a staged file`);
  return join(stageDirectory(partitionRoot), name);
}

export const isStagedLink = (name: string): boolean => name.startsWith(STAGED_LINK);
