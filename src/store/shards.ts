/**
 * Which shard has what. Everything an owner has lies in one shard: a database and a writer of its own. The number of shards is fixed when the store is
 * made; both functions of it here are stored in what they decided, so they may never change.
 */
import { join } from "node:path";
import type { MboxName } from "../formats/ids.ts";
import { END_OF_TREE, keyBefore, type NameKey, nameOf, ownerOf } from "./keys.ts";

/** How many there are, and what is needed to tell whose a name is. */
export interface ShardLayout {
  /** `store_shards`. */
  readonly shards: number;
  readonly deletedPrefix: string;
}

export const oneShard: ShardLayout = { shards: 1, deletedPrefix: "DELETED" };

/** The one that has the shared mailboxes. */
export const SHARED_SHARD = 0;

export function databasePath(directory: string, shard: number): string {
  return join(directory, `${shard}.db`);
}

/**
 * The shard of an owner: of a userid, or of what `ownerOf` says of a name, where a dot in the localpart is a "^". "" are the shared
 * mailboxes. FNV-1a over the characters, stirred (the last step of MurmurHash3), so that names that differ little do not end up together.
 */
export function shardOfOwner(owner: string, shards: number): number {
  if (shards === 1 || owner === "") return SHARED_SHARD;
  let hash = 0x811c9dc5;
  for (let at = 0; at < owner.length; at++) {
    const code = owner.charCodeAt(at);
    hash = Math.imul(hash ^ (code === CARET ? DOT : code), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}

const CARET = 0x5e;
const DOT = 0x2e;

/** The shard of a mailbox number: shard k gives out only numbers that leave k when divided by the number of shards. */
export function shardOfMbox(mbox: number, shards: number): number {
  return mbox % shards;
}

/** The first mailbox number that a shard gives out; each next one is `shards` more. */
export function firstMbox(shard: number, shards: number): number {
  return shard === 0 ? shards : shard;
}

/** The shard of a mailbox name, deleted ones included. */
export function shardOfName(name: MboxName, { shards, deletedPrefix }: ShardLayout): number {
  return shards === 1 ? 0 : shardOfOwner(ownerOf(name, deletedPrefix), shards);
}

/**
 * Whether mailboxes of several owners may lie below `name`: `user`, `DELETED`, `DELETED.user`, each also with a domain. Their children are in every shard.
 */
export function isAboveOwners(name: MboxName, deletedPrefix: string): boolean {
  const path = name.slice(name.indexOf("!") + 1);
  return path === "" || path === "user" || path === deletedPrefix || path === `${deletedPrefix}.user`;
}

/**
 * The one shard that has all names whose keys are between `after` and `to`, both excluded; undefined when they may be in any. Ranges that are read often
 * are those of one tree: they end with `childRange`, and begin within it or at `keyBefore`.
 */
export function shardOfRange(after: string, to: string, layout: ShardLayout): number | undefined {
  const { shards, deletedPrefix } = layout;
  if (shards === 1) return 0;
  if (!to.endsWith(END_OF_TREE)) return undefined;
  const key = to.slice(0, -1);
  if (!after.startsWith(key) && after !== keyBefore(key)) return undefined;
  const name = nameOf(key as NameKey);
  return isAboveOwners(name, deletedPrefix) ? undefined : shardOfName(name, layout);
}
