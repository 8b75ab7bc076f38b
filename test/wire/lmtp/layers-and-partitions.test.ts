/** STARTTLS, and messages for mailboxes of several partitions. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import type { MboxName } from "../../../src/formats/ids.ts";
import { makeCertificate } from "../../../src/server/tls/make-certificate.ts";
import { LmtpTestClient, startLmtpServer } from "../../support/lmtp-server.ts";
import { admin, type MailStore, startMailStore } from "../../support/mail-store.ts";

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "pasargad-lmtp-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function serve(t: TestContext, store: MailStore, flags: readonly string[]) {
  const server = await startLmtpServer(store, { flags });
  t.after(async () => {
    await server.stop();
    await store.stop();
  });
  return server;
}

test("STARTTLS: LHLO is said again, and the layer shows in Received", async (t) => {
  const place = directory(t);
  const { cert, key } = makeCertificate({ commonName: "mail.example.com" });
  writeFileSync(join(place, "cert.pem"), cert);
  writeFileSync(join(place, "key.pem"), key, { mode: 0o600 });
  const store = await startMailStore({
    imapdConf: `tls_server_cert: ${place}/cert.pem\ntls_server_key: ${place}/key.pem`,
  });
  await store.create("user.alice");
  const server = await serve(t, store, []);
  const plain = await server.connect();
  assert.match(await plain.say("LHLO x"), /\n250-STARTTLS\n/);
  assert.equal(await plain.say("STARTTLS"), "220 Begin TLS negotiation now");
  plain.socket.removeAllListeners("data");
  const secure = new LmtpTestClient(connect({ socket: plain.socket, rejectUnauthorized: false }));
  assert.doesNotMatch(await secure.say("LHLO x"), /STARTTLS/);
  assert.equal(await secure.say("STARTTLS"), "503 5.5.0 TLS is active already");
  assert.equal(await secure.say(`AUTH PLAIN ${Buffer.from("\0cyrus\0x").toString("base64")}`), "235 Authenticated!");
  assert.match((await secure.deliver("Subject: x\r\n\r\nbody\r\n", ["alice"]))[0]!, /^250 2\.1\.5/);
  const [octets] = await stored(store, "user.alice");
  assert.match(octets!, /\r\n\t \(version=TLSv1\.3 cipher=\S+ bits=\d+\/\d+ verify=NO\)\r\n\t by .* with LMTPSA;/);
  secure.socket.destroy();
});

test("octets sent ahead of STARTTLS end the connection", async (t) => {
  const place = directory(t);
  const { cert, key } = makeCertificate({ commonName: "mail.example.com" });
  writeFileSync(join(place, "cert.pem"), cert);
  writeFileSync(join(place, "key.pem"), key, { mode: 0o600 });
  const store = await startMailStore({
    imapdConf: `tls_server_cert: ${place}/cert.pem\ntls_server_key: ${place}/key.pem`,
  });
  const server = await serve(t, store, []);
  const client = await server.connect();
  client.send("STARTTLS\r\nLHLO x\r\n");
  assert.equal(await client.reply(), "EOF");
});

test("a large message for two partitions is in both, and a small one too", async (t) => {
  const place = directory(t);
  mkdirSync(join(place, "second"));
  const store = await startMailStore({ imapdConf: `partition-second: ${place}/second` });
  await store.create("user.alice", "user.bob");
  await store.mail.as(admin).ask("mailboxes.create", { name: "user.carol" as MboxName, partition: "second" });
  const server = await serve(t, store, ["-a"]);
  const client = await server.connect();
  for (const body of ["small\r\n", "0123456789abcdef\r\n".repeat(40_000)]) {
    for (const order of [
      ["alice", "carol", "bob"],
      ["carol", "alice", "bob"],
    ]) {
      for (const reply of await client.deliver(`Subject: x\r\n\r\n${body}`, order)) assert.match(reply, /^250 2\.1\.5/);
    }
  }
  for (const name of ["user.alice", "user.bob", "user.carol"]) {
    const all = await stored(store, name);
    assert.equal(all.length, 4);
    assert.ok(all[3]!.endsWith("89abcdef\r\n"));
  }
  for (const stage of [join(store.directory, "spool/stage."), join(place, "second/stage.")])
    assert.deepEqual(readdirSync(stage), []);
  client.socket.destroy();
});

async function stored(store: MailStore, name: string): Promise<string[]> {
  await store.mail.settle();
  const { entry, last } = store.mail.view((snapshot) => {
    const found = snapshot.entry(name as MboxName)!;
    return { entry: found, last: snapshot.header(found.mbox!)!.lastUid };
  });
  const { uniqueId, partition } = entry;
  const root = join(store.mail.partitionRoot(partition), "uuid", uniqueId[0]!, uniqueId[1]!, uniqueId);
  return Array.from({ length: last }, (_, n) => readFileSync(join(root, `${n + 1}.`), "latin1"));
}
