/** MTAs' ways of handing mail over by LMTP: swaks, and Postfix's load generator in LMTP mode. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { requirePeer, runPeer, runPeerWell } from "./require-peer.ts";

const hasLmtp = existsSync(resolve(import.meta.dirname, "../../../src/programs/cyr_lmtpd.ts"));
let server: RunningServer;
before(async () => {
  server = await startServer({ users: ["alice", "bob"], prefork: 2 });
});
after(() => server.stop());

function require(t: TestContext, program: string, debianPackage: string): string | undefined {
  if (hasLmtp) return requirePeer(t, program, debianPackage);
  t.skip("this version has no cyr_lmtpd");
  return undefined;
}

test("swaks: two recipients over TCP, a refused one among them, and over the Unix socket", async (t) => {
  const swaks = require(t, "swaks", "swaks");
  if (swaks === undefined) return;
  const common = ["--protocol", "LMTP", "--from", "anna@example.org", "--h-Subject"];
  const tcp = ["--server", `127.0.0.1:${server.lmtpPort}`];
  await runPeerWell(swaks, [...common, "by TCP", ...tcp, "--to", "alice,bob"]);
  await runPeerWell(swaks, [...common, "by socket", "--socket", server.lmtpSocket, "--to", "alice"]);
  const mixed = await runPeer(swaks, [...common, "to some", ...tcp, "--to", "alice,nobody"]);
  assert.match(mixed.stdout, /<\*\* 550[- ]5\.1\.1|<\*\* 550-Mailbox unknown/);

  const alice = await server.login("alice");
  assert.match(await alice.command("SELECT INBOX"), /\* 3 EXISTS/);
  const list = await alice.command("FETCH 1:3 BODY.PEEK[HEADER]");
  for (const subject of ["by TCP", "by socket", "to some"]) assert.match(list, new RegExp(`Subject: ${subject}\n`));
  assert.match(list, /Return-Path: <anna@example\.org>/);
  assert.match(list, /Received: .*[^]*LMTP/);
  const bob = await server.login("bob");
  assert.match(await bob.command("STATUS INBOX (MESSAGES)"), /MESSAGES 1\)/);
  for (const client of [alice, bob]) client.end();
});

test("smtp-source: a thousand messages over ten connections, while a session in IDLE watches", async (t) => {
  const smtpSource = require(t, "smtp-source", "postfix");
  if (smtpSource === undefined) return;
  const watcher = await server.login("bob");
  const before = Number(/\* (\d+) EXISTS/.exec(await watcher.command("SELECT INBOX"))![1]);
  watcher.send("i IDLE\r\n");
  await watcher.until(/\+ [^\n]*\n/);
  const args = ["-L", "-s", "10", "-m", "1000", "-l", "4000", "-f", "anna@example.org", "-t", "bob"];
  await runPeerWell(smtpSource, [...args, `inet:127.0.0.1:${server.lmtpPort}`]);
  await watcher.until(new RegExp(`\\* ${before + 1_000} EXISTS\r\n`));
  watcher.send("DONE\r\n");
  await watcher.until(/i OK/);
  assert.match(await watcher.command("UID SEARCH RETURN (COUNT) ALL"), new RegExp(`COUNT ${before + 1_000}`));
  const sizes = await watcher.command(`FETCH ${before + 1}:* RFC822.SIZE`);
  assert.equal(sizes.match(/RFC822\.SIZE [4-9]\d{3}\)/g)?.length, 1_000);
  assert.deepEqual(server.faults(), []);
  watcher.end();
});
