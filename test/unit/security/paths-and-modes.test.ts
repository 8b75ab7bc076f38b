/** What becomes a path, and with which mode files are made. */
import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLog, silentLog } from "../../../src/base/log.ts";
import type { MboxName, UniqueId } from "../../../src/formats/ids.ts";
import { MailError } from "../../../src/ops/index.ts";
import { UserDatabase } from "../../../src/server/auth/user-database.ts";
import { procDirectory, requestSessionEnd } from "../../../src/server/proc/proc-files.ts";
import { makeCertificate } from "../../../src/server/tls/make-certificate.ts";
import { mailboxDirectory, stagePath } from "../../../src/store/blobs/paths.ts";
import { Claims } from "../../../src/store/ipc/claims.ts";
import { startImapServer } from "../../support/imap-server.ts";
import { admin, startMailStore } from "../../support/mail-store.ts";
import { ImapClient } from "../../support/wire-client.ts";

const directory = mkdtempSync(join(tmpdir(), "security-paths-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const hostile = [
  "",
  ".",
  "..",
  "../x",
  "../../../../etc/passwd",
  "/etc/passwd",
  "a/b",
  "a/../../b",
  "a\0b",
  "a\nb",
  "...",
  "%2e%2e",
  "x".repeat(300),
  "\u2025/x",
];

test("uniqueids and staged files have one form, and nothing else becomes a path", () => {
  for (const name of [...hostile, "a.b", "é-aaaaaaaaaa", " aaaaaaaaaa"]) {
    assert.throws(() => mailboxDirectory("/spool", name as UniqueId), /cannot be part of a path/, name);
    assert.throws(() => stagePath("/spool", name), /is no name of a staged file/, name);
  }
  const id = "0b9b1e52-6f4b-4b1c-8a0e-2a6b4f1f9f10" as UniqueId;
  assert.equal(mailboxDirectory("/spool", id), `/spool/uuid/0/b/${id}`);
});

test("named locks are shown inside their directory, whatever they are called", () => {
  const locks = join(directory, "lock");
  const claims = new Claims(locks, silentLog);
  for (const name of hostile) {
    claims.claim({}, name, "somebody", 0, (answer) => assert.equal(answer.granted, true));
  }
  const files = readdirSync(locks);
  assert.ok(
    files.length >= hostile.length - 2 && files.every((file) => /^[A-Za-z0-9*@_^+%.-]*\.lock$/.test(file)),
    files.join(),
  );
  assert.deepEqual(readdirSync(directory), ["lock"]);
  for (const file of files) assert.equal(lstatSync(join(locks, file)).mode & 0o777, 0o600);
});

test("process files: the directory is absolute, a session's name is two numbers", () => {
  for (const path of ["", "proc", "./proc", "/", "//"]) {
    assert.throws(() => procDirectory({ procPath: path, configDirectory: "/conf" }), /absolute path/, path);
  }
  for (const name of [...hostile, "1", "1.2.end", "1.2/../../x", "1.2\n"]) {
    assert.equal(requestSessionEnd(directory, name), false, name);
  }
});

test("a partition is one of imapd.conf's, never a directory that somebody names", async () => {
  const store = await startMailStore();
  try {
    const asked = store.mail.as(admin);
    for (const partition of ["/tmp", "..", "__proto__", "constructor", "default/../x", "Default"]) {
      assert.throws(() => store.mail.partitionRoot(partition), MailError, partition);
      await assert.rejects(
        asked.ask("mailboxes.create", { name: "user.x" as MboxName, partition }),
        MailError,
        partition,
      );
    }
    for (const name of ["user.../x", "user..x", "../x", "user.a/b", "user.a\0", "user.a\r\nb", "", ".", "user."]) {
      await assert.rejects(asked.ask("mailboxes.create", { name: name as MboxName }), MailError, name);
    }
    assert.deepEqual(
      readdirSync(join(store.directory, "spool")).filter((name) => name !== "uuid" && name !== "stage."),
      [],
    );
  } finally {
    await store.stop();
  }
});

test("every file is 0600, every directory 0700, every socket 0600, also under an open umask", async () => {
  const before = process.umask(0);
  const log = createLog({ ident: "test", destination: `file:${join(directory, "log")}` });
  const store = await startMailStore({
    imapdConf: [
      "tls_server_cert: {configdirectory}/tls/cert.pem",
      "tls_server_key: {configdirectory}/tls/key.pem",
      "maxlogins_per_user: 10",
      "proc_path: {configdirectory}/run/proc",
    ].join("\n"),
    log,
  });
  const { configdirectory } = store.config;
  try {
    const made = { mode: 0o700, recursive: true } as const;
    for (const name of ["tls", "log/alice"]) mkdirSync(join(configdirectory, name), made);
    const { cert, key } = makeCertificate({ commonName: "mail.example.com" });
    writeFileSync(join(configdirectory, "tls/cert.pem"), cert, { mode: 0o600 });
    writeFileSync(join(configdirectory, "tls/key.pem"), key, { mode: 0o600 });
    const users = new UserDatabase(join(configdirectory, "sasl", "sasldb.db"));
    users.setPassword({ name: "alice", realm: "" }, "secret");
    await store.create("user.alice", "user.alice.big");
    const server = await startImapServer(store);
    const client = await ImapClient.login(server.port, "alice");
    await client.append("INBOX", "Subject: small\r\n\r\nx\r\n");
    await client.append("INBOX", `Subject: large\r\n\r\n${"0123456789abcde\r\n".repeat(40_000)}`);
    await client.command("SELECT INBOX");
    await client.command("COPY 1:2 INBOX.big");
    await client.command("FETCH 1:2 (ENVELOPE BODYSTRUCTURE)");
    await store.mail.settle();
    await sleep(50);
    const odd: string[] = [];
    const kinds = new Set<string>();
    for (const path of walk(store.directory)) {
      const stat = lstatSync(path);
      const mode = (stat.mode & 0o777).toString(8);
      const right = stat.isDirectory() ? "700" : "600";
      kinds.add(stat.isDirectory() ? "directory" : stat.isSocket() ? "socket" : "file");
      if (mode !== right) odd.push(`${mode} ${relative(store.directory, path)}`);
    }
    assert.deepEqual(odd, []);
    assert.deepEqual([...kinds].sort(), ["directory", "file", "socket"]);
    for (const file of ["store/0.db", "store/0.db-wal", "store/writer.sock", "sasl/sasldb.db"])
      assert.ok(existsSync(join(configdirectory, file)), file);
    assert.ok(readdirSync(join(configdirectory, "run/proc")).length > 0);
    assert.ok(readdirSync(join(configdirectory, "log/alice")).length > 0);
    assert.equal(lstatSync(join(directory, "log")).mode & 0o777, 0o600);
    client.end();
    users.close();
    await server.stop();
  } finally {
    process.umask(before);
    await store.stop();
  }
});

function* walk(path: string): Generator<string, void, void> {
  yield path;
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) yield* walk(join(path, name));
}
