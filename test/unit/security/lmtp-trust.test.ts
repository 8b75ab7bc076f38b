/** Who may deliver without a login, and what somebody who may not costs. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { type Log, silentLog } from "../../../src/base/log.ts";
import { MAX_LINE_OCTETS } from "../../../src/formats/lmtp/limits.ts";
import { Mail } from "../../../src/ops/index.ts";
import { prepareLmtp } from "../../../src/protocols/lmtp/index.ts";
import { preLoginLineOctets } from "../../../src/server/limits/limits.ts";
import { parseServiceOptions, type StartedWorker, startWorker } from "../../../src/server/worker/index.ts";
import { type MailStore, startMailStore } from "../../support/mail-store.ts";
import { WireClient } from "../../support/wire-client.ts";

const lines: string[] = [];
const log: Log = { ...silentLog, err: (text) => void lines.push(text) };
let store: MailStore;
const running: { readonly started: StartedWorker; readonly server: Server }[] = [];

before(async () => {
  store = await startMailStore({ log });
  await store.create("user.alice");
});
after(async () => {
  for (const { started, server } of running) {
    server.close();
    await started.worker.terminate();
    await started.close();
  }
  await store.stop();
});

/** @param address where the socket says it was reached, instead of where it was */
async function listen(flags: readonly string[], address?: string, config = store.config): Promise<number> {
  const mail = new Mail(config);
  const program = {
    program: "cyr_lmtpd",
    ownFlags: "aq",
    prepare: (context: Parameters<typeof prepareLmtp>[0]) => prepareLmtp(context, mail),
  };
  const options = parseServiceOptions(flags, program.ownFlags);
  const started = await startWorker({ program, service: "lmtp", config, log, options });
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    if (address !== undefined) Object.defineProperty(socket, "localAddress", { value: address });
    started.worker.accept(socket);
  });
  running.push({ started, server });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

async function mail(port: number, header = ""): Promise<string> {
  const client = new WireClient(port);
  client.send(`${header}LHLO x\r\nMAIL FROM:<>\r\nQUIT\r\n`);
  const text = await client.untilClosed();
  return /^250 2\.1\.0 ok$/m.test(text) ? "taken" : (/^[45]30 .*$/m.exec(text)?.[0] ?? text);
}

test("without -a a client over TCP must log in, loopback or not", async () => {
  assert.match(await mail(await listen([])), /^430 /);
});

test("-a holds on loopback, and elsewhere only when asked for by name", async () => {
  assert.equal(await mail(await listen(["-a"])), "taken");
  lines.length = 0;
  assert.match(await mail(await listen(["-a"], "192.0.2.10")), /^430 /);
  assert.ok(lines.some((line) => /-a does not hold/.test(line)));
});

test("-a is not won by a PROXY header that names a loopback address", async () => {
  const header = "PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n";
  assert.match(await mail(await listen(["-a", "-H"], "192.0.2.10"), header), /^430 /);
  assert.equal(await mail(await listen(["-a", "-H"]), header), "taken");
  assert.match(await mail(await listen(["-a", "-H"]), header.replace("127.0.0.1", "192.0.2.10")), /^430 /);
});

test("before login: 8 KiB a line, twenty commands, and no SMTP inside a message", async () => {
  assert.equal(MAX_LINE_OCTETS, preLoginLineOctets);
  const client = new WireClient(await listen([]));
  client.send("NOOP\r\n".repeat(30));
  assert.match(await client.untilClosed(), /(?:250 2\.0\.0 ok\n){20}421 4\.7\.0 Too many commands before login\n$/);
  const trusted = new WireClient(await listen(["-a"]));
  trusted.send("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n");
  await trusted.until(/354 [^\n]*\n/);
  trusted.send("Subject: x\r\n\r\na\n.\nRSET\nb\r\n.\nRSET\r\nc\n.\r\nRSET\r\n.\r\nQUIT\r\n");
  const text = await trusted.untilClosed();
  assert.deepEqual(
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 3)),
    ["250", "221"],
    text,
  );
});

test("a sender or a client's name puts no line and no field into a message", async () => {
  const trusted = new WireClient(await listen(["-a"]));
  await trusted.until(/220 [^\n]*\n/);
  for (const from of ["<a\rX: y@b>", "<a\0@b>", '<"a\rb"@c>', "<a@b>\rX: y", "<a\tb@c>"]) {
    trusted.send(`MAIL FROM:${from}\r\n`);
    assert.match(await trusted.until(/\n/), /^50\d /, JSON.stringify(from));
    trusted.send("RSET\r\n");
    await trusted.until(/\n/);
  }
  trusted.send("LHLO x\rX-Evil:\0(y)\r\nMAIL FROM:<a@b.example> AUTH=x(y)z\r\nRCPT TO:<alice>\r\nDATA\r\n");
  await trusted.until(/354 [^\n]*\n/);
  trusted.send("Subject: last\r\n\r\nbody\r\n.\r\nQUIT\r\n");
  assert.match(await trusted.untilClosed(), /^250 /);
  await store.mail.settle();
  const messages = globSync(`${store.directory}/spool/uuid/*/*/*/*.`).map((path) => readFileSync(path, "latin1"));
  const [head = ""] = messages.find((text) => text.includes("Subject: last"))!.split("\r\n\r\n");
  const fields = head.replaceAll(/\r\n[\t ]+/g, " ").split("\r\n");
  assert.deepEqual(
    fields.map((line) => line.slice(0, line.indexOf(":"))),
    ["Return-Path", "Received", "X-Cyrus-Session-Id", "X-Sieve", "Subject", "Message-ID", "Date"].filter((name) =>
      fields.some((line) => line.startsWith(`${name}:`)),
    ),
  );
  assert.match(fields[1]!, /^Received: from x\?X-Evil:\?\?y\? \(/);
  assert.match(fields[1]!, /user=x\?y\?z /);
  assert.doesNotMatch(head.replaceAll("\r\n", ""), /[\r\n\0]/);
});

test("the Message-ID that a message is given cannot be told beforehand", () => {
  const ids = globSync(`${store.directory}/spool/uuid/*/*/*/*.`).map(
    (path) => /^Message-ID: <cmu-lmtpd-\d+-\d+-(\d+)@/im.exec(readFileSync(path, "latin1"))?.[1],
  );
  assert.ok(ids.length >= 2);
  // One in a thousand million times a number of 48 bits is this small.
  for (const id of ids) assert.ok(Number(id) > 100_000, String(id));
});
