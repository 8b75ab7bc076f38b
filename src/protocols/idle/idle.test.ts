import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { closeDescriptor, openListener, receiveDatagram, sendDatagram } from "../../base/native/index.ts";
import { silentLog } from "../../base/log.ts";
import type { UniqueId } from "../../formats/ids.ts";
import { encodeIdle, decodeIdle, type IdleKind } from "./datagram.ts";
import { Idlers } from "./idlers.ts";
import { IdleServer } from "./idle-server.ts";
import { SocketInUse } from "./idle-socket.ts";
import { MailboxWatches, type WatchedMail } from "./mailbox-watches.ts";

/** Mailboxes by name, whose changes the test makes. */
class FakeMail {
  readonly boxes = new Map<string, UniqueId>();
  readonly listeners = new Map<UniqueId, Set<() => void>>();
  listChanged: () => void = () => {};

  get mail(): WatchedMail {
    return this as unknown as WatchedMail;
  }
  view<T>(step: (snapshot: { entry(name: string): { uniqueId: UniqueId } | undefined }) => T): T {
    return step({
      entry: (name) => {
        const uniqueId = this.boxes.get(name);
        return uniqueId && { uniqueId };
      },
    });
  }
  watch(box: UniqueId, listener: () => void): () => void {
    const there = this.listeners.get(box) ?? new Set();
    this.listeners.set(box, there.add(listener));
    return () => {
      there.delete(listener);
      if (there.size === 0) this.listeners.delete(box);
    };
  }
  watchList(listener: () => void): () => void {
    this.listChanged = listener;
    return () => {};
  }
  change(box: string): void {
    for (const listener of this.listeners.get(box as UniqueId) ?? []) listener();
  }
}

class Program {
  readonly path: string;
  readonly #fd: number;
  readonly #server: string;

  constructor(t: TestContext, directory: string, number: number) {
    this.path = join(directory, `idle.${number}`);
    this.#server = join(directory, "idle");
    this.#fd = openListener({ type: "datagram", address: { family: "unix", path: this.path } });
    t.after(() => closeDescriptor(this.#fd));
  }
  say(kind: IdleKind, name: string): void {
    sendDatagram(this.#fd, encodeIdle({ kind, name }), this.#server);
  }
  raw(octets: Buffer): void {
    sendDatagram(this.#fd, octets, this.#server);
  }
  /** What waits for it: `notify user.a`. */
  heard(): string[] {
    const all: string[] = [];
    for (;;) {
      const datagram = receiveDatagram(this.#fd);
      if (datagram === undefined) return all;
      const { kind, name } = decodeIdle(datagram.octets)!;
      all.push(`${kind} ${name}`);
    }
  }
}

function start(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "idle-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const fake = new FakeMail();
  let now = 0;
  const open = (): IdleServer =>
    new IdleServer({
      path: join(directory, "idle"),
      mail: fake.mail,
      log: silentLog,
      timeoutMs: 1_000,
      now: () => now,
    });
  const server = open();
  t.after(() => server.close());
  return {
    directory,
    fake,
    server,
    open,
    program: (number: number) => new Program(t, directory, number),
    pass: (milliseconds: number) => (now += milliseconds),
    /** Until the condition holds: signals and datagrams take a moment. */
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) await turn();
    },
  };
}

/** Lets what was sent arrive, and what follows from it be sent. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await turn();
}

test("who waits for a mailbox hears of its changes, by whomever, until it is done", async (t) => {
  const { fake, server, program, until } = start(t);
  fake.boxes.set("user.a", "A" as UniqueId);
  const [one, two, lmtpd] = [program(1), program(2), program(3)];
  one.say("init", "user.a");
  two.say("init", "user.a");
  two.say("init", "user.b");
  await until(() => server.size === 3);
  assert.deepEqual([...fake.listeners.keys()], ["A"]);
  fake.change("A");
  fake.change("A");
  lmtpd.say("notify", "user.a");
  lmtpd.say("notify", "user.b");
  lmtpd.say("notify", "user.c");
  lmtpd.say("noop", "user.a");
  const [ones, twos]: [string[], string[]] = [[], []];
  await until(() => {
    ones.push(...one.heard());
    twos.push(...two.heard());
    return twos.includes("notify user.b");
  });
  assert.deepEqual(
    [new Set(ones), new Set(twos)],
    [new Set(["notify user.a"]), new Set(["notify user.a", "notify user.b"])],
  );
  one.say("done", "user.a");
  await until(() => server.size === 2);
  fake.change("A");
  await until(() => two.heard().length > 0);
  assert.deepEqual(one.heard(), []);
  two.say("done", "user.a");
  await until(() => server.size === 1);
  assert.equal(fake.listeners.size, 0, "nobody is left: no watch");
  server.alert();
  assert.deepEqual(two.heard(), ["alert ."]);
});

test("who is gone, too old or does not read is forgotten, or told later", async (t) => {
  const { directory, fake, server, program, until, pass } = start(t);
  fake.boxes.set("user.a", "A" as UniqueId);
  const [gone, old, slow] = [program(1), program(2), program(3)];
  for (const one of [gone, old, slow]) one.say("init", "user.a");
  await until(() => server.size === 3);
  rmSync(gone.path);
  fake.change("A");
  await until(() => server.size === 2);
  pass(900);
  slow.say("init", "user.a");
  slow.say("init", "user.b");
  await until(() => server.size === 3);
  pass(200);
  server.sweep();
  assert.equal(server.size, 2);
  old.heard();
  slow.heard();
  // More than a queue holds; what is owed comes when there is room, each mailbox once.
  for (let n = 0; n < 30; n++) {
    fake.change("A");
    await turn();
  }
  await settle();
  const first = slow.heard();
  assert.ok(first.length > 0 && first.length <= 30);
  let more: string[] = [];
  await until(() => (more = [...more, ...slow.heard()]).length > 0 || first.length === 30);
  assert.deepEqual(old.heard(), []);
  assert.ok(readdirSync(directory).includes("idle"));
});

test("a name follows the mailbox list", async (t) => {
  const { fake, server, program, until } = start(t);
  const one = program(1);
  one.say("init", "user.new");
  await until(() => server.size === 1);
  assert.equal(fake.listeners.size, 0);
  fake.boxes.set("user.new", "N" as UniqueId);
  fake.listChanged();
  await until(() => one.heard().length > 0);
  fake.change("N");
  await until(() => one.heard().length > 0);
  fake.boxes.delete("user.new");
  fake.listChanged();
  await until(() => fake.listeners.size === 0);
  await until(() => one.heard().length > 0);
  one.say("init", "user.other");
  await until(() => server.size === 2);
});

test("many names are followed, also when the list changes again meanwhile", async (t) => {
  const { fake } = start(t);
  const told = new Set<string>();
  const watches = new MailboxWatches(fake.mail, (name) => void told.add(name));
  for (let n = 0; n < 1_000; n++) watches.watch(`user.${n}`);
  for (let n = 0; n < 1_000; n++) fake.boxes.set(`user.${n}`, `box${n}` as UniqueId);
  fake.listChanged();
  await turn();
  fake.boxes.set("user.0", "another" as UniqueId);
  fake.listChanged();
  while (!fake.listeners.has("another" as UniqueId) || told.size < 1_000) await turn();
  watches.close();
  assert.equal(fake.listeners.size, 0);
});

test("nonsense does nothing", async (t) => {
  const { server, program, until } = start(t);
  const one = program(1);
  for (const octets of [Buffer.alloc(1), Buffer.alloc(2_000), Buffer.from("hello there"), Buffer.alloc(16, 0xff)])
    one.raw(octets);
  one.say("init", "user.a");
  await until(() => server.size === 1);
});

test("the socket: 0777, left alone when it is served, taken over when it is not, gone at the end", (t) => {
  const { directory, server, open } = start(t);
  const path = join(directory, "idle");
  assert.equal(statSync(path).mode & 0o777, 0o777);
  assert.throws(() => open(), SocketInUse);
  server.close();
  assert.equal(existsSync(path), false);
  closeDescriptor(openListener({ type: "datagram", address: { family: "unix", path } }));
  const second = open();
  rmSync(path);
  const third = open();
  second.close();
  assert.ok(existsSync(path), "it is the third one's");
  third.close();
  writeFileSync(path, "");
  assert.throws(() => open(), /is no socket/);
});

test("entries have a limit", () => {
  const idlers = new Idlers(2);
  assert.deepEqual(
    [
      idlers.add("/a", "x", 0),
      idlers.add("/b", "x", 0),
      idlers.add("/c", "x", 0),
      idlers.add("/a", "x", 1),
      idlers.remove("/c", "x"),
      idlers.remove("/a", "x"),
      idlers.add("/c", "y", 0),
      idlers.size,
    ],
    ["first", "another", "full", "another", false, false, "first", 2],
  );
});
