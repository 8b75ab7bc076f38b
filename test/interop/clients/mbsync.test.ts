/** mbsync: two sides that must become one. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import type { ImapClient } from "../../support/wire-client.ts";
import { message, mixedMessage } from "./message.ts";
import { requirePeer, runPeerWell, versionOf } from "./require-peer.ts";

let server: RunningServer;
let home: string;
before(async () => {
  server = await startServer({ users: ["alice"] });
  home = mkdtempSync(join(tmpdir(), "mbsync-"));
  mkdirSync(join(home, "mail"));
});
after(async () => {
  rmSync(home, { recursive: true, force: true });
  await server.stop();
});

test("new mail, flags, deletions and new mailboxes go both ways, and a second run has nothing to do", async (t) => {
  const mbsync = requirePeer(t, "mbsync", "isync");
  if (mbsync === undefined) return;
  t.diagnostic(versionOf(mbsync));
  writeConfiguration();
  const sync = () => runPeerWell(mbsync, ["-c", join(home, "rc"), "-V", "all"], { env: { HOME: home } });
  const alice = await server.login("alice");

  // Server to client.
  for (let n = 1; n <= 40; n++) {
    const text = n % 5 === 0 ? mixedMessage(`number ${n}`) : message(`number ${n}`);
    assert.match(await alice.append("INBOX", text, n % 2 ? "(\\Seen) " : ""), /TAG OK/);
  }
  assert.match(await alice.command("CREATE Work"), /TAG OK/);
  assert.match(await alice.append("Work", message("at work"), "(\\Flagged) "), /TAG OK/);
  await sync();
  assert.equal(localFiles("INBOX").length, 40);
  assert.deepEqual(localFiles("Work").map(flagsOf), ["F"]);
  assert.equal(localFiles("INBOX").filter((name) => flagsOf(name) === "S").length, 20);
  const tenth = localFiles("INBOX").find((name) => /Subject: number 10\r?\n/.test(readLocal("INBOX", name)));
  assert.equal(stripped(readLocal("INBOX", tenth!)), mixedMessage("number 10").replaceAll("\r\n", "\n"));

  // Client to server: a new message, a new mailbox, a flag, a deletion; and changes of the server meanwhile.
  mkdirSync(join(home, "mail/Lists"), { recursive: true });
  for (const name of ["cur", "new", "tmp"]) mkdirSync(join(home, "mail/Lists", name));
  writeFileSync(join(home, "mail/Lists/cur/1700000000.1_1.host:2,RS"), message("from a list").replaceAll("\r\n", "\n"));
  writeFileSync(join(home, "mail/INBOX/cur/1700000000.2_1.host:2,D"), message("a draft").replaceAll("\r\n", "\n"));
  change("INBOX", (text) => /Subject: number 2\r?\n/.test(text), "FS");
  change("INBOX", (text) => /Subject: number 3\r?\n/.test(text), "ST");
  await alice.command("SELECT INBOX");
  assert.match(await alice.command("STORE 5 +FLAGS (\\Answered)"), /TAG OK/);
  assert.match(await alice.command("STORE 7 +FLAGS (\\Deleted)"), /TAG OK/);
  assert.match(await alice.command("EXPUNGE"), /\* 7 EXPUNGE/);
  await sync();

  await alice.command("NOOP");
  assert.match(await alice.command("STATUS INBOX (MESSAGES)"), /MESSAGES 39/);
  assert.match(
    await found(alice, 'SUBJECT "number 3" NOT SUBJECT "number 3?" SMALLER 2000 UNDELETED'),
    /SEARCH( |\r|\n)/,
  );
  assert.doesNotMatch(await subjects(alice), /Subject: number 3\n/);
  assert.match(await found(alice, 'FLAGGED SEEN HEADER Subject "number 2"'), /SEARCH \d+\n/);
  assert.match(await found(alice, 'DRAFT SUBJECT "a draft"'), /SEARCH \d+\n/);
  assert.match(await alice.command("SELECT Lists"), /\* 1 EXISTS/);
  assert.match(await alice.command("FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"), /\\Answered[^]*from a list/);
  assert.equal(localFiles("INBOX").length, 39);
  assert.equal(localFiles("INBOX").filter((name) => flagsOf(name).includes("R")).length, 1);
  assert.ok(!localFiles("INBOX").some((name) => /Subject: number 7\r?\n/.test(readLocal("INBOX", name))));

  // Both sides are one now.
  const before = snapshot();
  const uids = await alice.command("STATUS INBOX (UIDNEXT)");
  await sync();
  assert.deepEqual(snapshot(), before);
  assert.equal(await alice.command("STATUS INBOX (UIDNEXT)"), uids);
  assert.deepEqual(server.faults(), []);
  alice.end();
});

function writeConfiguration(): void {
  writeFileSync(
    join(home, "rc"),
    `IMAPAccount server
Host localhost
Port ${server.imapPort}
User alice
Pass ${server.password}
SSLType STARTTLS
CertificateFile ${server.certificateFile}
AuthMechs *

IMAPStore far
Account server

MaildirStore near
Path ${home}/mail/
Inbox ${home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState *
`,
    { mode: 0o600 },
  );
}

function localFiles(mailbox: string): string[] {
  return ["cur", "new"].flatMap((part) =>
    readdirSync(join(home, "mail", mailbox, part)).map((name) => `${part}/${name}`),
  );
}

function readLocal(mailbox: string, name: string): string {
  return readFileSync(join(home, "mail", mailbox, name), "latin1");
}

/** mbsync adds a line of its own to what it stores. */
function stripped(text: string): string {
  return text.replaceAll(/^X-TUID: .*\n/gm, "");
}

function flagsOf(name: string): string {
  return /:2,(.*)$/.exec(name)?.[1] ?? "";
}

function change(mailbox: string, isIt: (text: string) => boolean, flags: string): void {
  const name = localFiles(mailbox).find((each) => isIt(readLocal(mailbox, each)))!;
  const path = join(home, "mail", mailbox, name);
  renameSync(path, path.replace("/new/", "/cur/").replace(/(:2,.*)?$/, `:2,${flags}`));
}

function snapshot(): string[] {
  return ["INBOX", "Work", "Lists"]
    .flatMap((mailbox) => localFiles(mailbox).map((name) => `${mailbox}/${name}`))
    .sort();
}

function found(client: ImapClient, keys: string): Promise<string> {
  return client.command(`SEARCH ${keys}`);
}

function subjects(client: ImapClient): Promise<string> {
  return client.command("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]");
}
