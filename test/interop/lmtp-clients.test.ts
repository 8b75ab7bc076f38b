/** Real LMTP clients: swaks, and Postfix's smtp-source. Debian: swaks, postfix. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { MboxName } from "../../src/formats/ids.ts";
import { startLmtpServer } from "../support/lmtp-server.ts";
import { type MailStore, startMailStore } from "../support/mail-store.ts";

const run = promisify(execFile);
const TIMEOUT_MILLISECONDS = 30_000;

/** Without the program the test is skipped; in CI, where it must be there, it fails. */
function has(t: TestContext, path: string): boolean {
  if (existsSync(path) || process.env["CI"] === "true") return true;
  t.skip(`no ${path} on this machine`);
  return false;
}

async function start(t: TestContext, socket = false) {
  const store = await startMailStore({ imapdConf: "duplicatesuppression: no" });
  await store.create("user.alice", "user.bob");
  const socketPath = join(store.directory, "lmtp");
  const server = await startLmtpServer(store, socket ? { socketPath } : { flags: ["-a"] });
  t.after(async () => {
    await server.stop();
    await store.stop();
  });
  return { store, port: server.port, socketPath };
}

const count = (store: MailStore, name: string): number =>
  store.mail.view((snapshot) => snapshot.header(snapshot.entry(name as MboxName)!.mbox!)!.exists);

for (const socket of [false, true]) {
  test(`swaks delivers over ${socket ? "a Unix socket" : "TCP"}, some recipients unknown`, async (t) => {
    if (!has(t, "/usr/bin/swaks")) return;
    const { store, port, socketPath } = await start(t, socket);
    const where = socket ? ["--socket", socketPath] : ["--server", "127.0.0.1", "--port", String(port)];
    const args = ["--protocol", "LMTP", ...where, "--from", "s@example.org", "--body", ".dot\n..two\n"];
    const { stdout } = await run("/usr/bin/swaks", [...args, "--to", "alice@x,nosuch@x,bob+Work@x"], {
      timeout: TIMEOUT_MILLISECONDS,
    });
    assert.match(stdout, /<\*\* 550 5\.1\.1 User unknown/);
    assert.equal(stdout.match(/250 2\.1\.5 Success/g)?.length, 2);
    assert.deepEqual([count(store, "user.alice"), count(store, "user.bob")], [1, 1]);
  });
}

test("smtp-source delivers many messages over several connections", async (t) => {
  if (!has(t, "/usr/sbin/smtp-source")) return;
  const { store, port } = await start(t);
  const many = ["-L", "-s", "4", "-m", "100", "-l", "4096", "-f", "s@example.org", "-t", "alice@x"];
  await run("/usr/sbin/smtp-source", [...many, `inet:127.0.0.1:${port}`], { timeout: TIMEOUT_MILLISECONDS });
  assert.equal(count(store, "user.alice"), 100);
});
