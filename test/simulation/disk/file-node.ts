/**
 * One file as the disk may know it: the octets that completed syncs cover, and the operations since.
 *
 * After a power cut each 512-octet sector holds one of the versions that it went through since it was last synced, chosen
 * sector by sector (so a write may be torn, dropped, or overtaken by a later one), and the file's length is one of the
 * lengths that it had. A cut-off (truncate to less) that did not reach the disk also holds back what was written after it.
 */
import type { Chooser } from "./choice.ts";

export const sectorOctets = 512;

interface FileOperation {
  readonly index: number;
  /** A write has data; a truncate has none. */
  readonly data: Buffer | undefined;
  readonly offset: number;
  /** Length of the file after this operation, when it was live. */
  readonly sizeAfter: number;
  /** A truncate to less than the length before. */
  readonly shrinks: boolean;
  /** A sync that was to cover it failed: later syncs do not write it. */
  condemned: boolean;
}

export class FileNode {
  readonly kind = "file";
  readonly ino: number;
  /** Name of the mount it is in, "" for the root's. */
  readonly mount: string;
  /** Content covered by syncs: `durable.subarray(0, durableSize)`; the buffer has room to grow. */
  private durable: Buffer;
  private durableSize: number;
  private liveSize: number;
  private pending: FileOperation[] = [];

  constructor(ino: number, mount: string, content: Buffer = Buffer.alloc(0)) {
    this.ino = ino;
    this.mount = mount;
    this.durable = content;
    this.durableSize = content.length;
    this.liveSize = content.length;
  }
  get uncovered(): number {
    return this.pending.length;
  }
  write(index: number, offset: number, data: Buffer): void {
    this.liveSize = Math.max(this.liveSize, offset + data.length);
    this.pending.push({ index, data, offset, sizeAfter: this.liveSize, shrinks: false, condemned: false });
  }
  truncate(index: number, size: number): void {
    const shrinks = size < this.liveSize;
    this.liveSize = size;
    this.pending.push({ index, data: undefined, offset: size, sizeAfter: size, shrinks, condemned: false });
  }
  /** A sync that began at `before` failed: octets that it was to cover will not be written by a later one. Cut-offs are, with the inode. */
  condemn(before: number): void {
    for (const operation of this.pending) if (operation.index < before && operation.data) operation.condemned = true;
  }
  /** A completed sync that began at `before` covers this file. Returns how many operations it made durable. */
  cover(before: number): number {
    let n = 0;
    while (n < this.pending.length && this.pending[n]!.index < before) n++;
    const covered = this.pending.splice(0, n);
    if (!covered.some((operation) => operation.condemned)) {
      for (const operation of covered) this.apply(operation);
      return n;
    }
    return this.coverAroundCondemned(covered);
  }
  /** Pages that were written again since the failed sync go to disk whole; the others stay as they were: unknown. */
  private coverAroundCondemned(covered: FileOperation[]): number {
    const whole = new FileNode(this.ino, this.mount, Buffer.from(this.content()));
    const rewritten = new Set<number>();
    for (const operation of covered) {
      whole.apply(operation);
      if (!operation.condemned && operation.data)
        for (const sector of sectorsOf(operation.offset, operation.data.length)) rewritten.add(sector);
    }
    const size = whole.durableSize;
    for (const operation of covered) if (!operation.data) this.apply(operation);
    for (const sector of rewritten) {
      const start = sector * sectorOctets;
      const octets = whole.content().subarray(start, Math.min(start + sectorOctets, size));
      this.apply({ index: -1, data: octets, offset: start, sizeAfter: 0, shrinks: false, condemned: false });
    }
    const lastCut = covered.findLastIndex(({ shrinks }) => shrinks);
    const left = covered.filter(
      ({ condemned, data, offset }, i) =>
        // What a cut-off removed is gone for good.
        condemned && i > lastCut && !(data && sectorsOf(offset, data.length).every((s) => rewritten.has(s))),
    );
    this.pending.unshift(...left);
    return covered.length - left.length;
  }
  private apply({ data, offset }: FileOperation): void {
    if (data) {
      this.reserve(offset + data.length);
      data.copy(this.durable, offset);
      this.durableSize = Math.max(this.durableSize, offset + data.length);
    } else {
      this.reserve(offset);
      if (offset < this.durableSize) this.durable.fill(0, offset, this.durableSize);
      this.durableSize = offset;
    }
  }
  private reserve(size: number): void {
    if (size <= this.durable.length) return;
    const grown = Buffer.alloc(Math.max(size, this.durable.length * 2, 4096));
    this.durable.copy(grown, 0, 0, this.durableSize);
    this.durable = grown;
  }
  private content(): Buffer {
    return this.durable.subarray(0, this.durableSize);
  }

  /** The octets which this file holds after a power cut now. The result may be a view: read it before the next call. */
  afterCut(choose: Chooser): Buffer {
    const operations = this.reachable(choose);
    if (operations.length === 0) return this.content();
    const lastCut = operations.findLastIndex(({ shrinks }) => shrinks);
    // The length is that of some moment after the last cut-off which is kept.
    let size = lastCut < 0 ? this.durableSize : operations[lastCut]!.sizeAfter;
    for (const operation of operations.slice(lastCut + 1))
      if (choose.keepSize(this.ino, operation.index)) size = operation.sizeAfter;
    const out = Buffer.alloc(Math.max(size, this.durableSize));
    this.content().copy(out);
    for (let i = 0; i <= lastCut; i++) this.applyBeforeCut(operations[i]!, out);
    const versions = new Map<number, FileOperation[]>();
    for (const operation of operations.slice(lastCut + 1)) {
      if (!operation.data) continue;
      for (const sector of sectorsOf(operation.offset, operation.data.length)) {
        const list = versions.get(sector);
        if (list) list.push(operation);
        else versions.set(sector, [operation]);
      }
    }
    for (const [sector, writes] of versions) {
      const kept = choose.sectorVersion(
        this.ino,
        writes.map(({ index }) => index),
      );
      for (const write of writes.slice(0, kept)) copySector(write, sector, out);
    }
    return out.subarray(0, size);
  }
  /** What was written before a kept cut-off and lies below it is taken as kept: rarely matters, and is one less case. */
  private applyBeforeCut(operation: FileOperation, out: Buffer): void {
    if (operation.data) operation.data.copy(out, operation.offset, 0, Math.max(0, out.length - operation.offset));
    else if (operation.offset < out.length) out.fill(0, operation.offset);
  }
  /** Operations that can have reached the disk: all up to the first cut-off that did not. */
  private reachable(choose: Chooser): FileOperation[] {
    const stop = this.pending.findIndex(({ shrinks, index }) => shrinks && !choose.keepTruncate(this.ino, index));
    return stop < 0 ? this.pending : this.pending.slice(0, stop);
  }
}

/** Numbers of the sectors that `length` octets at `offset` touch. */
function sectorsOf(offset: number, length: number): number[] {
  const sectors: number[] = [];
  for (let sector = Math.floor(offset / sectorOctets); sector * sectorOctets < offset + length; sector++)
    sectors.push(sector);
  return sectors;
}

function copySector({ data, offset }: FileOperation, sector: number, out: Buffer): void {
  const from = Math.max(sector * sectorOctets, offset);
  const to = Math.min((sector + 1) * sectorOctets, offset + data!.length, out.length);
  if (to > from) data!.copy(out, from, from - offset, to - offset);
}
