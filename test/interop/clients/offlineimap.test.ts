/** offlineimap: imaplib2, threads, IDLE-less; synchronises a Maildir with the server. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { message } from "./message.ts";
import { requirePeer, runPeerWell, versionOf } from "./require-peer.ts";

let server: RunningServer;
let home: string;
before(async () => {
  server = await startServer({ users: ["alice"] });
  home = mkdtempSync(join(tmpdir(), "offlineimap-"));
});
after(async () => {
  rmSync(home, { recursive: true, force: true });
  await server.stop();
});

test("a Maildir and the server become one", async (t) => {
  const offlineimap = requirePeer(t, "offlineimap", "offlineimap3");
  if (offlineimap === undefined) return;
  t.diagnostic(versionOf(offlineimap));
  const alice = await server.login("alice");
  for (let n = 1; n <= 15; n++) assert.match(await alice.append("INBOX", message(`number ${n}`)), /TAG OK/);
  assert.match(await alice.command("CREATE Work/Old"), /TAG OK/);
  assert.match(await alice.append("Work/Old", message("old work"), "(\\Seen \\Answered) "), /TAG OK/);
  const configuration = join(home, "rc");
  writeFileSync(
    configuration,
    `[general]
accounts = test
metadata = ${home}/metadata
maxsyncaccounts = 1
ui = basic
[Account test]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${home}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${server.imapsPort}
ssl = yes
sslcacertfile = ${server.certificateFile}
remoteuser = alice
remotepass = ${server.password}
maxconnections = 3
`,
    { mode: 0o600 },
  );
  const sync = () => runPeerWell(offlineimap, ["-c", configuration, "-o"], { env: { HOME: home } });
  await sync();
  assert.equal(files("INBOX").length, 15);
  assert.match(files("Work.Old").join(), /:2,RS$/);

  const seen = files("INBOX")[0]!;
  renameSync(
    join(home, "mail/INBOX", seen),
    join(home, "mail/INBOX", `cur/${seen.split("/")[1]!.replace(/:2,.*$/, "")}:2,FS`),
  );
  rmSync(join(home, "mail/INBOX", files("INBOX").find((name) => !name.endsWith("FS"))!));
  mkdirSync(join(home, "mail/Made/cur"), { recursive: true });
  for (const part of ["new", "tmp"]) mkdirSync(join(home, "mail/Made", part));
  writeFileSync(join(home, "mail/Made/cur/1700000000.1.host:2,S"), message("made here").replaceAll("\r\n", "\n"));
  assert.match(await alice.append("INBOX", message("number 16")), /TAG OK/);
  await sync();
  await sync();
  assert.equal(files("INBOX").length, 15);
  assert.match(await alice.command("SELECT INBOX"), /\* 15 EXISTS/);
  assert.match(await alice.command("SEARCH FLAGGED SEEN"), /SEARCH \d+\n/);
  assert.match(await alice.command("SELECT Made"), /\* 1 EXISTS/);
  assert.match(await alice.command("FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"), /\\Seen[^]*made here/);
  assert.deepEqual(server.faults(), []);
  alice.end();
});

function files(mailbox: string): string[] {
  return ["cur", "new"].flatMap((part) =>
    readdirSync(join(home, "mail", mailbox, part)).map((name) => `${part}/${name}`),
  );
}
