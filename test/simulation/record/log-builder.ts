/** Makes logs without a process: a tiny in-memory disk whose calls leave the records that the shim would leave. */
import type { Operation, SyncCall } from "./log.ts";

const rootIno = 1;

export class LogBuilder {
  /** What was there at the start: an empty root. */
  static readonly initial = [{ path: "", kind: "directory", ino: rootIno }] as const;
  readonly operations: Operation[] = [];
  private readonly names = new Map<string, number>([["", rootIno]]);
  private readonly contents = new Map<number, Buffer>();
  private lastIno = rootIno;
  private lastToken = 0;

  mkdir(path: string): void {
    const ino = ++this.lastIno;
    this.names.set(path, ino);
    this.operations.push({ kind: "mkdir", path, ino });
  }
  create(path: string): void {
    const ino = ++this.lastIno;
    this.names.set(path, ino);
    this.contents.set(ino, Buffer.alloc(0));
    this.operations.push({ kind: "create", path, ino });
  }
  write(path: string, offset: number, data: Buffer): void {
    const ino = this.ino(path);
    const old = this.contents.get(ino) ?? Buffer.alloc(0);
    const grown = Buffer.alloc(Math.max(old.length, offset + data.length));
    old.copy(grown);
    data.copy(grown, offset);
    this.contents.set(ino, grown);
    this.operations.push({ kind: "write", ino, offset, data, synced: false });
  }
  append(path: string, data: Buffer): void {
    this.write(path, this.size(path), data);
  }
  truncate(path: string, sizeOctets: number): void {
    const ino = this.ino(path);
    const grown = Buffer.alloc(sizeOctets);
    this.contents.get(ino)?.copy(grown);
    this.contents.set(ino, grown);
    this.operations.push({ kind: "truncate", ino, sizeOctets });
  }
  rename(path: string, to: string): void {
    const ino = this.ino(path);
    this.names.delete(path);
    this.names.set(to, ino);
    this.operations.push({ kind: "rename", path, to, ino });
  }
  link(from: string, path: string): void {
    const ino = this.ino(from);
    this.names.set(path, ino);
    this.operations.push({ kind: "link", path, ino });
  }
  unlink(path: string): void {
    const ino = this.ino(path);
    this.names.delete(path);
    this.operations.push({ kind: "unlink", path, ino });
  }
  syncBegin(path: string, call: SyncCall = "fsync"): number {
    const token = ++this.lastToken;
    this.operations.push({ kind: "syncBegin", call, ino: this.ino(path), path, token, dropped: false });
    return token;
  }
  syncEnd(token: number, errno = 0): void {
    this.operations.push({ kind: "syncEnd", token, errno });
  }
  sync(path: string, call: SyncCall = "fsync"): void {
    this.syncEnd(this.syncBegin(path, call));
  }
  ack(text: string): void {
    this.operations.push({ kind: "ack", text });
  }
  size(path: string): number {
    return this.contents.get(this.ino(path))?.length ?? 0;
  }
  exists(path: string): boolean {
    return this.names.has(path);
  }
  private ino(path: string): number {
    const ino = this.names.get(path);
    if (ino === undefined) throw new Error(`no such file: ${path}`);
    return ino;
  }
}
