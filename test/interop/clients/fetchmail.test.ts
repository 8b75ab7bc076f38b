/** fetchmail: takes mail away, once. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { message } from "./message.ts";
import { requirePeer, runPeer } from "./require-peer.ts";

let server: RunningServer;
let home: string;
before(async () => {
  server = await startServer({ users: ["alice"] });
  home = mkdtempSync(join(tmpdir(), "fetchmail-"));
});
after(async () => {
  rmSync(home, { recursive: true, force: true });
  await server.stop();
});

test("fetches what is new, and deletes it; another run finds nothing", async (t) => {
  const fetchmail = requirePeer(t, "fetchmail");
  if (fetchmail === undefined) return;
  const alice = await server.login("alice");
  for (let n = 1; n <= 12; n++) assert.match(await alice.append("INBOX", message(`number ${n}`)), /TAG OK/);
  await alice.command("SELECT INBOX");
  assert.match(await alice.command("STORE 3 +FLAGS (\\Seen)"), /TAG OK/);
  await alice.command("UNSELECT");
  const agent = join(home, "agent");
  writeFileSync(agent, `#!/bin/sh\n(cat; echo ===) >> ${home}/got\n`);
  chmodSync(agent, 0o755);
  writeFileSync(
    join(home, "rc"),
    `poll localhost protocol imap port ${server.imapPort} user alice password ${server.password} is root here ` +
      `sslproto tls1.2+ sslcertck sslcertfile ${server.certificateFile} mda "${agent}"\n`,
    { mode: 0o600 },
  );
  const run = () =>
    runPeer(fetchmail, ["-f", join(home, "rc"), "-i", join(home, "ids"), "--pidfile", join(home, "pid")], {
      env: { HOME: home, FETCHMAILHOME: home },
    });
  const first = await run();
  assert.equal(first.status, 0, first.stdout + first.stderr);
  const got = existsSync(join(home, "got")) ? readFileSync(join(home, "got"), "latin1") : "";
  assert.equal(got.split("===\n").length - 1, 11);
  assert.equal((await run()).status, 1, "no mail");
  assert.match(await alice.command("SELECT INBOX"), /\* 1 EXISTS/);
  assert.match(await alice.command("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), /number 3/);
  assert.deepEqual(server.faults(), []);
  alice.end();
});
