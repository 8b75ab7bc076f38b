/** Python's imaplib: what scripts and many small tools use. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { requirePeer, runPeerWell, versionOf } from "./require-peer.ts";

let server: RunningServer;
before(async () => {
  server = await startServer({ users: ["alice", "bob"] });
});
after(() => server.stop());

test("a user's day: STARTTLS, mailboxes, messages, flags, IDLE, imaps", async (t) => {
  const python = requirePeer(t, "python3");
  if (python === undefined) return;
  t.diagnostic(versionOf(python));
  const script = join(import.meta.dirname, "imaplib_session.py");
  const { imapPort, imapsPort, certificateFile, password } = server;
  const run = await runPeerWell(python, [script, `${imapPort}`, `${imapsPort}`, certificateFile, password]);
  assert.equal(run.stdout.trim(), "done");

  const reader = await server.login("alice");
  assert.match(await reader.command("STATUS INBOX (MESSAGES UNSEEN)"), /MESSAGES 18 UNSEEN 18/);
  assert.match(await reader.command("STATUS Work (MESSAGES)"), /MESSAGES 7/);
  assert.doesNotMatch(await reader.command('LIST "" *'), /Projects/);
  assert.doesNotMatch(await reader.command('LSUB "" *'), /Work/);
  const bob = await server.login("bob");
  assert.match(await bob.command('LIST "" *'), /alice\/Work/);
  assert.deepEqual(server.faults(), []);
  for (const client of [reader, bob]) client.end();
});
