import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { canonicalAddress, isLoopback, peerText } from "./peer.ts";
import { Telemetry } from "./telemetry.ts";

test("addresses and their text", () => {
  assert.equal(canonicalAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalAddress("FE80::1%eth0"), "fe80::1");
  assert.equal(peerText("192.0.2.1"), "[192.0.2.1]");
  assert.equal(peerText("192.0.2.1", "client.example.org"), "client.example.org [192.0.2.1]");
  assert.equal(peerText("192.0.2.1", "evil\r\n[127.0.0.1]"), "[192.0.2.1]");
  assert.equal(peerText(""), "[local]");
  for (const address of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", ""])
    assert.equal(isLoopback(address), true);
  for (const address of ["128.0.0.1", "::2", "10.0.0.1", "nonsense"]) assert.equal(isLoopback(address), false);
});

test("telemetry: only with the directory, 0600, secrets redacted, no way out of log/", async () => {
  const directory = mkdtempSync(join(tmpdir(), "telemetry-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const open = (userid: string): Telemetry | undefined =>
    Telemetry.open({
      configDirectory: directory,
      userid,
      fileName: "imap-1.1",
      onError: assert.ifError,
      now: () => 5_000,
    });
  assert.equal(open("fred"), undefined);
  mkdirSync(join(directory, "log", "fred"), { recursive: true });
  mkdirSync(join(directory, "fred"));
  assert.equal(open("../fred"), undefined);
  assert.equal(open(".."), undefined);
  const telemetry = open("fred")!;
  telemetry.received(Buffer.from("a1 NOOP\r\n"), false);
  telemetry.sent(Buffer.from("a1 OK\r\n"));
  telemetry.received(Buffer.from("c2VjcmV0\r\n"), true);
  telemetry.received(Buffer.from("a2 LOG"), false);
  telemetry.received(Buffer.from("IN fred secret\r\n"), false);
  await telemetry.close();
  const path = join(directory, "log", "fred", "imap-1.1");
  const text = readFileSync(path, "latin1");
  assert.match(text, /^---------- fred \w{3} \w{3} \d{2} \d{2}:\d{2}:\d{2} \d{4}\n\n/);
  assert.ok(text.includes("\n<5<a1 NOOP\r\n\n>5>a1 OK\r\n\n<5<[redacted]\r\n\n<5<a2 LOG\n<5<IN [redacted]\r\n"));
  assert.equal(statSync(path).mode & 0o777, 0o600);
});
