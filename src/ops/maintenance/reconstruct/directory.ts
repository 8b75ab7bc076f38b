/** What lies in the directories of mailboxes. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { UniqueId } from "../../../formats/ids.ts";
import {
  archiveRoot,
  BlobPlace,
  cacheRoot,
  headerRoot,
  type ListEntry,
  mailboxDirectory,
  messagePath,
  messageUid,
} from "../../../store/index.ts";
import type { Mail } from "../../mail.ts";

/** Whose directories they are. */
export type Owner = Pick<ListEntry, "name" | "type" | "partition" | "uniqueId">;

/** The directories of one mailbox: messages in the spool and in the archive, cache and header file. */
export class Directory {
  /** Names of message files. */
  readonly uids: ReadonlySet<number>;
  /** Generation and size in octets of each cache file. */
  readonly caches: ReadonlyMap<number, number>;
  /** Where the header file is. */
  readonly header: string;
  /** Directories of messages by `blobPlace`. */
  private readonly messages: ReadonlyMap<number, string>;
  private readonly uidsOf: ReadonlyMap<number, ReadonlySet<number>>;

  constructor(mail: Mail, owner: Owner) {
    const { partition, uniqueId } = owner;
    const messages = new Map([[BlobPlace.spool as number, mail.messageDirectory(owner, BlobPlace.spool)]]);
    if (mail.roots.has(archiveRoot(partition))) {
      messages.set(BlobPlace.archive, mail.messageDirectory(owner, BlobPlace.archive));
    }
    this.messages = messages;
    this.uidsOf = new Map([...messages].map(([kind, path]) => [kind, uidsIn(path)]));
    this.uids = new Set([...this.uidsOf.values()].flatMap((uids) => [...uids]));
    this.caches = cachesIn(directoryBelow(mail, cacheRoot(partition), owner));
    this.header = directoryBelow(mail, headerRoot(partition), { partition, uniqueId });
  }

  /** Of a message, in the place that its row says. */
  path(uid: number, blobPlace: number): string {
    const directory = this.messages.get(blobPlace) ?? this.messages.get(BlobPlace.spool)!;
    return messagePath(directory, uid);
  }

  /** The places that messages can be in. */
  get places(): readonly number[] {
    return [...this.messages.keys()];
  }

  /** Where the file of that uid was when this was read; the spool when there was none. */
  placeOf(uid: number): number {
    return this.places.find((kind) => this.uidsOf.get(kind)!.has(uid)) ?? BlobPlace.spool;
  }

  /** The file of that uid, wherever it was. */
  pathOf(uid: number): string {
    return this.path(uid, this.placeOf(uid));
  }
}

/** Where a mailbox's header file is. */
export function headerDirectory(mail: Mail, owner: Pick<Owner, "partition" | "uniqueId">): string {
  return directoryBelow(mail, headerRoot(owner.partition), owner);
}

function directoryBelow(
  mail: Mail,
  root: string,
  { partition, uniqueId }: Pick<Owner, "partition" | "uniqueId">,
): string {
  return mailboxDirectory(mail.roots.get(root) ?? mail.partitionRoot(partition), uniqueId);
}

function uidsIn(path: string): ReadonlySet<number> {
  const uids = (existsSync(path) ? readdirSync(path) : []).map(messageUid).filter((uid) => uid !== undefined);
  return new Set(uids);
}

function cachesIn(path: string): ReadonlyMap<number, number> {
  const caches = new Map<number, number>();
  for (const name of existsSync(path) ? readdirSync(path) : []) {
    const cache = /^pasargad\.cache\.(\d{1,10})$/.exec(name);
    if (cache) caches.set(Number(cache[1]), statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0);
  }
  return caches;
}

/** Identities of the mailboxes that have a directory on a partition, for whatever. */
export function directoriesOf(mail: Mail, partition: string): UniqueId[] {
  const roots = [partition, headerRoot(partition), archiveRoot(partition)].map((name) => mail.roots.get(name));
  const all = roots.flatMap((root) => (root === undefined ? [] : [...identitiesBelow(root)]));
  return [...new Set(all)].sort();
}

function* identitiesBelow(root: string): Generator<UniqueId, void, void> {
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
