/**
 * Keys of the mailbox list. An internal name `example.org!user.jane.A` is kept as `example.org` 0x1D `user` 0x1F `jane` 0x1F `A`: both separators sort
 * before every octet a name may hold, so a mailbox comes right before its children and a tree is one range of keys.
 */
import type { Brand, MboxName } from "../formats/ids.ts";

export type NameKey = Brand<string, "NameKey">;

const LEVEL = "\x1f";
const DOMAIN = "\x1d";

export function keyOf(name: MboxName): NameKey {
  const bang = name.indexOf("!");
  const domain = bang < 0 ? "" : name.slice(0, bang) + DOMAIN;
  return (domain + name.slice(bang + 1).replaceAll(".", LEVEL)) as NameKey;
}

export function nameOf(key: NameKey): MboxName {
  const at = key.indexOf(DOMAIN);
  const domain = at < 0 ? "" : `${key.slice(0, at)}!`;
  return (domain + key.slice(at + 1).replaceAll(LEVEL, ".")) as MboxName;
}

/** Behind a key: above everything below it, and no higher than the next key that is not. */
export const END_OF_TREE = "\x20";

/** All keys below `key`, itself not among them: from (inclusive) and to (exclusive). */
export function childRange(key: NameKey): { from: string; to: string } {
  return { from: key + LEVEL, to: key + END_OF_TREE };
}

/** Above every key of the list, and every end of one. */
export const LAST_KEY = "\u{10ffff}";

/** The last possible key before `key`: its last character one lower, and more behind it than any name has. For ranges that begin with `key` itself. */
export function keyBefore(key: string): string {
  return key.slice(0, -1) + String.fromCharCode(key.charCodeAt(key.length - 1) - 1) + LAST_KEY;
}

/** Keys from the nearest ancestor up to the root: `user` of `user.fred.A` last. */
export function ancestorKeys(key: NameKey): NameKey[] {
  const keys: NameKey[] = [];
  for (let at = key.lastIndexOf(LEVEL); at > 0; at = key.lastIndexOf(LEVEL, at - 1))
    keys.push(key.slice(0, at) as NameKey);
  return keys;
}

/** Who an internal name belongs to: the userid of `user.NAME...` (with `@domain`), "" for shared mailboxes. DELETED.user.NAME... belongs to NAME. */
export function ownerOf(name: MboxName, deletedPrefix = "DELETED"): string {
  const bang = name.indexOf("!");
  const domain = bang < 0 ? "" : `@${name.slice(0, bang)}`;
  let local = name.slice(bang + 1);
  if (local.startsWith(`${deletedPrefix}.`)) local = local.slice(deletedPrefix.length + 1);
  if (!local.startsWith("user.")) return "";
  const end = local.indexOf(".", 5);
  return local.slice(5, end < 0 ? undefined : end) + domain;
}

const MBOX_FACTOR = 2 ** 27;
export const MAX_MBOX = 2 ** 26 - 1;

/** Row id of the block of `span` uids that holds `uid`. */
export function blockId(mbox: number, uid: number, span: number): number {
  return mbox * MBOX_FACTOR + Math.floor(uid / span);
}

/** First uid a block of this id can hold. */
export function blockFirstUid(id: number, span: number): number {
  return (id % MBOX_FACTOR) * span;
}
