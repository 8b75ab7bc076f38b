/**
 * What keeps one shard from removing a message file while another one is about to link to it. Three rules (doc/decisions/0005-across-shards.md has the
 * proof that they suffice), kept with flock(2), so that a process that dies keeps nothing:
 *
 * - A writer that takes something over from another shard is *inside* from before it reads the other shard until its commit is visible (`enter`, `leave`).
 * - Who wants to remove files *looks* into the other shards when nobody is inside (`look`).
 * - Nobody looks, and nothing is taken over, while the shard that is looked into has no writer (`markUp`, `isUp`): what its last writer has left may not
 *   all be visible, or not all durable.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { tryFlock, unlockFlock } from "../base/native/index.ts";

/** How long the other side may take; it holds its lock for a few reads. */
const PATIENCE_MILLISECONDS = 10_000;

/** The other side holds its lock for too long, or the other shard has no writer. */
export class ShardAway extends Error {}

export class ShardGuard {
  private readonly directory: string;
  private readonly shard: number;
  private readonly shards: number;
  private readonly upFd: number;
  private readonly insideFd: number;
  private readonly probes = new Map<number, number>();
  private entered = false;

  /** @param directory of the databases */
  constructor(directory: string, shard: number, shards: number) {
    this.directory = directory;
    this.shard = shard;
    this.shards = shards;
    this.upFd = openLock(join(directory, `${shard}.up`));
    // A process that ends closes its lowest descriptor first: it must not leave the inside while it still counts as up.
    const lower: number[] = [];
    let fd = openLock(join(directory, "inside.lock"));
    for (; fd < this.upFd; fd = openLock(join(directory, "inside.lock"))) lower.push(fd);
    for (const one of lower) closeSync(one);
    this.insideFd = fd;
  }

  /** Recovery is done: everything that this shard has committed is durable, and others can see it. */
  markUp(): void {
    lockPatiently(this.upFd, "exclusive", `${this.shard}.up`, PATIENCE_MILLISECONDS);
  }

  /** Whether the shard has a writer that has recovered it. */
  isUp(shard: number): boolean {
    let fd = this.probes.get(shard);
    if (fd === undefined) this.probes.set(shard, (fd = openLock(join(this.directory, `${shard}.up`))));
    // Shared: those who ask do not take each other for the writer.
    if (!tryFlock(fd, "shared")) return true;
    unlockFlock(fd);
    return false;
  }

  get inside(): boolean {
    return this.entered;
  }

  /** From here on nobody decides that a file is not needed. May be called again while inside. @throws ShardAway */
  enter(patienceMs = PATIENCE_MILLISECONDS): void {
    if (this.entered) return;
    lockPatiently(this.insideFd, "shared", "inside.lock", patienceMs);
    this.entered = true;
  }

  /** To be called when the transaction has been committed or rolled back. */
  leave(): void {
    if (!this.entered) return;
    unlockFlock(this.insideFd);
    this.entered = false;
  }

  /** Runs `step` while no writer is inside and all are up. Returns undefined, without having run it, when that is not so now. */
  look<T>(step: () => T): T | undefined {
    if (!tryFlock(this.insideFd, "exclusive")) return undefined;
    try {
      for (let shard = 0; shard < this.shards; shard++) if (shard !== this.shard && !this.isUp(shard)) return undefined;
      return step();
    } finally {
      unlockFlock(this.insideFd);
    }
  }

  close(): void {
    closeSync(this.insideFd);
    closeSync(this.upFd);
    for (const fd of this.probes.values()) closeSync(fd);
    this.probes.clear();
  }
}

function openLock(path: string): number {
  return openSync(path, "a+", 0o600);
}

function lockPatiently(fd: number, kind: "shared" | "exclusive", name: string, patienceMs: number): void {
  const end = Date.now() + patienceMs;
  while (!tryFlock(fd, kind)) {
    if (Date.now() > end) throw new ShardAway(`${name} is held for too long`);
    Atomics.wait(sleeper, 0, 0, 1);
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
