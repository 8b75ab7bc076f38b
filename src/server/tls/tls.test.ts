import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, chmodSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { type Log, silentLog } from "../../base/log.ts";
import { localAddress, openListener } from "../../base/native/index.ts";
import { configFromText } from "../../config/index.ts";
import type { Connection } from "../connection/index.ts";
import { Worker, type WorkerOptions } from "../worker/worker.ts";
import { makeCertificate } from "./make-certificate.ts";
import { TicketKeys } from "./ticket-keys.ts";
import { TlsContexts } from "./tls-contexts.ts";
import { tlsSettings } from "./tls-settings.ts";

const directory = mkdtempSync(join(tmpdir(), "tls-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name);

/** An authority, a server (EC and RSA), a client, and one whom nobody vouches for. */
const ca = makeCertificate({ commonName: "Test CA" });
const alice = makeCertificate({ commonName: "alice", issuer: ca });
const mallory = makeCertificate({ commonName: "mallory" });
writeFileSync(file("ca.pem"), ca.cert);
for (const [name, algorithm] of [
  ["server", "ec"],
  ["rsa", "rsa"],
] as const) {
  const { cert, key } = makeCertificate({ commonName: "localhost", issuer: ca, algorithm });
  writeFileSync(file(`${name}.pem`), cert);
  writeFileSync(file(`${name}.key`), key, { mode: 0o600 });
}

const base = `configdirectory: ${directory}\ntls_server_cert: ${file("server.pem")}\ntls_server_key: ${file("server.key")}\n`;

interface Running {
  readonly port: number;
  readonly lines: string[];
  readonly connections: Connection[];
}

function start(text: string, options: Partial<WorkerOptions> = {}): Running {
  const lines: string[] = [];
  const keep = (line: string): void => void lines.push(line);
  const log: Log = { ...silentLog, err: keep, notice: keep, warning: keep };
  const contexts = TlsContexts.fromConfig(configFromText(base + text), log)!;
  const connections: Connection[] = [];
  const worker = new Worker({
    service: "imap",
    log,
    shutdownGraceMs: 0,
    tlsOptions: () => contexts.serverOptions(),
    createSession(connection) {
      connections.push(connection);
      connection.writeText("hello\r\n");
      return {
        octets(octets) {
          if (!String(octets).startsWith("STARTTLS\r\n")) return void connection.write(octets);
          connection.startTls(Buffer.from("go ahead\r\n"), octets.length - "STARTTLS\r\n".length);
        },
        secured: () => void connection.writeText(`secured ${connection.tls?.commonName ?? "-"}\r\n`),
      };
    },
    ...options,
  });
  const fd = openListener({ type: "stream", address: { family: "ipv4", address: "127.0.0.1", port: 0 } });
  const address = localAddress(fd);
  worker.listen(fd);
  after(() => worker.terminate());
  return { port: address.family === "unix" ? 0 : address.port, lines, connections };
}

async function line(socket: Socket | TLSSocket): Promise<string> {
  const closed = once(socket, "close").then(() => Promise.reject(new Error("closed")));
  const [octets] = (await Promise.race([once(socket, "data"), closed])) as [Buffer];
  closed.catch(() => {});
  return octets.toString().trimEnd();
}

async function startTls(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ socket: TLSSocket; greeting: string }> {
  const plain = connectPlain(port, "127.0.0.1");
  assert.equal(await line(plain), "hello");
  plain.write("STARTTLS\r\n");
  assert.equal(await line(plain), "go ahead");
  const socket = connect({ socket: plain, rejectUnauthorized: false, ...options });
  after(() => socket.destroy());
  return { socket, greeting: await line(socket) };
}

test("STARTTLS, then octets inside TLS", async () => {
  const { port, lines, connections } = start("");
  const { socket, greeting } = await startTls(port);
  assert.equal(greeting, "secured -");
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.write("echo\r\n");
  assert.equal(await line(socket), "echo");
  assert.match(lines[0]!, /^starttls: TLSv1.3 with cipher TLS_\S+ \((\d+)\/\1 bits new\) no authentication$/);
  const exported = socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  assert.deepEqual(connections[0]!.channelBinding("tls-exporter"), exported);
  assert.equal(connections[0]!.channelBinding("tls-server-end-point")!.length, 32);
  assert.equal(connections[0]!.channelBinding("tls-unique"), undefined);
});

test("a second handshake inside TLS ends the connection", async () => {
  const { port, connections } = start("");
  const { socket } = await startTls(port, { maxVersion: "TLSv1.2" });
  socket.write("once\r\n");
  assert.equal(await line(socket), "once");
  const closed = once(connections[0]!.stream, "close");
  let text = "";
  socket.on("data", (octets: Buffer) => (text += octets.toString()));
  socket.on("error", () => {});
  socket.renegotiate({ rejectUnauthorized: false }, () => socket.end("twice\r\n"));
  await closed;
  assert.equal(text, "");
});

test("octets sent ahead of STARTTLS's answer end the connection", async () => {
  const { port, lines } = start("");
  const socket = connectPlain(port, "127.0.0.1");
  assert.equal(await line(socket), "hello");
  socket.write("STARTTLS\r\na1 LOGOUT\r\n");
  const octets = await new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (more) => (text += String(more)));
    socket.on("close", () => resolve(text));
  });
  assert.equal(octets, "");
  assert.match(lines[0]!, /sent octets ahead of STARTTLS/);
});

test("implicit TLS: the greeting comes inside; nonsense instead of a handshake ends the connection", async () => {
  const { port, lines } = start("", { implicitTls: true });
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  after(() => socket.destroy());
  assert.equal(await line(socket), "hello");
  const plain = connectPlain(port, "127.0.0.1");
  plain.on("error", () => {});
  plain.resume();
  plain.write("a1 CAPABILITY\r\n");
  await once(plain, "close");
  assert.ok(lines.some((text) => text.startsWith("STARTTLS negotiation failed: [127.0.0.1]")));
});

test("implicit TLS behind a proxy: the handshake may come in one piece with the PROXY header", async () => {
  const { port, connections } = start("", { implicitTls: true, proxyProtocol: true });
  const plain = connectPlain(port, "127.0.0.1");
  plain.cork();
  plain.write("PROXY TCP4 192.0.2.7 198.51.100.1 1234 993\r\n");
  const socket = connect({ socket: plain, rejectUnauthorized: false });
  after(() => socket.destroy());
  process.nextTick(() => plain.uncork());
  assert.equal(await line(socket), "hello");
  assert.equal(connections[0]!.peer, "[192.0.2.7]");
});

test("client certificates: verified, none, foreign, required", async () => {
  const optional = start(`tls_client_ca_file: ${file("ca.pem")}`);
  assert.equal((await startTls(optional.port, { cert: alice.cert, key: alice.key })).greeting, "secured alice");
  assert.equal((await startTls(optional.port)).greeting, "secured -");
  await assert.rejects(startTls(optional.port, { cert: mallory.cert, key: mallory.key }));
  const required = start(`tls_client_ca_file: ${file("ca.pem")}\ntls_client_certs: require`);
  assert.equal((await startTls(required.port, { cert: alice.cert, key: alice.key })).greeting, "secured alice");
  await assert.rejects(startTls(required.port));
  const never = start("");
  assert.equal(
    (await startTls(never.port, { cert: alice.cert, key: alice.key })).greeting,
    "secured -",
    "without an authority nobody is asked",
  );
});

test("two key pairs, versions, and what does not fit together", async () => {
  const both = start("tls_versions: tls1_2");
  assert.equal((await startTls(both.port)).socket.getProtocol(), "TLSv1.2");
  const settings = (text: string) => tlsSettings(configFromText(text, "imap"));
  const pairs = settings("tls_server_cert: a.pem,b.pem\ntls_server_key: a.key,b.key\nimap_tls_versions: tls1_3")!;
  assert.deepEqual(pairs.pairs, [
    { cert: "a.pem", key: "a.key" },
    { cert: "b.pem", key: "b.key" },
  ]);
  assert.equal(pairs.minVersion, "TLSv1.3");
  assert.equal(settings("tls_server_cert: disabled"), undefined);
  assert.equal(settings(""), undefined);
  assert.throws(() => settings("tls_server_cert: a,b\ntls_server_key: a"), /one file each/);
  assert.throws(() => settings("tls_server_cert: a\ntls_versions: tls9"), /tls9/);
  assert.throws(() => settings("tls_server_cert: a\ntls_client_certs: require"), /tls_client_ca_file/);
});

test("RSA and EC on one listener", async () => {
  const text = `configdirectory: ${directory}\ntls_server_cert: ${file("rsa.pem")},${file("server.pem")}\n`;
  const contexts = TlsContexts.fromConfig(
    configFromText(`${text}tls_server_key: ${file("rsa.key")},${file("server.key")}\n`),
    silentLog,
  )!;
  const { port } = start("", { tlsOptions: () => contexts.serverOptions() });
  for (const [ciphers, kind] of [
    ["ECDHE-RSA-AES128-GCM-SHA256", "RSA"],
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "EC"],
  ]) {
    const { socket } = await startTls(port, { ciphers: ciphers!, maxVersion: "TLSv1.2" });
    assert.match(String(socket.getCipher().name), new RegExp(kind === "RSA" ? "RSA" : "ECDSA"));
  }
});

test("a session is resumed in another worker, and not when tickets are off", async () => {
  const resumed = async (text: string): Promise<boolean> => {
    const [one, two] = [start(text), start(text)];
    const { socket } = await startTls(one.port, { maxVersion: "TLSv1.2" });
    const session = socket.getSession();
    const again = await startTls(two.port, { maxVersion: "TLSv1.2", ...(session ? { session } : {}) });
    assert.equal(two.connections[0]!.tls!.reused, again.socket.isSessionReused());
    return again.socket.isSessionReused();
  };
  assert.equal(await resumed(""), true);
  assert.equal(statSync(file("tls_tickets.key")).mode & 0o777, 0o600);
  assert.equal(await resumed("tls_session_timeout: 0"), false);
});

test("ticket keys are shared, replaced at half the lifetime, and fall back to memory", () => {
  let now = 1_700_000_000_000;
  const make = (path: string): TicketKeys =>
    new TicketKeys({ path, lifetimeSeconds: 3_600, log: silentLog, now: () => now });
  const [one, two] = [make(file("keys/k")), make(file("keys/k"))];
  const first = one.current();
  assert.deepEqual(two.current().octets, first.octets);
  now += 1_000_000;
  assert.equal(one.current(), first);
  now += 1_000_000;
  assert.notDeepEqual(one.current().octets, first.octets);
  now += 61_000;
  assert.deepEqual(two.current().octets, one.current().octets);
  writeFileSync(file("plainfile"), "");
  const lonely = make(file("plainfile/k"));
  assert.deepEqual(lonely.current().octets, lonely.current().octets);
});

test("a key that others can read is told of, again when the files change", () => {
  const lines: string[] = [];
  const log: Log = { ...silentLog, warning: (line) => void lines.push(line) };
  const key = file("open.key");
  copyFileSync(file("server.key"), key);
  const warnings = (mode: number): string[] => {
    chmodSync(key, mode);
    TlsContexts.fromConfig(
      configFromText(`${base.slice(0, base.indexOf("tls_server_key"))}tls_server_key: ${key}\n`),
      log,
    );
    return lines.splice(0);
  };
  assert.deepEqual(warnings(0o600), []);
  assert.deepEqual(warnings(0o400), []);
  assert.match(warnings(0o644)[0]!, /^tls_server_key: \S+open\.key is open to other users \(mode 0644\); make it 0600/);
  assert.equal(warnings(0o640).length, 1);
  assert.equal(warnings(0o620).length, 1);
});

test("changed files are taken up; unusable ones leave the old in use", () => {
  let now = 0;
  const lines: string[] = [];
  const keep = (text: string): void => void lines.push(text);
  copyFileSync(file("server.pem"), file("live.pem"));
  copyFileSync(file("server.key"), file("live.key"));
  const text = `configdirectory: ${directory}\ntls_server_cert: ${file("live.pem")}\ntls_server_key: ${file("live.key")}`;
  const contexts = new TlsContexts(tlsSettings(configFromText(text))!, {
    log: { ...silentLog, err: keep, notice: keep },
    now: () => now,
  });
  const first = contexts.serverOptions().secureContext;
  appendFileSync(file("live.pem"), "\n");
  assert.equal(contexts.serverOptions().secureContext, first);
  now += 10_000;
  const second = contexts.serverOptions().secureContext;
  assert.notEqual(second, first);
  writeFileSync(file("live.pem"), "nothing of use");
  now += 10_000;
  assert.equal(contexts.serverOptions().secureContext, second);
  assert.match(lines.join("\n"), /read again[^]*keeping the old ones/);
});
