/** Message files that belong to several shards: links to files whose octets another shard may still have to write, and files that others may still link to. */
import { existsSync } from "node:fs";
import type { UniqueId } from "../../formats/ids.ts";
import { messagePath, stagePath } from "../blobs/paths.ts";
import {
  BlobPlace,
  directoryOf,
  isArchive,
  messageDirectory,
  partitionOf,
  placeOf,
  rootPath,
} from "../blobs/places.ts";
import type { LegacyHashing } from "../blobs/legacy-directory.ts";
import { type Database, openReader } from "../database.ts";
import { readEntryByUniqueId } from "../list-entry.ts";
import type { LinkSource, PendingSource } from "../pending.ts";
import { ShardGuard } from "../shard-guard.ts";
import { databasePath, shardOfMbox } from "../shards.ts";

/** Copies of copies that have no file yet. */
const MAX_HOPS = 1_000;

export interface ForeignFilesOptions {
  /** `configdirectory/store`. */
  readonly directory: string;
  readonly shard: number;
  readonly shards?: number | undefined;
  readonly partitions: ReadonlyMap<string, string>;
  readonly hashing?: LegacyHashing | undefined;
}

/** Names of staged files that rows of `pending` call for. */
export function stagedNames(db: Database): string[] {
  const rows = db.all("SELECT json_extract(source,'$.staged') FROM pending WHERE source NOT NULL");
  return rows.flatMap(([name]) => (name === null ? [] : [name as string]));
}

/** undefined where there is one shard only. */
export function foreignFiles({ shards = 1, ...options }: ForeignFilesOptions): ForeignFiles | undefined {
  return shards > 1 ? new ForeignFiles({ ...options, shards }) : undefined;
}

/**
 * A message's octets, or the names that a file with durable octets has, or had: the first may go while somebody looks. `isSure`: what has one of these names
 * is that file.
 */
export type FoundOctets =
  | { readonly octets: Uint8Array }
  | { readonly paths: readonly string[]; readonly isSure: boolean };

/**
 * Files, and directories, that rows of other shards' tables `pending` name as their sources. Rows are looked at once: they come with rising numbers, and
 * are taken to be needed until the first number in the table has passed theirs.
 */
export class NeededFiles {
  private readonly shards = new Map<number, ShardNeeds>();
  private readonly names = new Map<string, number>();

  /** Brings it up to date with a shard. */
  look(shard: number, db: Database): void {
    const sql = "SELECT ifnull((SELECT value FROM meta WHERE key='recoveries'), 0), min(seq), max(seq) FROM pending";
    const [life, first, last] = db.get(sql) as [number, number | null, number | null];
    let needs = this.shards.get(shard);
    // Recovery has emptied the table, and numbers may begin anew.
    if (needs?.life !== life) {
      this.drop(needs, Number.MAX_SAFE_INTEGER);
      this.shards.set(shard, (needs = { life, last: 0, links: [] }));
    }
    this.drop(needs, first ?? Number.MAX_SAFE_INTEGER);
    const rows = db.all("SELECT seq, source FROM pending WHERE seq>? AND source IS NOT NULL ORDER BY seq", needs.last);
    needs.last = Math.max(needs.last, last ?? 0);
    for (const [seq, source] of rows) {
      needs.last = Math.max(needs.last, seq as number);
      const content = JSON.parse(source as string) as PendingSource;
      if (!("link" in content)) continue;
      needs.links.push({ seq: seq as number, link: content.link });
      this.count(content.link, 1);
    }
  }

  /** @param uid 0: anything in the directory */
  has(uniqueId: UniqueId, partition: string, uid: number): boolean {
    return this.names.has(`${uniqueId} ${partitionOf(partition)} ${uid}`);
  }

  /** Rows before the number `first` are gone. */
  private drop(needs: ShardNeeds | undefined, first: number): void {
    if (!needs) return;
    const isThere = needs.links.findIndex(({ seq }) => seq >= first);
    const gone = needs.links.splice(0, isThere < 0 ? needs.links.length : isThere);
    for (const { link } of gone) this.count(link, -1);
  }

  private count({ uniqueId, partition, uid }: LinkSource, change: 1 | -1): void {
    for (const one of [uid, 0]) {
      const name = `${uniqueId} ${partitionOf(partition)} ${one}`;
      const count = (this.names.get(name) ?? 0) + change;
      if (count > 0) this.names.set(name, count);
      else this.names.delete(name);
    }
  }
}

interface ShardNeeds {
  /** Which life of the shard's writer. */
  readonly life: number;
  /** Rows up to here have been looked at. */
  last: number;
  readonly links: { readonly seq: number; readonly link: LinkSource }[];
}

export class ForeignFiles {
  private readonly options: ForeignFilesOptions & { readonly shards: number };
  private readonly guard: ShardGuard;
  private readonly readers = new Map<number, Database>();
  private readonly needs = new NeededFiles();

  constructor(options: ForeignFilesOptions & { readonly shards: number }) {
    this.options = options;
    this.guard = new ShardGuard(options.directory, options.shard, options.shards);
  }

  isForeign(link: LinkSource): boolean {
    return shardOfMbox(link.mbox, this.options.shards) !== this.options.shard;
  }

  /**
   * Where the octets of a link's source are. As long as its own shard has not made the file durable, they are what that shard's table `pending` has:
   * a file there might be written anew, or be well only in the page cache.
   */
  find(source: LinkSource): FoundOctets {
    let link = source;
    let shard = shardOfMbox(link.mbox, this.options.shards);
    /** A row's source was there before it: a file that goes to and fro between two places is not looked for for ever. */
    let before = Number.MAX_SAFE_INTEGER;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const { mbox, uid, partition, uniqueId } = link;
      const row = this.reader(shard).get(
        "SELECT octets, source, seq FROM pending LEFT JOIN slot USING(slot) WHERE mbox=? AND uid=? AND partition=? AND seq<? ORDER BY seq DESC LIMIT 1",
        mbox,
        uid,
        partition,
        before,
      );
      const content = row && row[1] !== null ? (JSON.parse(row[1] as string) as PendingSource) : undefined;
      if (content && "link" in content) {
        link = content.link;
        const next = shardOfMbox(link.mbox, this.options.shards);
        before = next === shard ? (row![2] as number) : Number.MAX_SAFE_INTEGER;
        shard = next;
        continue;
      }
      if (!content && row && row[0] !== null) return { octets: row[0] as Uint8Array };
      const path = messagePath(messageDirectory(this.options.partitions, partition, uniqueId), uid);
      // A staged file loses its first name when the second one is durable.
      const root = content && rootPath(this.options.partitions, content.root ?? partitionOf(partition));
      if (content) return { paths: [stagePath(root!, content.staged), path], isSure: true };
      if (directoryOf(partition) === undefined) return { paths: [path], isSure: true };
      const now = this.placeNow(shard, link);
      return { paths: now === undefined ? [path] : [path, now], isSure: false };
    }
    throw new Error(`uid ${source.uid} of ${source.uniqueId} is a copy of a copy of itself`);
  }

  /**
   * A source's cache record, as long as a shard has it in its table `pending`; else where its file is: a row goes only after its record is written.
   */
  findCache(source: LinkSource): { readonly record: Uint8Array } | { readonly link: LinkSource } {
    const sql =
      "SELECT cache, source FROM pending LEFT JOIN slot USING(slot) WHERE mbox=? AND uid=? AND partition=? ORDER BY seq DESC LIMIT 1";
    let link = source;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const row = this.reader(shardOfMbox(link.mbox, this.options.shards)).get(
        sql,
        link.mbox,
        link.uid,
        link.partition,
      );
      if (row && row[0] !== null) return { record: row[0] as Uint8Array };
      const content = row && row[1] !== null ? (JSON.parse(row[1] as string) as PendingSource) : undefined;
      // Moves to another partition take no record along.
      if (!content || !("link" in content) || content.link.cacheLength === 0) break;
      link = content.link;
    }
    return { link };
  }

  /** A mailbox with a directory by name may have got another name since, and another mailbox its directory. */
  private placeNow(shard: number, { uniqueId, partition, uid }: LinkSource): string | undefined {
    const entry = readEntryByUniqueId(this.reader(shard), uniqueId);
    if (!entry) return undefined;
    const place = placeOf(entry, isArchive(partition) ? BlobPlace.archive : BlobPlace.spool, this.options.hashing);
    return messagePath(messageDirectory(this.options.partitions, place, uniqueId), uid);
  }

  /** Names of staged files that other shards have yet to put in their places. @throws Error when a shard cannot be read */
  stagedElsewhere(): Set<string> {
    const names = new Set<string>();
    for (let shard = 0; shard < this.options.shards; shard++) {
      if (shard === this.options.shard || !existsSync(databasePath(this.options.directory, shard))) continue;
      for (const name of stagedNames(this.reader(shard))) names.add(name);
    }
    return names;
  }

  /** What other shards still need, valid until it is asked for again; undefined: it cannot be told now, and nothing may be removed. */
  needed(): NeededFiles | undefined {
    return this.guard.look(() => {
      for (let shard = 0; shard < this.options.shards; shard++)
        if (shard !== this.options.shard) this.needs.look(shard, this.reader(shard));
      return this.needs;
    });
  }

  close(): void {
    this.guard.close();
    for (const reader of this.readers.values()) reader.close();
    this.readers.clear();
  }

  private reader(shard: number): Database {
    let reader = this.readers.get(shard);
    if (!reader) this.readers.set(shard, (reader = openReader(databasePath(this.options.directory, shard))));
    return reader;
  }
}
