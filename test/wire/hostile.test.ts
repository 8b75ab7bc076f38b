/** What no client should send, and what bad ones do: the session ends or goes on with the right answer, and others notice nothing. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MAX_BAD_COMMANDS } from "../../src/protocols/imap/limits.ts";
import { Random } from "../simulation/random.ts";
import { type ImapServer, startImapServer } from "../support/imap-server.ts";
import { type MailStore, startMailStore } from "../support/mail-store.ts";
import { ImapClient, WireClient } from "../support/wire-client.ts";

let store: MailStore;
let server: ImapServer;
let bystander: ImapClient;
const faults: string[] = [];

before(async () => {
  const log = { err: (text: string) => void faults.push(text), warning() {}, notice() {}, info() {}, debug() {} };
  store = await startMailStore({ imapdConf: "unixhierarchysep: yes\naltnamespace: no", log });
  server = await startImapServer(store);
  await store.create("user.alice", "user.bob");
  bystander = await ImapClient.login(server.port, "bob");
});
after(async () => {
  await server.stop();
  await store.stop();
});

async function othersAreWell(): Promise<void> {
  assert.match(await bystander.command("NOOP"), /TAG OK/);
  assert.deepEqual(faults.splice(0), []);
}

test("tags and words that are none", async () => {
  const client = await ImapClient.login(server.port, "alice");
  for (const line of [
    "",
    " ",
    "*",
    "* NOOP",

    "+ NOOP",
    "a+b NOOP",
    "ba(d NOOP",
    "a{b NOOP",
    '"a" NOOP',
    "a\0b NOOP",
    "a\tNOOP",
    "\xff\xfe NOOP",
    "()",
  ]) {
    client.send(`${line}\r\n`);
    assert.equal(await client.until(/^[^\n]*\n/), "* BAD Invalid tag\n", JSON.stringify(line));
  }
  assert.match(await client.command("\xff"), /TAG BAD/);
  assert.match(await client.command("FETCH 1:99999999999999999999 FLAGS"), /TAG BAD/);
  assert.match(await client.command('SELECT "INBOX'), /TAG BAD/);
  assert.match(await client.command("SEARCH " + "(".repeat(5_000)), /TAG BAD/);
  assert.match(await client.command("SEARCH " + "NOT ".repeat(5_000) + "ALL"), /TAG BAD/);
  assert.match(await client.command(`LIST "" "${"*%".repeat(400)}"`), /TAG OK/);
  await othersAreWell();
});

test("lines that are no commands, without end: the session ends, whatever follows", async () => {
  const client = await ImapClient.login(server.port, "alice");
  client.send(Buffer.alloc(10_000_000, "\r\n"));
  const all = await client.untilClosed();
  assert.match(all, /^(?:\* BAD Invalid tag\n)+\* BYE Too many bad commands\n$/);
  assert.equal(all.match(/BAD/g)?.length, MAX_BAD_COMMANDS + 1);
  // One good command among them is enough.
  const clumsy = await ImapClient.login(server.port, "alice");
  for (let round = 0; round < 3; round++) {
    clumsy.send("x NONSENSE\r\n".repeat(MAX_BAD_COMMANDS));
    assert.match(await clumsy.command("NOOP"), /TAG OK/);
  }
  await othersAreWell();
});

test("lines of 10 MB", async () => {
  const stranger = new WireClient(server.port);
  await stranger.until(/\n/);
  stranger.send(Buffer.alloc(10_000_000, "x"));
  assert.match(await stranger.untilClosed(), /^\* BYE /);
  const client = await ImapClient.login(server.port, "alice");
  client.send("a SELECT ");
  client.send(Buffer.alloc(10_000_000, "y"));
  assert.match(await client.untilClosed(), /^\* BYE \[TOOBIG\] Word too long/);
  const lists = await ImapClient.login(server.port, "alice");
  lists.send("a FETCH 1 (");
  lists.send(Buffer.alloc(10_000_000, "UID "));
  assert.match(await lists.untilClosed(), /^\* BYE \[TOOBIG\]/);
  await othersAreWell();
});

test("literals without end", async () => {
  const stranger = new WireClient(server.port);
  await stranger.until(/\n/);
  stranger.send("a LOGIN {99999+}\r\n");
  assert.match(await stranger.untilClosed(), /^\* BYE \[TOOBIG\]/);
  const client = await ImapClient.login(server.port, "alice");
  assert.match(await client.command("SELECT {999999}"), /TAG NO \[TOOBIG\] Literal size exceeds fixed limit in Select/);
  client.send("a SELECT {99999999999}\r\n");
  assert.match(await client.untilClosed(), /^\* BYE Fatal error: num too big/);
  await othersAreWell();
});

test("APPEND that breaks off leaves nothing behind", async () => {
  for (const size of [1_000, 5_000_000]) {
    const client = await ImapClient.login(server.port, "alice");
    client.send(`a APPEND INBOX {${size}+}\r\nSubject: x\r\n\r\n`);
    client.send(Buffer.alloc(Math.min(size / 2, 2_000_000), "z\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.end();
  }
  const reader = await ImapClient.login(server.port, "alice");
  const stage = join(store.directory, "spool", "stage.");
  for (let turn = 0; turn < 100 && existsSync(stage) && readdirSync(stage).length > 0; turn++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(existsSync(stage) ? readdirSync(stage) : [], []);
  assert.match(await reader.command("STATUS INBOX (MESSAGES)"), /MESSAGES 0/);
  await othersAreWell();
});

test("half commands and disconnects", async () => {
  const starts = [
    "",
    "a",
    "a ",
    "a LOGIN",
    "a LOGIN {5}\r\n",
    'a LOGIN "x',
    "a LOGIN alice secret\r\nb IDLE\r\n",
    "a LOGIN alice secret\r\nb SELECT INBOX\r\nc FETCH 1:* (BODY[",
    "a AUTHENTICATE PLAIN\r\n",
  ];
  for (const text of starts) {
    const client = new WireClient(server.port);
    await client.until(/\n/);
    client.send(text);
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.end();
  }
  await othersAreWell();
});

test("binary noise", async () => {
  const random = new Random(7);
  for (let round = 0; round < 30; round++) {
    const client = round % 2 === 0 ? await ImapClient.login(server.port, "alice") : await ImapClient.open(server.port);
    const noise = Buffer.from(
      Array.from({ length: 3_000 }, () =>
        random.below(8) === 0 ? random.pick([13, 10, 40, 41, 123, 125, 34, 32]) : random.below(256),
      ),
    );
    client.send(noise);
    client.send("\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.end();
  }
  await othersAreWell();
});

test("commands before login are counted", async () => {
  const client = new WireClient(server.port);
  await client.until(/\n/);
  client.send("a NOOP\r\n".repeat(30));
  const text = await client.untilClosed();
  assert.equal(text.match(/a OK Completed/g)?.length, 20);
  assert.match(text, /\* BYE Too many commands before login\n$/);
});

test("thousands of commands at once are answered one by one", async () => {
  const client = await ImapClient.login(server.port, "alice");
  let all = "";
  for (let n = 0; n < 5_000; n++) all += `x${n} NOOP\r\n`;
  client.send(all);
  const text = await client.until(/x4999 OK Completed\r\n/);
  assert.equal(text.match(/OK Completed/g)?.length, 5_000);
});

test("a client that fetches much and reads nothing costs little memory", async () => {
  const client = await ImapClient.login(server.port, "alice");
  const message = `Subject: large\r\n\r\n${"0123456789abcdef\r\n".repeat(60_000)}`;
  for (let n = 0; n < 5; n++) assert.match(await client.append("INBOX", message), /TAG OK/);
  await client.command("SELECT INBOX");
  globalThis.gc?.();
  const beforeFetch = process.memoryUsage().arrayBuffers;
  const greedy = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const one = await ImapClient.login(server.port, "alice");
      await one.command("SELECT INBOX");
      one.socket.pause();
      // 500 MB each, were it read.
      one.send(`f FETCH 1:* (${"BODY.PEEK[] ".repeat(100).trim()})\r\n`);
      return one;
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const more = process.memoryUsage().arrayBuffers - beforeFetch;
  assert.ok(more < 40 * 1_048_576, `${more} octets more`);
  await othersAreWell();
  for (const one of greedy) one.end();
});
