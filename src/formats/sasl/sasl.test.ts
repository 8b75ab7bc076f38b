import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { decodeInitialResponse, decodeSaslLine } from "./base64.ts";
import { LoginMachine } from "./login.ts";
import type { SaslStep } from "./mechanism.ts";
import { PlainMachine } from "./plain.ts";
import { target } from "./sasl.fuzz.ts";
import { ScramMachine, type ScramOptions } from "./scram.ts";
import { saslPrep } from "./text.ts";
import { formatVerifier, makeVerifier, makeVerifierSync, parseVerifier, passwordMatches } from "./verifier.ts";

const text = (step: SaslStep): string => ("octets" in step ? step.octets.toString() : step.kind);
const plain = (message: string): SaslStep => new PlainMachine().start(Buffer.from(message));
const failure = (step: SaslStep): string => (step.kind === "failed" ? step.reason : step.kind);

test("base64 lines: strict, with abort and the empty initial response", () => {
  assert.equal(decodeSaslLine("*").kind, "abort");
  assert.deepEqual(decodeSaslLine("Zm9v"), { kind: "response", octets: Buffer.from("foo") });
  assert.deepEqual(decodeSaslLine(""), { kind: "response", octets: Buffer.alloc(0) });
  for (const bad of ["=", "Zm9", "Zm9v\r", "Zm 9v", "Zm9=", "Zm9vZg=A", "Zh==", "A".repeat(100_000)]) {
    assert.equal(decodeSaslLine(bad).kind, "bad", bad.slice(0, 20));
  }
  assert.deepEqual(decodeInitialResponse("="), { kind: "response", octets: Buffer.alloc(0) });
});

test("PLAIN", () => {
  const kind = "password";
  assert.deepEqual(plain("\0alice\0secret"), { kind, authcid: "alice", authzid: "", password: "secret" });
  assert.deepEqual(plain("bob\0cyrus\0se cret"), { kind, authcid: "cyrus", authzid: "bob", password: "se cret" });
  for (const bad of ["", "alice", "\0alice", "\0\0x", "\0alice\0", "\0a\0b\0c", `\0a\0${"x".repeat(1025)}`]) {
    assert.equal(plain(bad).kind, "failed", JSON.stringify(bad));
  }
  assert.equal(new PlainMachine().start(Buffer.from([0, 0xff, 0, 0x61])).kind, "failed");
  assert.equal(text(new PlainMachine().start(undefined)), "");
});

test("LOGIN", () => {
  const machine = new LoginMachine();
  assert.equal(text(machine.start(undefined)), "Username:");
  assert.equal(text(machine.respond(Buffer.from("alice"))), "Password:");
  assert.deepEqual(machine.respond(Buffer.from("pw")), {
    kind: "password",
    authcid: "alice",
    authzid: "",
    password: "pw",
  });
});

test("verifiers: text form, and what matches", async () => {
  const verifier = await makeVerifier("secret", {
    hash: "sha256",
    iterations: 4096,
    salt: Buffer.from("0123456789abcdef"),
  });
  const parsed = parseVerifier(formatVerifier(verifier));
  assert.deepEqual(parsed, verifier);
  assert.equal(await passwordMatches(verifier, "secret"), true);
  assert.equal(await passwordMatches(verifier, "Secret"), false);
  assert.equal(parseVerifier("SCRAM-SHA-256$1:AAAA$AAAA:AAAA"), undefined);
});

test("saslPrep", () => {
  assert.equal(saslPrep("I\u00adX"), "IX");
  assert.equal(saslPrep("\u2168"), "IX");
  assert.equal(saslPrep("a\u00a0b"), "a b");
  assert.equal(saslPrep("\u0007"), undefined);
});

const rfcOptions = (more: Partial<ScramOptions>): ScramOptions => ({
  hash: "sha1",
  plus: false,
  plusOffered: false,
  channelBinding: () => undefined,
  nonce: "3rfcNHYJY1ZVvWVs7j",
  decoy: () => makeVerifierSync("?", { hash: "sha1", iterations: 4096, salt: Buffer.from("x") }),
  ...more,
});

test("SCRAM-SHA-1: the exchange of RFC 5802 §5", () => {
  const verifier = makeVerifierSync("pencil", {
    hash: "sha1",
    iterations: 4096,
    salt: Buffer.from("QSXCR+Q6sek8bf92", "base64"),
  });
  const machine = new ScramMachine(rfcOptions({}));
  assert.deepEqual(machine.start(Buffer.from("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")), {
    kind: "verifier",
    authcid: "user",
  });
  assert.equal(
    text(machine.verifier(verifier)),
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
  );
  const last = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
  const step = machine.respond(Buffer.from(last));
  assert.equal(step.kind, "proved");
  assert.equal(text(step), "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
});

test("SCRAM-SHA-256: the exchange of RFC 7677 §3", () => {
  const verifier = makeVerifierSync("pencil", {
    hash: "sha256",
    iterations: 4096,
    salt: Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"),
  });
  const machine = new ScramMachine(rfcOptions({ hash: "sha256", nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" }));
  machine.start(Buffer.from("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  machine.verifier(verifier);
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const step = machine.respond(Buffer.from(`c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`));
  assert.equal(text(step), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
});

/** A client of our own, with other code than the server's. */
function clientFinal(options: {
  password: string;
  first: string;
  header: string;
  binding?: Buffer;
  server: string;
}): string {
  const { r = "", s = "", i = "" } = Object.fromEntries(options.server.split(",").map((p) => [p[0]!, p.slice(2)]));
  const salted = pbkdf2Sync(options.password, Buffer.from(s, "base64"), Number(i), 32, "sha256");
  const key = createHmac("sha256", salted).update("Client Key").digest();
  const channel = Buffer.concat([Buffer.from(options.header), options.binding ?? Buffer.alloc(0)]).toString("base64");
  const message = `c=${channel},r=${r}`;
  const stored = createHash("sha256").update(key).digest();
  const signature = createHmac("sha256", stored).update(`${options.first},${options.server},${message}`).digest();
  return `${message},p=${Buffer.from(key.map((octet, n) => octet ^ signature[n]!)).toString("base64")}`;
}

test("SCRAM: authzid, channel binding, and everything that must fail", () => {
  const verifier = makeVerifierSync("pw", { hash: "sha256", iterations: 4096, salt: Buffer.from("salt") });
  const run = (
    more: Partial<ScramOptions>,
    client: { header?: string; password?: string; binding?: Buffer; known?: boolean },
  ) => {
    const { header = "n,a=bob,", password = "pw", binding, known = true } = client;
    const machine = new ScramMachine(rfcOptions({ hash: "sha256", decoy: () => verifier, ...more }));
    const first = "n=fr=2Ced,r=abc";
    const step = machine.start(Buffer.from(header + first));
    if (step.kind !== "verifier") return step;
    const server = text(machine.verifier(known ? verifier : undefined));
    return machine.respond(
      Buffer.from(clientFinal({ password, first, header, server, ...(binding ? { binding } : {}) })),
    );
  };
  const good = run({}, {});
  assert.ok(good.kind === "proved" && good.authcid === "fr,ed" && good.authzid === "bob");
  assert.equal(failure(run({}, { password: "no" })), "credentials");
  assert.equal(failure(run({}, { known: false })), "credentials");
  const binding = Buffer.from("exported keying material");
  const plus = {
    plus: true,
    plusOffered: true,
    channelBinding: (type: string) => (type === "tls-exporter" ? binding : undefined),
  };
  assert.equal(run(plus, { header: "p=tls-exporter,,", binding }).kind, "proved");
  assert.equal(failure(run(plus, { header: "p=tls-exporter,,", binding: Buffer.from("other") })), "channelBinding");
  assert.equal(failure(run(plus, { header: "p=tls-unique,,", binding })), "channelBinding");
  assert.equal(failure(run(plus, { header: "n,," })), "channelBinding");
  assert.equal(failure(run({ plusOffered: true }, { header: "y,," })), "channelBinding");
  assert.equal(run({}, { header: "y,," }).kind, "proved");
});

test("no octets make a machine throw, or believe a client without a password", () => {
  fuzz(target, { seed: 1, iterations: 2_000 });
});
