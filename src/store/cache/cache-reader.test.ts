import assert from "node:assert/strict";
import { fstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { crc32 } from "node:zlib";
import type { UniqueId } from "../../formats/ids.ts";
import { MessageScanner } from "../../formats/mime/index.ts";
import { cachePath, mailboxDirectory } from "../blobs/paths.ts";
import { CacheMemory, WINDOW_OCTETS } from "./cache-memory.ts";
import { CacheReader } from "./cache-reader.ts";

const root = mkdtempSync(join(tmpdir(), "cache-reader-"));
after(() => rmSync(root, { recursive: true }));
const uniqueId = "ab12" as UniqueId;
const path = cachePath(mailboxDirectory(root, uniqueId), 1);
mkdirSync(dirname(path), { recursive: true });

function recordOf(subject: string): Buffer {
  const scanner = new MessageScanner({ maxheaderlines: 1_000 });
  scanner.push(Buffer.from(`Subject: ${subject}\r\n\r\nbody\r\n`));
  return Buffer.from(scanner.finish().cache);
}

const records = Array.from({ length: 400 }, (_, n) => recordOf(`number ${n} ${"x".repeat(n * 3)}`));
records.push(recordOf("y".repeat(WINDOW_OCTETS + 10)), recordOf("last"));
const file = Buffer.concat(records);
let end = 0;
const places = records.map((record) => {
  const cacheOffset = end;
  end += record.length;
  return { cacheLength: record.length, cacheOffset, cacheCrc: crc32(record), cacheVersion: 1, cacheGeneration: 1 };
});

/** Waits where the page cache, or the filesystem, makes it necessary. */
async function read(reader: CacheReader, place: (typeof places)[number]): Promise<Buffer | undefined> {
  let record = reader.record(place);
  if (record instanceof Promise) {
    await record;
    record = reader.record(place);
  }
  assert.ok(!(record instanceof Promise));
  return record && Buffer.from(record);
}

test("records are found in any order, in windows and larger than one", async () => {
  writeFileSync(path, file);
  const reader = new CacheReader(root, uniqueId, new CacheMemory());
  const orders = [places.keys(), [...places.keys()].toReversed(), [400, 3, 401, 0, 200]];
  for (const order of orders)
    for (const n of order) assert.deepEqual(await read(reader, places[n]!), records[n], `record ${n}`);
  reader.close();
});

/** A reader that finds nothing in the page cache. */
function coldReader(): CacheReader {
  const reader = new CacheReader(root, uniqueId, new CacheMemory());
  Object.assign(reader as object, { readNow: () => undefined });
  return reader;
}

test("a record that is not in the page cache is read once, for whoever asks next", async () => {
  writeFileSync(path, file);
  const reader = coldReader();
  const waiting = reader.find(places[3]!);
  assert.ok(waiting instanceof Promise);
  assert.equal(reader.find(places[3]!), waiting);
  assert.equal(reader.find(places[9]!), waiting);
  await waiting;
  assert.deepEqual(reader.record(places[3]!), records[3]);
  assert.deepEqual(await read(reader, places[400]!), records[400]);
  reader.close();
});

test("a reader that is closed while it waits keeps its descriptor until the read is done", async () => {
  writeFileSync(path, file);
  const reader = coldReader();
  const waiting = reader.find(places[3]!);
  const fd = Reflect.get(reader, "fd") as number;
  reader.close();
  assert.ok(fstatSync(fd).isFile());
  await waiting;
  await new Promise(setImmediate);
  assert.throws(() => fstatSync(fd), { code: "EBADF" });
});

test("a read that fails leaves a record missing", async () => {
  // A directory can be opened, and not read.
  rmSync(path, { force: true });
  mkdirSync(path);
  const reader = coldReader();
  assert.equal(await read(reader, places[3]!), undefined);
  reader.close();
  rmSync(path, { recursive: true });
});

test("a damaged record, one beyond the end and one without a file are missing", async () => {
  const damaged = Buffer.from(file);
  damaged[places[5]!.cacheOffset + 70]! ^= 1;
  writeFileSync(path, damaged.subarray(0, places[300]!.cacheOffset + 10));
  const reader = new CacheReader(root, uniqueId);
  assert.equal(await read(reader, places[5]!), undefined);
  assert.deepEqual(await read(reader, places[6]!), records[6]);
  assert.equal(await read(reader, places[300]!), undefined);
  assert.equal(await read(reader, places[301]!), undefined);
  assert.equal(await read(reader, { ...places[6]!, cacheGeneration: 9 }), undefined);
  reader.close();
});

test("a CRC is computed once in the life of a process; a head that leads out of the record is found all the same", async () => {
  const memory = new CacheMemory();
  writeFileSync(path, file);
  const first = new CacheReader(root, uniqueId, memory);
  assert.deepEqual(await read(first, places[7]!), records[7]);
  first.close();
  const damaged = Buffer.from(file);
  damaged[places[7]!.cacheOffset + records[7]!.length - 3]! ^= 1;
  damaged[places[8]!.cacheOffset + records[8]!.length - 3]! ^= 1;
  writeFileSync(path, damaged);
  const second = new CacheReader(root, uniqueId, memory);
  assert.ok(await read(second, places[7]!));
  assert.equal(await read(second, places[8]!), undefined);
  second.close();
  damaged.writeUInt32LE(0x7fff_ffff, places[7]!.cacheOffset + 28);
  writeFileSync(path, damaged);
  const third = new CacheReader(root, uniqueId, memory);
  assert.equal(await read(third, places[7]!), undefined);
  third.close();
});

test("marks are of one file each, and bounded", () => {
  const memory = new CacheMemory();
  const marks = memory.checked(uniqueId, 1);
  marks.add(64);
  assert.ok(marks.has(64) && !marks.has(128) && !marks.has(64 + 2 ** 40));
  assert.ok(memory.checked(uniqueId, 1).has(64));
  assert.ok(!memory.checked(uniqueId, 2).has(64));
  const many = memory.checked(uniqueId, 3);
  for (let n = 0; n < 300; n++) many.add(n * (2 << 20));
  assert.ok(!memory.checked(uniqueId, 1).has(64));
});
