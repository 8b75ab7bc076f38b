/** Input that no client should send, to real processes: every session gets the right error or a clean end, and others notice nothing. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../simulation/random.ts";
import { memoryOf, type RunningServer, startServer, waitFor } from "../support/server.ts";
import { ImapClient, WireClient } from "../support/wire-client.ts";
import { Bystander, sleep } from "./bystander.ts";

const mib = 1_048_576;
let server: RunningServer;
let bystander: Bystander;

before(async () => {
  server = await startServer({ users: ["alice", "bob", "carol"] });
  bystander = await Bystander.join(server, "bob");
});
after(async () => {
  bystander?.end();
  await server?.stop();
});

/** A tagged answer, or one to a line without a tag. */
const answerPattern = /(^|\n)(\w+ (OK|NO|BAD)|\* BAD)[^\n]*\n/;

async function stranger(): Promise<WireClient> {
  const client = new WireClient(server.imapPort);
  await client.until(/^\* OK [^\n]*\n/);
  return client;
}

/** Sends until the server has had enough of it, or all is sent. */
async function pour(client: WireClient, piece: Buffer, octets: number): Promise<void> {
  for (let sent = 0; sent < octets && !client.closed; sent += piece.length) {
    if (!client.socket.write(piece)) await drained(client);
  }
}

function drained(client: WireClient): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      client.socket.off("drain", done).off("close", done);
      resolve();
    };
    client.socket.on("drain", done).on("close", done);
  });
}

test("bad lines get BAD, octet by octet as in one piece, and the session goes on", async () => {
  const client = await server.login("alice");
  const bad: readonly [string, RegExp][] = [
    ["", /^\* BAD Invalid tag\n/],
    ["* OK hello", /^\* BAD Invalid tag\n/],
    ["(((((", /^\* BAD Invalid tag\n/],
    ["a\x01b NOOP", /^\* BAD Invalid tag\n/],
    ["b1", /^b1 BAD |^\* BAD /],
    ["b2 \x80\x81\x82", /^b2 BAD /],
    ["b3 FETCH", /^b3 BAD /],
    ["b4 FETCH 1:* (FLAGS", /^b4 BAD /],
    ["b5 SELECT INBOX", /b5 OK /],
    ["b6 FETCH 1:* (FLAGS", /^b6 BAD /],
    ["b7 FETCH 0 FLAGS", /^b7 (BAD|NO) /],
    ["b8 STORE 1 FLAGS (\\Nonsense", /^b8 BAD /],
    ["b9 SEARCH CHARSET", /^b9 BAD /],
    ["c1 UID", /^c1 BAD /],
    ["c2 UID FETCH", /^c2 BAD /],
    ["c3 APPEND INBOX", /^c3 BAD /],
    ["c4 APPEND INBOX (\\Seen", /^c4 BAD /],
    ['c5 LIST "" "\x00"', /^c5 BAD |^\* BAD /],
    ["c6 STATUS INBOX ()", /c6 (BAD|OK) /],
    ["c7 SEARCH OR OR OR", /^c7 BAD /],
    ["c8 IDLE now", /^c8 BAD /],
    ["c9 SETACL", /^c9 BAD /],
    ["d1 FETCH 1 BODY[1.2.3.MIME.TEXT]", /^d1 BAD /],
    ["d2 FETCH 1 BODY[]<5.-1>", /^d2 BAD /],
    ["d3 FETCH 1 BODY[]<99999999999999999999.1>", /^d3 BAD /],
    ["d4 NOOP", /^d4 OK /],
  ];
  for (const [line, answer] of bad) {
    client.send(`${line}\r\n`);
    const whole = await client.until(answerPattern);
    assert.match(whole, answer, JSON.stringify(line));
    for (const octet of `${line}\r\n`) {
      client.send(octet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const split = await client.until(answerPattern);
    assert.match(split, answer, `${JSON.stringify(line)} octet by octet`);
  }
  client.end();
  await bystander.isWell();
});

test("lines of 10 MB end the session, and cost little memory", async () => {
  const [worker] = server.pids("cyr_imapd") as [number];
  const before = memoryOf(worker).peak;
  const starts = [
    "",
    "a ",
    "a LOGIN ",
    'a LOGIN "',
    "a SEARCH ",
    "a SEARCH (",
    'a SELECT "',
    "a FETCH 1:*,",
    "a STORE 1 FLAGS (",
  ];
  const fills = ["x", "x ", "(", "1,", '\\"', "\0"];
  for (const start of starts) {
    for (const [index, fill] of fills.entries()) {
      const isKnown = (index + start.length) % 2 === 0;
      // Each ends with a word of the server, or before it can be read: the client has not stopped sending.
      const client = isKnown ? await server.login("alice") : await stranger();
      client.send(start);
      await pour(client, Buffer.alloc(65_536 - (65_536 % fill.length), fill, "latin1"), 10_000_000);
      client.end();
    }
  }
  const grown = memoryOf(worker).peak - before;
  assert.ok(grown < 120 * mib, `the worker's memory grew by ${Math.round(grown / mib)} MiB`);
  await bystander.isWell();
});

test("literals: too large, endless, thousands of them, nonsense sizes", async () => {
  for (const literal of ["{5000+}", "{4294967295+}", "{4294967296+}", "{99999999999999999999+}"]) {
    const client = await stranger();
    client.send(`a LOGIN ${literal}\r\n`);
    await pour(client, Buffer.alloc(65_536, "x"), 2_000_000);
    assert.match(await client.untilClosed(), /^\* BYE |^$/, literal);
  }
  for (const literal of ["{5000}", "{4294967295}"]) {
    const client = await stranger();
    client.send(`a LOGIN ${literal}\r\n`);
    assert.match(await client.until(/^[^\n]*\n/), /^a NO \[TOOBIG\]|^\* BYE/, literal);
    client.end();
  }
  const client = await server.login("alice");
  for (const literal of ["{-1}", "{}", "{+}", "{1", "{1 }", "{0x10}", "{1++}", "{1-}", "{ 1}"]) {
    assert.match(await client.command(`SELECT ${literal}`), /TAG BAD/, literal);
  }
  assert.match(await client.command("SELECT {0}\r\n"), /TAG (BAD|NO)/);
  // Many small ones in one command.
  const keys = "OR SUBJECT {1+}\r\nx ".repeat(900);
  await client.command("SELECT INBOX");
  assert.match(await client.command(`SEARCH ${keys}ALL`), /TAG (OK|BAD)/);
  client.send(`m SEARCH ${"SUBJECT {1+}\r\nx ".repeat(60_000)}ALL\r\n`);
  assert.match(await client.until(/(^|\n)(m (OK|BAD|NO)|\* BYE)[^\n]*\n/), /m (OK|BAD|NO)|BYE \[TOOBIG\]/);
  client.end();
  await bystander.isWell();
});

test("an APPEND without end is taken to disk, and gone with its connection", async () => {
  const [worker] = server.pids("cyr_imapd") as [number];
  const before = memoryOf(worker).peak;
  const clients = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const client = await server.login("alice");
      client.send("a APPEND INBOX {4294967295+}\r\nSubject: endless\r\n\r\n");
      await pour(client, Buffer.alloc(262_144, "0123456789abcde\n"), 25 * mib);
      return client;
    }),
  );
  for (const client of clients) client.end();
  const stage = join(server.dir, "spool/stage.");
  await waitFor(() => !existsSync(stage) || readdirSync(stage).length === 0, "staged octets to go");
  const grown = memoryOf(worker).peak - before;
  assert.ok(grown < 100 * mib, `the worker's memory grew by ${Math.round(grown / mib)} MiB`);
  const client = await server.login("alice");
  assert.match(await client.command("STATUS INBOX (MESSAGES)"), /MESSAGES 0\)/);
  client.end();
  await bystander.isWell();
});

test("an APPEND that cannot be written to disk is refused when all of it has come, and the session goes on", async () => {
  const stage = join(server.dir, "spool/stage.");
  rmSync(stage, { recursive: true, force: true });
  writeFileSync(stage, "a file, where the directory should be");
  const client = await server.login("alice");
  const line = Buffer.from(`${"x".repeat(78)}\r\n`);
  const message = Buffer.concat([
    Buffer.from("Subject: large\r\n\r\n"),
    ...Array.from({ length: (3 * mib) / line.length }, () => line),
  ]);
  const append = async (tag: string): Promise<string> => {
    client.send(`${tag} APPEND INBOX {${message.length}+}\r\n`);
    client.send(message);
    client.send("\r\n");
    return client.until(new RegExp(`^${tag} [^\\n]*\\n`, "m"));
  };
  assert.match(await append("a1"), /^a1 NO System I\/O error\n$/);
  rmSync(stage);
  assert.match(await append("a2"), /^a2 OK \[APPENDUID \d+ \d+\] Completed\n$/);
  client.end();
  await bystander.isWell();
});

test("binary noise, before and after login", async () => {
  const random = new Random(2026);
  for (let round = 0; round < 60; round++) {
    const client = round % 2 === 0 ? await server.login("alice") : await stranger();
    const prefix = random.pick([
      "",
      "a ",
      "a SELECT ",
      "a SEARCH ",
      "a FETCH 1 ",
      "a APPEND INBOX {10}\r\n",
      'a LOGIN "',
      "a IDLE\r\n",
    ]);
    client.send(prefix);
    for (let piece = 0; piece < 4; piece++) {
      const length = 1 + random.below(4_000);
      const octets = Buffer.alloc(length);
      for (let at = 0; at < length; at++)
        octets[at] =
          random.below(6) === 0 ? random.pick([13, 10, 40, 41, 123, 125, 34, 32, 92, 42]) : random.below(256);
      client.send(octets);
    }
    client.send("\r\n\r\n");
    await sleep(2);
    client.end();
  }
  await bystander.isWell();
});

test("a session cut at each octet, by a close and by a reset", async () => {
  const text = "Subject: whole\r\n\r\nbody\r\n";
  const session =
    `a LOGIN {5+}\r\ncarol secret\r\nb SELECT INBOX\r\nc APPEND INBOX (\\Seen) {${text.length}+}\r\n${text}\r\n` +
    `d FETCH 1:* (FLAGS BODY.PEEK[])\r\ne STORE 1 +FLAGS (\\Flagged)\r\nf IDLE\r\nDONE\r\ng LOGOUT\r\n`;
  for (let first = 0; first <= session.length; first += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const length = first + index;
        const client = await stranger();
        client.send(session.slice(0, length));
        if (length % 2 === 0) {
          client.socket.end();
          await client.untilClosed();
        } else {
          await sleep(length % 5);
          client.socket.resetAndDestroy();
        }
      }),
    );
  }
  const carol = await server.login("carol");
  const count = Number(/\* (\d+) EXISTS/.exec(await carol.command("SELECT INBOX"))![1]);
  assert.ok(count > 30, `${count} messages`);
  const bodies = await carol.command("FETCH 1:* BODY.PEEK[]");
  assert.equal(bodies.split(`{${text.length}}\n${text.replaceAll("\r\n", "\n")}`).length - 1, count);
  carol.end();
  await bystander.isWell();
});

test("thousands of commands at once, without reading the answers", async () => {
  const client = await ImapClient.login(server.imapPort, "alice");
  await client.command("SELECT INBOX");
  client.socket.pause();
  let text = "";
  for (let n = 0; n < 20_000; n++) text += `x${n} LIST "" *\r\n`;
  client.send(text);
  await bystander.during(() => sleep(300));
  client.socket.resume();
  await client.until(/\nx19999 OK [^\n]*\n/, 60_000);
  client.end();
  await bystander.isWell();
});
