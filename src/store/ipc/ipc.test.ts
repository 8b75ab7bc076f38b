import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { fuzz } from "../../base/fuzz.ts";
import { silentLog } from "../../base/log.ts";
import type { UniqueId } from "../../formats/ids.ts";
import type { WriteRequest } from "../writer/group.ts";
import type { Answer } from "../writer/replies.ts";
import { StoreClient } from "./client.ts";
import { encodeFrame, type Frame, FrameReader } from "./frames.ts";
import { target } from "./frames.fuzz.ts";
import { WriterServer } from "./server.ts";

test("frames come back as they were sent, however the stream is cut", () => {
  const frame = fc.record({
    json: fc.dictionary(fc.string({ minLength: 2 }), fc.integer()),
    octets: fc.array(fc.uint8Array()),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, cuts) => {
      const stream = Buffer.concat(frames.flatMap(({ json, octets }) => encodeFrame(json, octets)));
      const found: Frame[] = [];
      const reader = new FrameReader();
      for (let at = 0, n = 0; at < stream.length; n++) {
        const end = Math.min(stream.length, at + cuts[n % cuts.length]!);
        reader.push(stream.subarray(at, end), ({ json, octets }) => {
          const { o: _lengths, ...rest } = json;
          found.push({ json: rest, octets: octets.map((part) => Buffer.from(part)) });
        });
        at = end;
      }
      assert.deepEqual(
        found,
        frames.map(({ json, octets }) => ({ json: { ...json }, octets: octets.map((part) => Buffer.from(part)) })),
      );
    }),
  );
});

test("the frame reader answers any octets with frames or a FrameError", () => {
  fuzz(target, { seed: 1, iterations: 3_000 });
});

/** A writer that remembers what it was asked, and answers when told to. */
class SlowWriter {
  readonly asked: WriteRequest[] = [];
  readonly stored = new Map<number, Answer>();
  submit(request: WriteRequest): void {
    this.asked.push(request);
  }
  storedAnswer(_client: string, id: number): Answer | undefined {
    return this.stored.get(id);
  }
  takeOver(_client: string, id: number, answer: WriteRequest["answer"]): boolean {
    const at = this.asked.findIndex((request) => request.id === id);
    if (at < 0) return false;
    this.asked[at] = { ...this.asked[at]!, answer };
    return true;
  }
  forgetClient(): void {}
  async settle(): Promise<void> {}
  status(): object {
    return {};
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a request is run once, also when the connection or the writer goes away before its answer", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-ipc-"));
  const socketPath = join(directory, "s");
  const writer = new SlowWriter();
  let server = new WriterServer(writer, silentLog);
  await server.listen(socketPath);
  let reconnects = 0;
  const client = new StoreClient({ socketPath, timeoutMs: 20_000, onReconnect: () => (reconnects += 1) });
  const first = client.ask("one", {}, undefined);
  const second = client.ask("two", {}, undefined);
  await until(() => writer.asked.length === 2);
  // The connection breaks; the writer has both requests still.
  await server.close();
  server = new WriterServer(writer, silentLog);
  await server.listen(socketPath);
  await until(() => reconnects === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(writer.asked.length, 2);
  writer.asked[0]!.answer({ result: 1 });
  assert.deepEqual(await first, { result: 1 });
  // The writer dies after committing the second, before it answers; its next life has the stored answer.
  await server.close();
  const next = new SlowWriter();
  next.stored.set(2, { result: 2 });
  server = new WriterServer(next, silentLog);
  await server.listen(socketPath);
  assert.deepEqual(await second, { result: 2 });
  assert.equal(next.asked.length, 0);
  client.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

test("a client hears of changes in what it watches, and of nothing else", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-ipc-"));
  const socketPath = join(directory, "s");
  const server = new WriterServer(new SlowWriter(), silentLog);
  await server.listen(socketPath);
  let lists = 0;
  const client = new StoreClient({ socketPath, timeoutMs: 1_000, onListChange: () => (lists += 1) });
  const heard: number[][] = [];
  const [watched, other] = ["watched", "other"] as UniqueId[];
  const unwatch = client.watch(watched!, (...change) => heard.push(change));
  const change = (uniqueId: UniqueId, modseq: number) => ({ mbox: 1, uniqueId, modseq, firstUid: 3, lastUid: 4 });
  await until(() => heard.length === 1);
  assert.deepEqual(heard.splice(0), [[0, 1, 0xffffffff]]);
  server.publish({ mailboxes: [change(other!, 7), change(watched!, 8)], list: false, files: false, notes: [] });
  await until(() => heard.length === 1);
  assert.deepEqual(heard, [[8, 3, 4]]);
  unwatch();
  await client.status();
  server.publish({ mailboxes: [change(watched!, 9)], list: true, files: false, notes: [] });
  await until(() => lists === 1);
  assert.equal(heard.length, 1);
  client.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

test("a named lock has one holder; it passes on in order, and when a connection ends", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-claims-"));
  const socketPath = join(directory, "s");
  let server = new WriterServer(new SlowWriter(), silentLog, join(directory, "lock"));
  await server.listen(socketPath);
  const [one, two, three] = [1, 2, 3].map(() => new StoreClient({ socketPath, timeoutMs: 5_000 }));
  const held = await one!.claim("*U*fred", "pop3 of fred", 1_000);
  const file = join(directory, "lock", "*U*fred.lock");
  assert.equal(readFileSync(file, "utf8"), "held by pop3 of fred\n");
  await assert.rejects(two!.claim("*U*fred", "second", 0), /held by pop3 of fred/);
  const order: string[] = [];
  const second = two!.claim("*U*fred", "second", 5_000).then((claim) => (order.push("second"), claim));
  await until(() => server.claims.list()[0]!.waiters.length === 1);
  const third = three!.claim("*U*fred", "third", 5_000).then(() => order.push("third"));
  await until(() => server.claims.list()[0]!.waiters.length === 2);
  held.release();
  await second;
  assert.deepEqual(order, ["second"]);
  two!.close();
  await third;
  assert.deepEqual(server.claims.list(), [{ name: "*U*fred", holder: "third", waiters: [] }]);
  // The writer is restarted: who held it holds it again.
  await server.close();
  server = new WriterServer(new SlowWriter(), silentLog);
  await server.listen(socketPath);
  await until(() => server.claims.list().length === 1);
  assert.equal(server.claims.list()[0]!.holder, "third");
  one!.close();
  three!.close();
  await server.close();
  rmSync(directory, { recursive: true });
});
