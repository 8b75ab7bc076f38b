/** mutt without a screen: it reads its commands from the configuration, as a user's macros do, and leaves. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { message, mixedMessage } from "./message.ts";
import { requirePeer, runPeerWell, versionOf } from "./require-peer.ts";

let server: RunningServer;
let home: string;
before(async () => {
  server = await startServer({ users: ["alice"] });
  home = mkdtempSync(join(tmpdir(), "mutt-"));
});
after(async () => {
  rmSync(home, { recursive: true, force: true });
  await server.stop();
});

test("reads, flags, saves to another mailbox, deletes, and sends a copy to Sent", async (t) => {
  const mutt = requirePeer(t, "mutt");
  const scriptProgram = requirePeer(t, "script", "bsdutils");
  if (mutt === undefined || scriptProgram === undefined) return;
  t.diagnostic(versionOf(mutt, "-v"));
  const alice = await server.login("alice");
  for (let n = 1; n <= 6; n++)
    assert.match(await alice.append("INBOX", n === 4 ? mixedMessage("subject 4") : message(`subject ${n}`)), /TAG OK/);
  assert.match(await alice.command("CREATE Kept"), /TAG OK/);
  assert.match(await alice.command("CREATE Sent"), /TAG OK/);
  const configuration = join(home, "muttrc");
  const write = (keys: string): void =>
    writeFileSync(
      configuration,
      `set imap_user=alice imap_pass=${server.password} folder=imap://localhost:${server.imapPort}/
set spoolfile=+INBOX record=+Sent ssl_starttls=yes ssl_force_tls=yes certificate_file=${server.certificateFile}
set ssl_verify_host=yes header_cache=${home}/cache/ imap_keepalive=30 mail_check=1
set quit=yes delete=yes move=no confirmappend=no confirmcreate=no save_name=no wait_key=no timeout=1 sort=mailbox-order
set sendmail=/bin/true from=alice@example.com use_from=yes editor=/bin/true auto_tag=no beep=no
push '${keys}'
`,
      { mode: 0o600 },
    );
  // A terminal of its own, because mutt wants one.
  const run = () =>
    runPeerWell(scriptProgram, ["-qec", `${mutt} -n -F ${configuration}`, "/dev/null"], {
      env: { HOME: home, TERM: "xterm" },
    });

  // Shows 1 (it becomes \Seen), flags 2, saves 3 to Kept, deletes 5, copies 4 to Kept; leaves with purge.
  write(
    "<jump>1<enter><display-message><exit><jump>2<enter><flag-message><jump>3<enter><save-message>" +
      "<kill-line>=Kept<enter><jump>4<enter><copy-message><kill-line>=Kept<enter><jump>5<enter><delete-message><quit>",
  );
  await run();
  assert.match(await alice.command("SELECT INBOX"), /\* 4 EXISTS/);
  const list = await alice.command("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
  assert.doesNotMatch(list, /subject [35]/);
  assert.match(list, /\* 1 FETCH \(FLAGS \([^)]*\\Seen/);
  assert.match(list, /\* 2 FETCH \(FLAGS \([^)]*\\Flagged/);
  assert.match(await alice.command("SELECT Kept"), /\* 2 EXISTS/);
  assert.match(await alice.command("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), /subject 3[^]*subject 4/);

  // New mail, a search that tags, flags for all that is tagged; the headers now come from mutt's cache.
  assert.match(await alice.append("INBOX", message("subject 7")), /TAG OK/);
  write(
    '<tag-pattern>~s "subject [67]"<enter><tag-prefix><set-flag>N<tag-prefix><flag-message><change-folder>=Kept<enter><quit>',
  );
  await run();
  await alice.command("SELECT INBOX");
  assert.match(await alice.command("SEARCH FLAGGED"), /SEARCH 2 4 5\n/);

  // Batch sending: the copy is appended to Sent.
  const body = join(home, "body");
  writeFileSync(body, "Dear Bob,\n\nhello.\n");
  write("");
  await runPeerWell(mutt, ["-n", "-F", configuration, "-s", "a copy", "-i", body, "bob@example.com"], {
    env: { HOME: home, TERM: "xterm" },
    input: "",
  });
  assert.match(await alice.command("SELECT Sent"), /\* 1 EXISTS/);
  assert.match(await alice.command("FETCH 1 (FLAGS BODY.PEEK[])"), /\\Seen[^]*Subject: a copy/);
  assert.deepEqual(server.faults(), []);
  alice.end();
});
