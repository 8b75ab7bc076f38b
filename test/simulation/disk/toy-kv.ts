/**
 * A key-value store small enough to be seen through, with every habit of a real one: an append log, snapshots by rename,
 * large values in files of their own, a new log after each snapshot. With a fault switched on it does one thing wrong.
 * The simulator must never blame the correct one and must catch every fault: that is its own test.
 *
 * Log record: u32 length of key and value, u32 crc32 of the rest, u32 sequence, u16 key length, key, value.
 */
import { crc32 } from "node:zlib";
import type { LogBuilder } from "../record/log-builder.ts";
import type { TreeEntry } from "./disk-model.ts";

export const kvFaults = {
  noLogSync: "a put is acknowledged without a sync of the log",
  ackBeforeSync: "a put is acknowledged after the sync began and before it ended",
  syncBeforeWrite: "the log is synced before the record is written",
  noDirectorySync: "the first log's name is never synced",
  noParentSync: "the directory's own name is never synced",
  noSnapshotSync: "the snapshot is renamed before it is synced",
  noRenameSync: "the old log is removed before the snapshot's new name is synced",
  removeBeforeRename: "the old log is removed before the snapshot is renamed",
  snapshotInPlace: "the snapshot is overwritten in place",
  noNewLogSync: "the new log's name is not synced before its records are acknowledged",
  noBlobSync: "a large value's octets are not synced",
  noBlobNameSync: "a large value's name is not synced",
  noChecksum: "recovery believes record lengths without looking at checksums",
  retrySync: "a failed sync is repeated and the second answer believed",
} as const;
export type KvFault = keyof typeof kvFaults;

const directory = "kv";
const snapshotEvery = 8;
const largeOctets = 600;

export class ToyKv {
  private readonly disk: LogBuilder;
  private readonly fault: KvFault | undefined;
  private readonly values = new Map<string, string>();
  private sequence = 0;
  private generation = 0;

  constructor(disk: LogBuilder, fault?: KvFault) {
    this.disk = disk;
    this.fault = fault;
    disk.mkdir(directory);
    if (fault !== "noParentSync") disk.sync("");
    disk.create(this.log);
    if (fault !== "noDirectorySync" && fault !== "noParentSync") disk.sync(directory);
    if (fault === "noParentSync") disk.sync(directory);
  }
  private get log(): string {
    return `${directory}/log.${this.generation}`;
  }

  /** Stores a value and acknowledges it. `syncFails`: the device reports an error on the first sync. */
  put(key: string, value: string, syncFails = false): void {
    const { disk, fault } = this;
    this.sequence++;
    disk.ack(`begin ${key} ${value}\n`);
    let stored = value;
    if (value.length > largeOctets) {
      const blob = `${directory}/blob.${this.sequence}`;
      disk.create(blob);
      disk.write(blob, 0, Buffer.from(value));
      if (fault !== "noBlobSync") disk.sync(blob);
      if (fault !== "noBlobNameSync") disk.sync(directory);
      stored = `@${this.sequence}`;
    }
    if (fault === "syncBeforeWrite") disk.sync(this.log, "fdatasync");
    disk.append(this.log, encode(this.sequence, key, stored));
    if (syncFails) this.afterFailedSync(key, stored);
    else if (fault === "ackBeforeSync") {
      const token = disk.syncBegin(this.log, "fdatasync");
      disk.ack(`put ${key} ${value}\n`);
      disk.syncEnd(token);
    } else if (fault !== "noLogSync" && fault !== "syncBeforeWrite") disk.sync(this.log, "fdatasync");
    if (fault !== "ackBeforeSync" || syncFails) disk.ack(`put ${key} ${value}\n`);
    this.values.set(key, stored);
    if (this.sequence % snapshotEvery === 0) this.snapshot();
  }
  /** The pages of the failed sync are clean now: only writing the record again makes a second sync mean anything. */
  private afterFailedSync(key: string, stored: string): void {
    const { disk } = this;
    disk.syncEnd(disk.syncBegin(this.log, "fdatasync"), 5);
    if (this.fault !== "retrySync") {
      const record = encode(this.sequence, key, stored);
      disk.write(this.log, disk.size(this.log) - record.length, record);
    }
    disk.sync(this.log, "fdatasync");
  }

  private snapshot(): void {
    const { disk, fault } = this;
    const snapshot = `${directory}/snapshot`;
    const temporary = fault === "snapshotInPlace" && disk.exists(snapshot) ? snapshot : `${snapshot}.new`;
    const oldLog = this.log;
    this.generation++;
    disk.create(this.log);
    if (fault !== "noNewLogSync" && fault !== "noRenameSync") disk.sync(directory);
    if (temporary === snapshot) disk.truncate(snapshot, 0);
    else disk.create(temporary);
    for (const [key, stored] of this.values) disk.append(temporary, encode(this.sequence, key, stored));
    disk.append(temporary, encode(this.sequence, "", "end"));
    if (fault !== "noSnapshotSync") disk.sync(temporary);
    if (fault === "removeBeforeRename") {
      disk.unlink(oldLog);
      disk.sync(directory);
    }
    if (temporary !== snapshot) disk.rename(temporary, snapshot);
    // Without this sync the name of the new log would be covered by it too: that fault leaves only syncs before it.
    if (fault !== "noRenameSync" && fault !== "noNewLogSync") disk.sync(directory);
    if (fault === "noNewLogSync") disk.sync("");
    if (fault !== "removeBeforeRename") disk.unlink(oldLog);
    if (fault === "noRenameSync") disk.sync(this.log);
  }
}

function encode(sequence: number, key: string, value: string): Buffer {
  const keyOctets = Buffer.from(key);
  const body = Buffer.concat([Buffer.alloc(6), keyOctets, Buffer.from(value)]);
  body.writeUInt32LE(sequence, 0);
  body.writeUInt16LE(keyOctets.length, 4);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(body.length, 0);
  head.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([head, body]);
}

interface KvRecord {
  readonly sequence: number;
  readonly key: string;
  readonly value: string;
}
function* records(log: Buffer, checksums: boolean): Generator<KvRecord> {
  for (let at = 0; at + 8 <= log.length; ) {
    const body = log.subarray(at + 8, at + 8 + log.readUInt32LE(at));
    if (body.length < 6 || body.length !== log.readUInt32LE(at)) return;
    if (checksums && crc32(body) !== log.readUInt32LE(at + 4)) return;
    const keyEnd = 6 + body.readUInt16LE(4);
    yield {
      sequence: body.readUInt32LE(0),
      key: body.toString("utf8", 6, keyEnd),
      value: body.toString("utf8", keyEnd),
    };
    at += 8 + body.length;
  }
}

/** What the store finds after a power cut. */
export function recoverKv(tree: readonly TreeEntry[], fault?: KvFault): Map<string, string> {
  const checksums = fault !== "noChecksum";
  const files = new Map(tree.map(({ path, content }) => [path, content]));
  const values = new Map<string, string>();
  let last = 0;
  for (const { sequence, key, value } of records(files.get(`${directory}/snapshot`) ?? Buffer.alloc(0), checksums)) {
    if (key !== "") values.set(key, value);
    last = sequence;
  }
  const logs = [...files.keys()].filter((path) => path.startsWith(`${directory}/log.`));
  for (const path of logs.toSorted((a, b) => generationOf(a) - generationOf(b)))
    for (const { sequence, key, value } of records(files.get(path)!, checksums))
      if (sequence > last) values.set(key, value);
  for (const [key, value] of values)
    if (value.startsWith("@"))
      values.set(key, files.get(`${directory}/blob.${value.slice(1)}`)?.toString("utf8") ?? "");
  return values;
}

function generationOf(path: string): number {
  return Number(path.slice(path.lastIndexOf(".") + 1));
}

/** What is wrong after recovery, given what the log reported before the cut; empty: nothing. */
export function checkKv(found: ReadonlyMap<string, string>, reports: readonly string[]): string[] {
  const acknowledged = new Map<string, string>();
  let inFlight: readonly [string, string] | undefined;
  for (const line of reports) {
    const [verb, key, value] = line.trimEnd().split(" ") as [string, string, string];
    if (verb === "begin") inFlight = [key, value];
    else {
      acknowledged.set(key, value);
      inFlight = undefined;
    }
  }
  const wrong: string[] = [];
  for (const key of new Set([...acknowledged.keys(), ...found.keys()])) {
    const value = found.get(key);
    if (value === acknowledged.get(key) || (inFlight?.[0] === key && inFlight[1] === value)) continue;
    wrong.push(`${key}: ${value === undefined ? "lost" : "other octets than acknowledged"}`);
  }
  return wrong;
}
