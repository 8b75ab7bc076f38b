/** What lies in the directories of mailboxes. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { UniqueId } from "../../../formats/ids.ts";
import { mailboxDirectory } from "../../../store/index.ts";

export interface Directory {
  readonly path: string;
  readonly exists: boolean;
  /** Names of message files. */
  readonly uids: ReadonlySet<number>;
  /** Generation and size in octets of each cache file. */
  readonly caches: ReadonlyMap<number, number>;
}

const MAX_UID = 0xffffffff;

export function readDirectory(root: string, uniqueId: UniqueId): Directory {
  const path = mailboxDirectory(root, uniqueId);
  const uids = new Set<number>();
  const caches = new Map<number, number>();
  if (!existsSync(path)) return { path, exists: false, uids, caches };
  for (const name of readdirSync(path)) {
    const message = /^([1-9]\d{0,9})\.$/.exec(name);
    const cache = /^pasargad\.cache\.(\d{1,10})$/.exec(name);
    if (message && Number(message[1]) <= MAX_UID) uids.add(Number(message[1]));
    else if (cache) caches.set(Number(cache[1]), statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0);
  }
  return { path, exists: true, uids, caches };
}

/** Identities of the mailboxes that have a directory on a partition. */
export function* directoriesOf(root: string): Generator<UniqueId, void, void> {
  const top = join(root, "uuid");
  for (const first of names(top)) {
    for (const second of names(join(top, first))) {
      for (const id of names(join(top, first, second))) {
        if (/^[A-Za-z0-9-]{2,64}$/.test(id) && id[0] === first && id[1] === second) yield id as UniqueId;
      }
    }
  }
}

function names(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
