/** News of an IDLE session that take more than a step: told in order, whole, and apart from what the client sends meanwhile. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";

const messages = 5_000;
let server: RunningServer;
let writer: ImapClient;
before(async () => {
  server = await startServer({ users: ["alice"] });
  writer = await server.login("alice");
  const one = "Subject: x\r\n\r\nx\r\n";
  for (let left = messages; left > 0; left -= 1_000)
    assert.match(await writer.command(`APPEND INBOX${` {${one.length}+}\r\n${one}`.repeat(1_000)}`), /TAG OK/);
  assert.match(await writer.command("SELECT INBOX"), new RegExp(`\\* ${messages} EXISTS`));
});
after(async () => {
  writer?.end();
  await server?.stop();
});

async function idler(): Promise<ImapClient> {
  const client = await server.login("alice");
  await client.command("SELECT INBOX");
  client.send("i IDLE\r\n");
  await client.until(/\+ [^\n]*\n/);
  return client;
}

/** Last flags told of each message number. @throws when a line of FETCH is anything but flags */
function flagsTold(text: string): Map<number, string> {
  const told = new Map<number, string>();
  for (const line of text.split("\n")) {
    if (!/^\* \d+ FETCH/.test(line)) continue;
    const match = /^\* (\d+) FETCH \(FLAGS \(([^)]*)\)\)$/.exec(line);
    assert.ok(match, line);
    told.set(Number(match[1]), match[2]!);
  }
  return told;
}

function assertAll(told: Map<number, string>, flag: string): void {
  assert.equal(told.size, messages);
  for (let seqno = 1; seqno <= messages; seqno++)
    assert.ok(told.get(seqno)?.includes(flag), `${seqno}: ${told.get(seqno)}`);
}

test("all of it comes in IDLE, of its own accord", async () => {
  const client = await idler();
  assert.match(await writer.command("STORE 1:* +FLAGS.SILENT (\\Flagged)"), /TAG OK/);
  assertAll(flagsTold(await client.until(new RegExp(`\\* ${messages} FETCH [^\n]*\n`))), "\\Flagged");
  client.send("DONE\r\n");
  assert.equal(await client.until(/(^|\n)i OK[^\n]*\n/).then((text) => /^\* \d+ FETCH/m.test(text)), false);
  client.end();
});

test("what changes while IDLE begins with a lot to tell is told as well", async () => {
  const client = await server.login("alice");
  await client.command("SELECT INBOX");
  assert.match(await writer.command("STORE 1:* +FLAGS.SILENT (\\Draft)"), /TAG OK/);
  client.send("i IDLE\r\n");
  await client.until(/\* 1 FETCH [^\n]*\n/);
  assert.match(await writer.command("STORE 1 -FLAGS.SILENT (\\Draft)"), /TAG OK/);
  assert.doesNotMatch(await client.until(/\* 1 FETCH [^\n]*\n/), /\* 1 FETCH [^\n]*Draft/);
  client.end();
});

test("DONE in the middle of it, and commands right behind", async () => {
  const client = await idler();
  const stored = writer.command("STORE 1:* +FLAGS.SILENT (\\Answered)");
  let text = await client.until(/\* 1 FETCH [^\n]*\n/);
  client.send("DONE\r\na FETCH 1:3 (UID FLAGS)\r\nb NOOP\r\nc SEARCH UNANSWERED\r\n");
  text += await client.until(/(^|\n)i OK[^\n]*\n/);
  const fetched = await client.until(/(^|\n)a OK[^\n]*\n/);
  text += await client.until(/(^|\n)b OK[^\n]*\n/);
  text += await client.until(/(^|\n)c OK[^\n]*\n/);
  assert.match(await stored, /TAG OK/);
  text += await client.command("NOOP");
  assertAll(flagsTold(text + fetched.replaceAll(/^\* \d+ FETCH \([^\n]*UID[^\n]*\n/gm, "")), "\\Answered");
  for (const seqno of [1, 2, 3]) assert.match(fetched, new RegExp(`\\* ${seqno} FETCH \\([^\n]*UID ${seqno}\\b`));
  assert.match(await client.command("SEARCH UNANSWERED"), /^\* SEARCH\nTAG OK/);
  client.end();
});

test("an EXPUNGE behind it keeps the message numbers right", async () => {
  const client = await idler();
  assert.match(await writer.command("STORE 1:* +FLAGS.SILENT (\\Seen)"), /TAG OK/);
  assert.match(await writer.command("STORE 1,2500 +FLAGS.SILENT (\\Deleted)"), /TAG OK/);
  assert.match(await writer.command("EXPUNGE"), /TAG OK/);
  client.send("DONE\r\n");
  const text = (await client.until(/(^|\n)i OK[^\n]*\n/)) + (await client.command("NOOP"));
  // What each uid was told to be, by the numbers it had at the time: uids are 1 to 5000 here.
  const uids = Array.from({ length: messages }, (_, n) => n + 1);
  const flags = new Map<number, string>();
  for (const line of text.split("\n")) {
    const expunged = /^\* (\d+) EXPUNGE$/.exec(line);
    if (expunged !== null) uids.splice(Number(expunged[1]) - 1, 1);
    const fetched = /^\* (\d+) FETCH \(FLAGS \(([^)]*)\)\)$/.exec(line);
    if (fetched !== null) flags.set(uids[Number(fetched[1]) - 1]!, fetched[2]!);
  }
  assert.deepEqual(uids.slice(0, 2), [2, 3]);
  assert.equal(uids.length, messages - 2);
  assert.ok(!uids.includes(2_500));
  for (const uid of uids)
    assert.ok(flags.get(uid)?.includes("\\Seen") && !flags.get(uid)?.includes("Deleted"), `${uid}`);
  assert.match(await client.command("FETCH 2499 UID"), /\* 2499 FETCH \(UID 2501\)/);
  client.end();
});
