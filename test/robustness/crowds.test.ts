/** Many connections, and connections that take and do not give: memory stays bounded, and others are served. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { memoryOf, type RunningServer, startServer, waitFor } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";
import { Bystander, sleep } from "./bystander.ts";

const mib = 1_048_576;
let server: RunningServer;
let bystander: Bystander;
let worker: number;

before(async () => {
  server = await startServer({ users: ["alice", "bob"] });
  bystander = await Bystander.join(server, "bob");
  worker = server.pids("cyr_imapd")[0]!;
  const filler = await server.login("alice");
  const text = `Subject: large\r\n\r\n${"0123456789abcdef\r\n".repeat(60_000)}`;
  for (let n = 0; n < 5; n++) assert.match(await filler.append("INBOX", text), /TAG OK/);
  filler.end();
});
after(async () => {
  bystander?.end();
  await server?.stop();
});

/** A connection that has been greeted, and keeps nothing of what it gets. */
function silent(address: string): Promise<{ readonly socket: Socket; isClosed: boolean }> {
  const socket = connect({ port: server.imapPort, host: "127.0.0.1", localAddress: address });
  const one = { socket, isClosed: false };
  socket.on("error", () => socket.destroy()).on("close", () => (one.isClosed = true));
  return new Promise((resolve) => {
    socket.once("data", () => {
      socket.resume();
      resolve(one);
    });
    socket.once("close", () => resolve(one));
  });
}

test("2,000 connections of ten addresses that send nothing are kept, and others served", async () => {
  const before = memoryOf(worker).now;
  const crowd: Awaited<ReturnType<typeof silent>>[] = [];
  const arrive = async (): Promise<void> => {
    for (let first = 0; first < 2_000; first += 100) {
      const some = Array.from({ length: 100 }, (_, index) => silent(`127.0.1.${1 + ((first + index) % 10)}`));
      crowd.push(...(await Promise.all(some)));
    }
  };
  const { answered } = await bystander.during(arrive);
  assert.ok(answered > 0);
  assert.equal(crowd.filter((one) => one.isClosed).length, 0);
  const each = (memoryOf(worker).now - before) / crowd.length;
  assert.ok(each < 60_000, `${Math.round(each)} octets a connection`);
  await bystander.isWell();
  for (const { socket } of crowd) socket.destroy();
});

test("one address cannot keep all others of it out: its oldest connections make room", async () => {
  const crowd: Awaited<ReturnType<typeof silent>>[] = [];
  for (let n = 0; n < 400; n++) crowd.push(await silent("127.0.0.1"));
  await waitFor(() => crowd.filter((one) => one.isClosed).length >= 144, "the oldest connections to be ended");
  assert.ok(crowd.slice(0, 100).every((one) => one.isClosed));
  assert.ok(crowd.slice(-100).every((one) => !one.isClosed));
  await bystander.isWell();
  for (const { socket } of crowd) socket.destroy();
});

test("a client that fetches 1 GB and reads nothing, and a hundred of them", async (t) => {
  const before = memoryOf(worker).now;
  const greedy: ImapClient[] = [];
  const fetchMuch = async (): Promise<void> => {
    const client = await server.login("alice");
    await client.command("SELECT INBOX");
    client.socket.pause();
    // Each item 1 MB of five messages: 1 GB in all.
    client.send(`f FETCH 1:* (${"BODY.PEEK[] ".repeat(200).trim()})\r\n`);
    greedy.push(client);
  };
  await fetchMuch();
  await bystander.during(() => sleep(300));
  const one = memoryOf(worker).now - before;
  assert.ok(one < 64 * mib, `${Math.round(one / mib)} MiB for one`);
  const { answered, longestMs } = await bystander.during(async () => {
    while (greedy.length < 100) await fetchMuch();
    await sleep(1_000);
  });
  const { peak } = memoryOf(worker);
  t.diagnostic(
    `a hundred: ${Math.round((peak - before) / mib)} MiB more at the most; others: ${answered} answers, longest wait ${longestMs} ms`,
  );
  assert.ok(peak - before < 300 * mib, `${Math.round((peak - before) / mib)} MiB for a hundred`);
  const other = await server.login("bob");
  assert.match(await other.append("INBOX", "Subject: meanwhile\r\n\r\nx\r\n"), /TAG OK/);
  other.end();
  for (const client of greedy) client.end();
  await bystander.isWell();
});

test("two hundred clients that send an octet now and then", async () => {
  const slow: Socket[] = [];
  for (let n = 0; n < 200; n++) slow.push((await silent("127.0.0.9")).socket);
  const trickle = async (): Promise<void> => {
    for (const octet of "a LOGIN alice {6+}\r\nsec") {
      for (const socket of slow) socket.write(octet);
      await sleep(20);
    }
  };
  const { answered } = await bystander.during(trickle);
  assert.ok(answered > 0);
  await bystander.isWell();
  for (const socket of slow) socket.destroy();
});
