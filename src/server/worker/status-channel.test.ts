/** What a worker tells master: counts of sessions not step by step, the last one always, everything else at once. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Socket } from "node:net";
import { test } from "node:test";
import { socketPair } from "../../base/native/index.ts";
import { StatusChannel, statusCodes } from "./status-channel.ts";

const { available, sessions, share, connectionMulti } = statusCodes;

/** A worker's channel and what master reads from it, pair by pair. */
function pair(extended = true) {
  const [workerFd, masterFd] = socketPair();
  const shares: number[] = [];
  const channel = new StatusChannel(workerFd, {
    pid: 77,
    extended,
    onShare: (most) => shares.push(most),
    onClosed: () => undefined,
  });
  const master = new Socket({ fd: masterFd, readable: true, writable: true });
  let read = Buffer.alloc(0);
  master.on("data", (octets: Buffer) => (read = Buffer.concat([read, octets])));
  /** Waits until so many records have come; all that are there. */
  const records = async (least: number): Promise<[number, number][]> => {
    while (read.length < least * 8) await once(master, "data");
    const found: [number, number][] = [];
    for (let at = 0; at < read.length; at += 8) found.push([read.readInt32LE(at), read.readInt32LE(at + 4)]);
    read = Buffer.alloc(0);
    return found;
  };
  const end = async (): Promise<[number, number][]> => {
    channel.close();
    await once(master, "end");
    const left = read.length === 0 ? [] : await records(0);
    master.destroy();
    return left;
  };
  return { channel, master, records, end, shares };
}

test("the first count is told in its turn, those that follow soon as one", async () => {
  const { channel, records, end } = pair();
  for (let count = 1; count <= 50; count++) channel.sessions(count);
  assert.deepEqual(await records(1), [[sessions, 50]]);
  for (let count = 49; count >= 7; count--) {
    channel.sessions(count);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // However long that took: fewer than there were steps, and the last one comes though nothing follows it.
  const told: [number, number][] = [];
  while (told.at(-1)?.[1] !== 7) told.push(...(await records(1)));
  assert.ok(told.length < 43, String(told.length));
  assert.deepEqual(await end(), []);
});

test("a count that waits goes with whatever else is told, which does not wait", async () => {
  const { channel, records, end } = pair();
  channel.sessions(1);
  await records(1);
  channel.sessions(2);
  channel.sessions(3);
  channel.send(available);
  const told = await records(2);
  assert.deepEqual(told, [
    [available, 77],
    [sessions, 3],
  ]);
  assert.deepEqual(await end(), []);
});

test("a count that waits is told at the end", async () => {
  const { channel, records, end } = pair();
  channel.sessions(1);
  await records(1);
  channel.sessions(2);
  assert.deepEqual(await end(), [[sessions, 2]]);
});

test("Cyrus's master is told of connections, and of no counts", async () => {
  const { channel, records, end } = pair(false);
  channel.sessions(1);
  channel.accepted();
  assert.deepEqual(await records(1), [[connectionMulti, 77]]);
  assert.deepEqual(await end(), []);
});

test("shares come whole, however they are cut", async () => {
  const { master, end, shares } = pair();
  const octets = Buffer.alloc(24);
  [share, 5, 99, 1, share, -1].forEach((value, i) => octets.writeInt32LE(value, i * 4));
  for (const octet of octets) {
    master.write(Buffer.of(octet));
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (shares.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(shares, [5, -1]);
  await end();
});
