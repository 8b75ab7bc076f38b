/** How sessions end when it is not the client that ends them; and TLS. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { makeCertificate } from "../../src/server/tls/make-certificate.ts";
import { startImapServer } from "../support/imap-server.ts";
import { startMailStore } from "../support/mail-store.ts";
import { ImapClient, WireClient } from "../support/wire-client.ts";

async function stage(t: TestContext, imapdConf = "", flags: readonly string[] = []) {
  const store = await startMailStore({ imapdConf });
  await store.create("user.alice");
  const server = await startImapServer(store, flags);
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await server.stop();
  };
  t.after(async () => {
    await stop();
    await store.stop();
  });
  return { store, server, stop };
}

test("a shutdown file ends sessions at their next command, but not administrators'", async (t) => {
  const { store, server } = await stage(t);
  const alice = await ImapClient.login(server.port, "alice");
  const cyrus = await ImapClient.login(server.port, "cyrus");
  const file = join(store.config.configdirectory, "msg/shutdown");
  writeFileSync(file, "System going down for [maintenance]\nsecond line\n");
  alice.send("a NOOP\r\n");
  assert.equal(await alice.untilClosed(), "* BYE [ALERT] System going down for [maintenance]\n");
  assert.match(await cyrus.command("NOOP"), /TAG OK/);
});

test("the message of the day follows the greeting, and cannot look like a response code", async (t) => {
  const { store, server } = await stage(t);
  writeFileSync(join(store.config.configdirectory, "msg/motd"), "[[Hello motd\nsecond line\n");
  const greeted = new WireClient(server.port);
  assert.match(await greeted.until(/motd\r\n/), /^\* OK \[CAPABILITY [^\n]*\n\* OK \[ALERT\] Hello motd\n$/);
});

test("a worker that ends says goodbye, also to sessions in IDLE and between commands", async (t) => {
  const { server, stop } = await stage(t);
  const resting = await ImapClient.login(server.port, "alice");
  const idle = await ImapClient.login(server.port, "alice");
  idle.send("i IDLE\r\n");
  await idle.until(/\+ idling\r\n/);
  const stranger = await ImapClient.open(server.port);
  await stop();
  for (const client of [resting, idle, stranger])
    assert.equal(await client.untilClosed(), "* BYE Server shutting down\n");
});

test("a client that closes its side at once gets all its answers", async (t) => {
  const { server } = await stage(t);
  const client = new WireClient(server.port);
  await client.until(/\n/);
  client.socket.end("a LOGIN alice secret\r\nb SELECT INBOX\r\nc FETCH 1:* FLAGS\r\nd NOOP\r\n");
  const text = await client.untilClosed();
  assert.match(text, /^a OK [^]*^b OK [^]*^c NO [^]*^d OK Completed\n$/m);
});

test("serverinfo decides what the greeting says", async (t) => {
  const { server } = await stage(t, "serverinfo: min");
  const client = new WireClient(server.port);
  assert.match(await client.until(/\n/), /^\* OK \[CAPABILITY [^\]]*\] mail\.example\.com server ready\n$/);
});

test("without plaintext LOGIN is off, until there is TLS", async (t) => {
  const { store, server } = await stageWithTls(t, "allowplaintext: no");
  const client = new WireClient(server.port);
  assert.match(await client.until(/\n/), /\[CAPABILITY IMAP4rev1 LITERAL\+ ID ENABLE STARTTLS LOGINDISABLED SASL-IR\]/);
  client.send("a LOGIN alice secret\r\n");
  assert.equal(await client.until(/\n/), "a NO Login only available under a layer\n");
  client.send("b STARTTLS\r\n");
  assert.equal(await client.until(/\n/), "b OK Begin TLS negotiation now\n");
  client.socket.removeAllListeners("data");
  const secure = connectTls({ socket: client.socket, ca: store.certificate, servername: "mail.example.com" });
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    secure.on("error", reject);
    secure.on("secureConnect", () => secure.write("c CAPABILITY\r\nd LOGIN alice secret\r\ne STARTTLS\r\n"));
    secure.on("data", (octets: Buffer) => {
      text += octets.toString();
      if (/^e [^\n]*\n/m.test(text)) resolve(text);
    });
  });
  assert.match(answer, /^\* CAPABILITY IMAP4rev1 [^\n]* AUTH=PLAIN AUTH=LOGIN SASL-IR/);
  assert.ok(!answer.includes("STARTTLS AUTH"));
  assert.match(answer, /^d OK .*User logged in/m);
  assert.match(answer, /^e BAD Can't Starttls after authentication/m);
  secure.destroy();
});

test("octets sent ahead of STARTTLS end the connection", async (t) => {
  const { server } = await stageWithTls(t);
  const client = new WireClient(server.port);
  await client.until(/\n/);
  client.send("a STARTTLS\r\nb LOGIN alice secret\r\n");
  assert.equal(await client.untilClosed(), "");
});

test("imaps: TLS from the first octet", async (t) => {
  const { store, server } = await stageWithTls(t, "", ["-s"]);
  const secure = connectTls({
    port: server.port,
    host: "127.0.0.1",
    ca: store.certificate,
    servername: "mail.example.com",
  });
  const text = await new Promise<string>((resolve, reject) => {
    secure.on("error", reject);
    secure.once("data", (octets: Buffer) => resolve(octets.toString()));
  });
  assert.match(text, /^\* OK \[CAPABILITY IMAP4rev1 LITERAL\+ ID ENABLE AUTH=PLAIN AUTH=LOGIN SASL-IR\]/);
  secure.destroy();
});

async function stageWithTls(t: TestContext, imapdConf = "", flags: readonly string[] = []) {
  const { cert: certificate, key } = makeCertificate({ commonName: "mail.example.com" });
  const directory = mkdtempSync(join(tmpdir(), "pasargad-tls-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "cert.pem"), certificate);
  writeFileSync(join(directory, "key.pem"), key);
  const tls = `tls_server_cert: ${directory}/cert.pem\ntls_server_key: ${directory}/key.pem`;
  const { store, server } = await stage(t, `${tls}\n${imapdConf}`, flags);
  return { store: { ...store, certificate }, server };
}
