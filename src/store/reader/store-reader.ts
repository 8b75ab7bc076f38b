/** A process's way of reading the store. */
import { type Database, openReader, requirePlace, ShardsError } from "../database.ts";
import { databasePath, type ShardLayout } from "../shards.ts";
import { ShardClosed, ShardedSnapshot } from "./sharded-snapshot.ts";
import { ShardSnapshot, type Snapshot } from "./snapshot.ts";

export interface StoreView {
  /** Runs a synchronous step on one snapshot. A step inside a step sees the same snapshot. */
  view<T>(step: (snapshot: Snapshot) => T): T;
  close(): void;
}

/** @throws ShardsError; Error when there is no database that can be read */
export function openStore(directory: string, layout: ShardLayout): StoreView {
  if (layout.shards > 1) return new ShardsReader(directory, layout);
  const reader = new StoreReader(databasePath(directory, 0));
  try {
    requirePlace(reader.db, { shard: 0, shards: 1 });
  } catch (error) {
    reader.close();
    throw error;
  }
  return reader;
}

/** Reads one shard. */
export class StoreReader implements StoreView {
  readonly db: Database;
  private readonly snapshot: ShardSnapshot;
  private depth = 0;

  /** @throws Error when the database does not exist yet */
  constructor(path: string) {
    this.db = openReader(path);
    this.snapshot = new ShardSnapshot(this.db);
  }

  view<T>(step: (snapshot: Snapshot) => T): T {
    if (this.depth === 0) this.db.run("BEGIN");
    this.depth += 1;
    try {
      return step(this.snapshot);
    } finally {
      this.depth -= 1;
      if (this.depth === 0) this.db.run("COMMIT");
    }
  }

  close(): void {
    this.db.close();
  }
}

/** A shard's connection, opened when it is first wanted. */
interface OpenShard {
  readonly db: Database;
  readonly snapshot: ShardSnapshot;
}

/** Reads all shards, each in a transaction that begins when a step first asks for something of it. */
export class ShardsReader implements StoreView {
  private readonly directory: string;
  private readonly shards: number;
  private readonly opened: (OpenShard | undefined)[];
  private readonly snapshot: ShardedSnapshot;
  /** Shards that the step which runs has looked at. */
  private begun: OpenShard[] = [];
  private depth = 0;

  /**
   * A shard that cannot be opened is tried again when it is asked for: its trouble is not the others'.
   * @param when to open them: at once, or each when it is asked for
   * @throws ShardsError; ShardClosed when none can be opened
   */
  constructor(directory: string, layout: ShardLayout, when: "now" | "asked" = "now") {
    this.directory = directory;
    this.shards = layout.shards;
    this.opened = Array.from({ length: layout.shards }, () => undefined);
    this.snapshot = new ShardedSnapshot(layout, (shard) => this.begin(shard));
    if (when === "asked") return;
    let problem: unknown;
    for (let shard = 0; shard < layout.shards; shard++) {
      try {
        this.open(shard);
      } catch (error) {
        problem = error;
        if (error instanceof ShardsError) break;
      }
    }
    if (!(problem instanceof ShardsError) && this.opened.some((shard) => shard !== undefined)) return;
    this.close();
    throw problem;
  }

  view<T>(step: (snapshot: Snapshot) => T): T {
    this.depth += 1;
    try {
      return step(this.snapshot);
    } finally {
      this.depth -= 1;
      if (this.depth === 0) this.end();
    }
  }

  /**
   * What one shard has, for the writer of another one, in a transaction that lasts until `end`.
   * @throws ShardClosed
   */
  shard(shard: number): Snapshot {
    return this.snapshot.shard(shard);
  }

  /** The connection that `shard` reads with, in the same transaction. @throws ShardClosed */
  database(shard: number): Database {
    this.snapshot.shard(shard);
    return this.opened[shard]!.db;
  }

  /** Ends the transactions that `shard` began. */
  end(): void {
    if (this.begun.length === 0) return;
    const { begun } = this;
    this.begun = [];
    this.snapshot.forget();
    for (const { db } of begun) db.run("COMMIT");
  }

  close(): void {
    this.end();
    for (const [shard, open] of this.opened.entries()) {
      open?.db.close();
      this.opened[shard] = undefined;
    }
  }

  private begin(shard: number): ShardSnapshot {
    const open = this.opened[shard] ?? this.open(shard);
    open.db.run("BEGIN");
    this.begun.push(open);
    return open.snapshot;
  }

  private open(shard: number): OpenShard {
    const db = this.connect(shard);
    try {
      requirePlace(db, { shard, shards: this.shards });
    } catch (error) {
      db.close();
      throw error;
    }
    const open = { db, snapshot: new ShardSnapshot(db) };
    this.opened[shard] = open;
    return open;
  }

  private connect(shard: number): Database {
    const path = databasePath(this.directory, shard);
    try {
      return openReader(path);
    } catch (error) {
      throw new ShardClosed(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
