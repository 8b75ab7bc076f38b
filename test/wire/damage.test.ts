/** Files that are missing or wrong under a running server: caches are made again, a lost message is said to be one, the rest goes on. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ImapServer, startImapServer } from "../support/imap-server.ts";
import { type MailStore, startMailStore } from "../support/mail-store.ts";
import { ImapClient } from "../support/wire-client.ts";

let store: MailStore;
let server: ImapServer;
let client: ImapClient;
const errors: string[] = [];

before(async () => {
  const log = { err: (text: string) => void errors.push(text), warning() {}, notice() {}, info() {}, debug() {} };
  store = await startMailStore({ imapdConf: "unixhierarchysep: yes\naltnamespace: no", log });
  server = await startImapServer(store);
  await store.create("user.alice");
  client = await ImapClient.login(server.port, "alice");
  for (const n of [1, 2, 3])
    await client.append("INBOX", `Subject: message ${n}\r\nX-Number: ${n}\r\n\r\nbody ${n}\r\n`);
  await client.command("SELECT INBOX");
  await store.mail.settle();
});
after(async () => {
  await server.stop();
  await store.stop();
});

function file(pattern: RegExp): string {
  const all = readdirSync(join(store.directory, "spool"), { recursive: true, encoding: "utf8" });
  const found = all.find((name) => pattern.test(name));
  if (found === undefined) throw new Error(`no file ${pattern} among ${all.join()}`);
  return join(store.directory, "spool", found);
}

const question = "FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[HEADER.FIELDS (X-Number)])";

test("a cache that is wrong, cut, or gone is made again without a word", async () => {
  const right = await client.command(question);
  assert.match(right, /"message 3"/);
  const cache = file(/pasargad\.cache\.\d+$/);
  truncateSync(cache, 100);
  assert.equal(plain(await client.command(question)), plain(right));
  writeFileSync(cache, Buffer.alloc(10_000, 7));
  assert.equal(plain(await client.command(question)), plain(right));
  assert.match(await client.command("SEARCH SUBJECT 2"), /^\* SEARCH 2\n/);
  for (const spoil of [cannotBeOpened, cannotBeRead]) {
    spoil(cache);
    assert.equal(plain(await client.command(question)), plain(right));
  }
  rmSync(cache, { recursive: true });
  assert.equal(plain(await client.command(question)), plain(right));
  assert.deepEqual(errors, []);
});

/** For root too, to whom permissions mean nothing. */
function cannotBeOpened(path: string): void {
  rmSync(path);
  symlinkSync(path, path);
}

function cannotBeRead(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function plain(text: string): string {
  return text.replace(/\(\d\.\d+ sec\)/, "");
}

test("a message file that is gone or cut short is told of, the others are sent", async () => {
  rmSync(file(/\/2\.$/));
  const answer = await client.command("FETCH 1:* (UID BODY.PEEK[])");
  assert.match(answer, /\* 1 FETCH \(UID 1 BODY/);
  assert.match(answer, /\* 3 FETCH \(UID 3 BODY/);
  assert.ok(!answer.includes("* 2 FETCH"));
  assert.match(answer, /TAG NO System I\/O error/);
  assert.match(errors.splice(0).join(), /IOERROR: .*2\. \(uid 2 of/);
  truncateSync(file(/\/3\.$/), 10);
  const cut = await client.command("FETCH 1:* (UID BODY.PEEK[])");
  assert.match(cut, /\* 3 FETCH \(UID 3 BODY\[\] NIL\)/);
  assert.match(cut, /TAG NO System I\/O error/);
  assert.equal(errors.length, 2);
  assert.match(await client.command("FETCH 1:* (FLAGS RFC822.SIZE)"), /\* 3 FETCH/);
  assert.match(await client.command("SEARCH BODY body"), /\* SEARCH 1\n/);
  assert.equal(errors.splice(0).length, 4);
  assert.match(await client.command("NOOP"), /OK/);
});

test("a message file that cannot be opened or read is told of, and ends no session", async () => {
  const first = file(/\/1\.$/);
  for (const spoil of [cannotBeOpened, cannotBeRead]) {
    spoil(first);
    const answer = await client.command("FETCH 1 (UID BODY.PEEK[])");
    assert.match(answer, /TAG NO System I\/O error/);
    assert.match(errors.splice(0).join(), /IOERROR: .*(ELOOP|EISDIR)/);
    assert.match(await client.command("FETCH 1 (FLAGS RFC822.SIZE)"), /\* 1 FETCH.*TAG OK/s);
    assert.match(await client.command("SEARCH BODY body"), /^\* SEARCH\nTAG OK/);
    assert.match(errors.splice(0).join(), /^IOERROR: .*(ELOOP|EISDIR)/);
  }
  assert.match(await client.command("NOOP"), /OK/);
});
