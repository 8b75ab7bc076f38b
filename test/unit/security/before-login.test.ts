/** What somebody who has not logged in may cost: design clauses on limits, layers and PROXY headers, on the wire. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { after, before, test } from "node:test";
import { silentLog } from "../../../src/base/log.ts";
import * as limits from "../../../src/server/limits/limits.ts";
import { Connection } from "../../../src/server/connection/index.ts";
import { HostAccess } from "../../../src/server/limits/tcp-wrappers.ts";
import { makeCertificate } from "../../../src/server/tls/make-certificate.ts";
import { type ImapServer, startImapServer } from "../../support/imap-server.ts";
import { type MailStore, startMailStore } from "../../support/mail-store.ts";
import { WireClient } from "../../support/wire-client.ts";

let store: MailStore;
let server: ImapServer;

before(async () => {
  store = await startMailStore({
    imapdConf: "tls_server_cert: {configdirectory}/cert.pem\ntls_server_key: {configdirectory}/key.pem",
  });
  const { cert, key } = makeCertificate({ commonName: "mail.example.com" });
  const { configdirectory } = store.config;
  writeFileSync(join(configdirectory, "cert.pem"), cert);
  writeFileSync(join(configdirectory, "key.pem"), key, { mode: 0o600 });
  await store.create("user.alice");
  server = await startImapServer(store);
});
after(async () => {
  await server.stop();
  await store.stop();
});

async function stranger(port = server.port): Promise<WireClient> {
  const client = new WireClient(port);
  await client.until(/^\* OK [^\n]*\n/);
  return client;
}

test("the limits before login are those that were promised", () => {
  assert.equal(limits.preLoginLineOctets, 8_192);
  assert.equal(limits.saslLineOctets, 8_192);
  assert.equal(limits.preLoginLiteralOctets, 4_096);
  assert.equal(limits.loginTimeoutMs, 60_000);
  assert.equal(limits.preLoginCommands, 20);
  assert.equal(limits.tlsHandshakeTimeoutMs, 30_000);
  assert.ok(limits.preLoginConnectionsPerAddress <= 256);
  assert.equal(limits.preLoginAheadOctets, 16_384);
});

test("who waits for the answer to a failed login is not read ahead without end", async (context) => {
  const readAtPause: number[] = [];
  const pause = Connection.prototype.pause;
  context.mock.method(Connection.prototype, "pause", function (this: Connection) {
    readAtPause.push(this.octetsIn);
    pause.call(this);
  });
  const slow = await startMailStore({ imapdConf: "failedloginpause: 1" });
  const pausing = await startImapServer(slow);
  context.after(async () => {
    await pausing.stop();
    await slow.stop();
  });
  const client = await stranger(pausing.port);
  // A name that is none fails without a password check, and waits all the same.
  client.send(`a LOGIN b* x\r\n`);
  client.send("a NOOP\r\n".repeat(100_000));
  await client.untilClosed();
  // A chunk of the socket is read whole.
  assert.ok(readAtPause[0]! <= limits.preLoginAheadOctets + 65_536 + 64, `${readAtPause[0]} octets`);
});

test("a line of 8 KiB and a literal of 4 KiB are the longest", async () => {
  const client = await stranger();
  client.send(`a LOGIN alice {4096+}\r\n${"x".repeat(4_096)}\r\n`);
  assert.match(await client.until(/a [^\n]*\n/), /^a OK /m);
  const literal = await stranger();
  literal.send("a LOGIN alice {4097}\r\n");
  assert.match(await literal.until(/\n/), /^a NO \[TOOBIG\]/);
  literal.send("b LOGIN alice {4097+}\r\n");
  assert.match(await literal.untilClosed(), /^\* BYE \[TOOBIG\]/);
  const line = await stranger();
  line.send(`a NOOP ${"x".repeat(8_192)}`);
  assert.match(await line.untilClosed(), /^\* BYE /);
  const sasl = await stranger();
  sasl.send("a AUTHENTICATE PLAIN\r\n");
  await sasl.until(/^\+ [^\n]*\n/);
  sasl.send("A".repeat(8_194));
  assert.match(await sasl.untilClosed(), /^\* BYE /);
});

test("many small literals do not make a large command", async () => {
  const client = await stranger();
  client.send(`a ID (${'"f" {1000+}\r\n'.concat("x".repeat(1_000), " ").repeat(9)}`);
  assert.match(await client.untilClosed(), /^\* BYE \[TOOBIG\]/);
});

test("twenty commands, whatever becomes of them", async () => {
  for (const line of ["a NOOP", "", "a", "a LOGIN x y z", "a NOSUCH", "a LOGIN {9999}", "* x"]) {
    const client = await stranger();
    client.send(`${line}\r\n`.repeat(25));
    const lines = (await client.untilClosed()).trimEnd().split("\n");
    assert.equal(lines.at(-1), "* BYE Too many commands before login", line);
    assert.equal(lines.length, 21, line);
  }
});

test("time before login is not won by sending something", async () => {
  const own = await startImapServer(store, [], { loginTimeoutMs: 60, tickMs: 10 });
  try {
    const client = await stranger(own.port);
    const dribble = setInterval(() => client.send("x"), 5);
    assert.match(await client.untilClosed(), /^\* BYE /);
    clearInterval(dribble);
    const commands = await stranger(own.port);
    const noops = setInterval(() => commands.send("a NOOP\r\n"), 15);
    assert.match(await commands.untilClosed(), /\* BYE idle for too long\n$/);
    clearInterval(noops);
  } finally {
    await own.stop();
  }
});

test("octets sent ahead of STARTTLS end the session, and are not taken for commands inside", async () => {
  const client = await stranger();
  client.send("a STARTTLS\r\nb LOGIN alice secret\r\n");
  assert.equal(await client.untilClosed(), "");
  const half = await stranger();
  half.send("a STARTTLS\r\nb");
  assert.equal(await half.untilClosed(), "");
});

test("inside TLS it is a new session: STARTTLS once, commands still counted", async () => {
  const client = await stranger();
  client.send("a STARTTLS\r\n");
  await client.until(/^a OK [^\n]*\n/);
  client.socket.removeAllListeners("data");
  const socket = tlsConnect({ socket: client.socket, rejectUnauthorized: false });
  let text = "";
  socket.on("data", (octets: Buffer) => (text += octets.toString()));
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.write("b STARTTLS\r\n".repeat(25));
  await closed;
  assert.equal(text.match(/^b BAD /gm)?.length, 19);
  assert.match(text, /\* BYE Too many commands before login/);
});

test("no layer is offered that the limits do not cover", async () => {
  const client = await stranger();
  client.send("a CAPABILITY\r\nb COMPRESS DEFLATE\r\n");
  const text = await client.until(/^b [^\n]*\n/m);
  assert.doesNotMatch(text, /COMPRESS=/);
  assert.match(text, /^b BAD /m);
});

test("a PROXY header without -H is no header, and with -H there must be one", async () => {
  const client = await stranger();
  client.send("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n");
  assert.match(await client.until(/\n/), /^PROXY BAD /);
  const behind = await startImapServer(store, ["-H"]);
  try {
    const without = new WireClient(behind.port);
    without.send("a NOOP\r\n");
    assert.equal(await without.untilClosed(), "");
    const withHeader = new WireClient(behind.port);
    withHeader.send("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n");
    assert.match(await withHeader.until(/\n/), /^\* OK /);
    withHeader.send("PROXY TCP4 192.0.2.8 127.0.0.1 1 2\r\n");
    assert.match(await withHeader.until(/\n/), /^PROXY BAD /);
  } finally {
    await behind.stop();
  }
});

test("hosts.deny closes before a greeting, for the services it names, by the address in the PROXY header", async () => {
  const [allow, deny] = [join(store.directory, "hosts.allow"), join(store.directory, "hosts.deny")];
  writeFileSync(allow, "imap: 192.0.2.1\n");
  writeFileSync(deny, "imap: 192.0.2.\npop3: ALL\n");
  const hostAccess = new HostAccess(silentLog, { allow, deny });
  const guarded = await startImapServer(store, ["-H"], { hostAccess });
  const greeting = async (address: string): Promise<string> => {
    const client = new WireClient(guarded.port);
    client.send(`PROXY TCP4 ${address} 127.0.0.1 1 2\r\n`);
    const text = await Promise.race([client.until(/\n/).catch(() => ""), client.untilClosed()]);
    client.end();
    return text;
  };
  try {
    assert.match(await greeting("192.0.2.1"), /^\* OK /);
    assert.equal(await greeting("192.0.2.2"), "");
    assert.match(await greeting("198.51.100.1"), /^\* OK /);
  } finally {
    await guarded.stop();
  }
});
