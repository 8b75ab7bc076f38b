/** Input that no MTA should send: every connection gets the right error or a clean end, and other mail goes on. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../simulation/random.ts";
import { memoryOf, type RunningServer, startServer, waitFor } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";
import { sleep } from "./bystander.ts";

const mib = 1_048_576;
let server: RunningServer;
let other: WireClient;
let worker: number;

before(async () => {
  server = await startServer({ users: ["alice", "bob"] });
  other = await open();
  worker = server.pids("cyr_lmtpd")[0]!;
});
after(async () => {
  other?.end();
  await server?.stop();
});

async function open(): Promise<WireClient> {
  const client = new WireClient(server.lmtpPort);
  await client.until(/^220 [^\n]*\n/);
  client.send("LHLO test.example.org\r\n");
  await client.until(/250 [^\n]*\n/);
  return client;
}

async function ask(client: WireClient, line: string): Promise<string> {
  client.send(`${line}\r\n`);
  return client.until(/(^|\n)\d\d\d [^\n]*\n/);
}

let delivered = 0;
/** Another connection still delivers; the process is the same; no fault was logged. */
async function othersAreWell(): Promise<void> {
  assert.match(await ask(other, "MAIL FROM:<>"), /^250/);
  assert.match(await ask(other, "RCPT TO:<bob>"), /^250/);
  assert.match(await ask(other, "DATA"), /^354/);
  delivered++;
  assert.match(await ask(other, `Message-ID: <${delivered}@example.org>\r\n\r\nx\r\n.`), /^250/);
  assert.ok(server.pids("cyr_lmtpd").includes(worker), "the worker has ended");
  assert.deepEqual(server.faults(), []);
}

async function pour(client: WireClient, piece: Buffer, octets: number): Promise<void> {
  for (let sent = 0; sent < octets && !client.closed; sent += piece.length) {
    if (client.socket.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        client.socket.off("drain", done).off("close", done);
        resolve();
      };
      client.socket.on("drain", done).on("close", done);
    });
  }
}

test("lines that are no commands, wrong order, wrong addresses", async () => {
  const client = await open();
  const lines: readonly [string, RegExp][] = [
    ["", /^5/],
    ["HELO x", /^5/],
    ["EHLO x", /^5/],
    ["\0\x01\x02", /^5/],
    ["\xff\xfe", /^5/],
    ["RCPT TO:<alice>", /^503/],
    ["DATA", /^503/],
    ["MAIL", /^5/],
    ["MAIL FROM:", /^5/],
    ["MAIL FROM:<a@b", /^5/],
    ["MAIL FROM:<a\0b@c>", /^5/],
    ["MAIL FROM:<a@b> SIZE=99999999999999999999", /^[25]/],
    ["RSET", /^250/],
    ["MAIL FROM:<a@b> SIZE=x", /^5/],
    ["MAIL FROM:<a@b> NONSENSE=1", /^5/],
    [`MAIL FROM:<${"a".repeat(3_000)}@b>`, /^[25]/],
    ["RSET", /^250/],
    ["MAIL FROM:<a@b>", /^250/],
    ["MAIL FROM:<a@b>", /^5/],
    ["DATA", /^[45]/],
    ["RCPT TO:<>", /^5/],
    ["RCPT TO:<nobody>", /^550/],
    ["RCPT TO:<../../etc/passwd>", /^5/],
    ["RCPT TO:<alice\r>", /^5/],
    ["RCPT TO:<alice\x07>", /^5/],
    ["RCPT TO:<user.alice>", /^5/],
    [`RCPT TO:<${"a".repeat(5_000)}>`, /^5/],
    ["RCPT TO:<__proto__>", /^550/],
    ["RCPT TO:<constructor>", /^550/],
    ["NOOP", /^250/],
  ];
  for (const [line, answer] of lines) assert.match(await ask(client, line), answer, JSON.stringify(line));
  client.end();
  await othersAreWell();
});

test("lines of 10 MB, noise, half commands, disconnects", async () => {
  const before = memoryOf(worker).peak;
  for (const start of ["", "MAIL FROM:<", "RCPT TO:<", "LHLO "]) {
    const client = await open();
    client.send(start);
    await pour(client, Buffer.alloc(65_536, "x"), 10_000_000);
    client.end();
  }
  const random = new Random(11);
  for (let round = 0; round < 20; round++) {
    const client = await open();
    if (round % 2 === 0) client.send("MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
    client.send(Buffer.from(Array.from({ length: 3_000 }, () => (random.below(9) ? random.below(256) : 10))));
    await sleep(2);
    client.end();
  }
  const session = "MAIL FROM:<a@b>\r\nRCPT TO:<alice>\r\nDATA\r\nSubject: cut\r\n\r\nx\r\n.\r\n";
  for (let length = 0; length < session.length - 1; length++) {
    const client = await open();
    client.send(session.slice(0, length));
    if (length % 2 === 0) client.socket.resetAndDestroy();
    else client.socket.end();
  }
  assert.ok(memoryOf(worker).peak - before < 100 * mib);
  await othersAreWell();
  const alice = await server.login("alice");
  assert.match(await alice.command("STATUS INBOX (MESSAGES)"), /MESSAGES 0\)/);
  alice.end();
});

test("DATA without end costs disk, not memory, and leaves nothing", async () => {
  const before = memoryOf(worker).peak;
  const clients = await Promise.all(
    Array.from({ length: 4 }, async (_, index) => {
      const client = await open();
      client.send("MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
      await client.until(/354[^\n]*\n/);
      await pour(client, Buffer.alloc(262_144, index % 2 ? "0123456789abcd\r\n" : "x"), 25 * mib);
      return client;
    }),
  );
  await othersAreWell();
  for (const client of clients) client.end();
  const stage = join(server.dir, "spool/stage.");
  await waitFor(() => !existsSync(stage) || readdirSync(stage).length === 0, "staged octets to go");
  const grown = memoryOf(worker).peak - before;
  assert.ok(grown < 100 * mib, `${Math.round(grown / mib)} MiB`);
  await othersAreWell();
});

test("10,000 RCPT, and the same one again and again", async () => {
  const client = await open();
  assert.match(await ask(client, "MAIL FROM:<a@b>"), /^250/);
  client.send("RCPT TO:<alice>\r\nRCPT TO:<nobody>\r\n".repeat(5_000));
  client.send("NOOP\r\n");
  const text = await client.until(/250 (2\.0\.0|OK|ok)[^\n]*\n$/, 30_000).catch(() => client.text);
  assert.match(text, /550/);
  client.end();
  await othersAreWell();
});

test("messages with NUL, bare line ends, dots, lines of 5 MB: taken whole or refused, never changed in the middle", async () => {
  const messages = [
    "Subject: nul\r\n\r\na\0b\r\n",
    "Subject: bare\n\nline\nends\n",
    "Subject: cr\r\rx\r\n",
    "Subject: dots\r\n\r\n..\r\n...\r\n..x\r\n",
    `Subject: long\r\n\r\n${"y".repeat(5_000_000)}\r\n`,
    `${"X".repeat(1_000_000)}: v\r\n\r\n\r\n`,
    "",
    "no header at all\r\n",
    "Subject: eight \xe9\xff\r\n\r\n\xe9\r\n",
  ];
  for (const text of messages) {
    const client = await open();
    client.send("MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
    await client.until(/354[^\n]*\n/);
    client.send(`${text}\r\n.\r\n`);
    assert.match(await client.until(/\n?\d\d\d [^\n]*\n/), /^(250|55\d|45\d)/, text.slice(0, 20));
    client.end();
  }
  const alice = await server.login("alice");
  await alice.command("SELECT INBOX");
  assert.match(await alice.command("FETCH 1:* (RFC822.SIZE ENVELOPE BODYSTRUCTURE)"), /TAG OK/);
  assert.match(await alice.command("SEARCH SUBJECT dots"), /SEARCH \d+\n/);
  alice.end();
  await othersAreWell();
});

test("a smuggled end of data is none (bare CR or LF around the dot)", async () => {
  for (const end of ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r.\r\n"]) {
    const client = await open();
    client.send("MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
    await client.until(/354[^\n]*\n/);
    client.send(
      `Subject: outer\r\n\r\nx${end}MAIL FROM:<evil@b>\r\nRCPT TO:<bob>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n`,
    );
    await client.until(/(250|5\d\d) [^\n]*\n/);
    await ask(client, "NOOP");
    client.end();
  }
  const bob = await server.login("bob");
  await bob.command("SELECT INBOX");
  assert.match(await bob.command("SEARCH SUBJECT smuggled"), /SEARCH\n/);
  bob.end();
  await othersAreWell();
});
