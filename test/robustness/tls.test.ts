/** TLS that is none, and clear text where TLS should be (RFC 8314, RFC 9051 §11.1). */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";
import { Bystander, sleep } from "./bystander.ts";

let server: RunningServer;
let bystander: Bystander;
before(async () => {
  server = await startServer({ users: ["alice", "bob"] });
  bystander = await Bystander.join(server, "bob");
});
after(async () => {
  bystander?.end();
  await server?.stop();
});

/** A login over imaps; the answer to it. */
function loginOverTls(): Promise<string> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(server.certificateFile);
    const socket = connect({ port: server.imapsPort, host: "127.0.0.1", servername: "localhost", ca });
    let text = "";
    socket.on("data", (octets) => {
      text += octets.toString("latin1");
      if (/^\* OK [^\n]*\n$/.test(text)) socket.write("a LOGIN alice secret\r\nb LOGOUT\r\n");
    });
    socket.on("error", reject).on("close", () => resolve(text));
  });
}

/** Up to the answer to STARTTLS, which the client has sent with `extra` behind it in one packet. */
async function startTls(extra = ""): Promise<WireClient> {
  const client = new WireClient(server.imapPort);
  await client.until(/^\* OK [^\n]*\n/);
  client.send(`s STARTTLS\r\n${extra}`);
  return client;
}

// A handshake record that says it is longer than what comes, then nothing sensible.
const halfHello = Buffer.from("160301020001000200030312345678", "hex");

test("noise instead of a handshake, on imaps and after STARTTLS", async () => {
  assert.match(await loginOverTls(), /a OK[^]*b OK/);
  const noises = [
    Buffer.from("a NOOP\r\n"),
    Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    randomBytes(5_000),
    Buffer.alloc(100_000),
    Buffer.from("80802e0103010015000000", "hex"),
    halfHello,
    Buffer.from("15030100020228", "hex"),
  ];
  for (const noise of noises) {
    const secure = new WireClient(server.imapsPort);
    secure.send(noise);
    await sleep(20);
    secure.socket.end();
    assert.doesNotMatch(await secure.untilClosed(), /\* OK|BAD/);
    const upgraded = await startTls();
    assert.match(await upgraded.until(/\n/), /^s OK /);
    upgraded.send(noise);
    await sleep(20);
    upgraded.socket.end();
    assert.doesNotMatch(await upgraded.untilClosed(), /\* OK|BAD|NOOP/);
  }
  await bystander.isWell();
  assert.match(await loginOverTls(), /a OK[^]*b OK/);
});

test("a hundred handshakes that stop half way do not keep others out", async () => {
  const half = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const client = index % 2 === 0 ? new WireClient(server.imapsPort) : await startTls();
      client.send(halfHello);
      return client;
    }),
  );
  assert.match(await loginOverTls(), /a OK[^]*b OK/);
  await bystander.isWell();
  for (const client of half) client.end();
});

test("commands sent in the clear with STARTTLS end the connection, and are not run", async () => {
  for (const extra of ["x NOOP\r\n", "x LOGIN alice secret\r\n", "x", "\r\n"]) {
    const client = await startTls(extra);
    assert.doesNotMatch(await client.untilClosed(), /x (OK|BAD|NO)/, JSON.stringify(extra));
  }
  assert.doesNotMatch(server.log(), /alice plaintext User logged in/);
  await bystander.isWell();
});
