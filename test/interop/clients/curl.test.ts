/** curl: imap:// and imaps:// URLs (RFC 5092), uploads, custom commands. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningServer, startServer } from "../../support/server.ts";
import { message } from "./message.ts";
import { requirePeer, runPeer, runPeerWell } from "./require-peer.ts";

let server: RunningServer;
before(async () => {
  server = await startServer({ users: ["alice"] });
});
after(() => server.stop());

test("curl appends, lists, searches, fetches, deletes; in the clear, with STARTTLS and over imaps", async (t) => {
  const curl = requirePeer(t, "curl");
  if (curl === undefined) return;
  const login = ["--silent", "--show-error", "--user", `alice:${server.password}`];
  const plain = `imap://localhost:${server.imapPort}`;
  const secure = `imaps://localhost:${server.imapsPort}`;
  const tls = ["--cacert", server.certificateFile];
  const run = async (...args: string[]): Promise<string> => (await runPeerWell(curl, [...login, ...args])).stdout;

  const texts = ["first", "second", "third"].map((subject) => message(subject));
  const upload = async (text: string, ...target: string[]): Promise<void> => {
    const file = join(server.dir, "upload.eml");
    writeFileSync(file, text, "latin1");
    await run(...target, "-T", file);
  };
  for (const text of texts) await upload(text, `${plain}/INBOX`);
  const large = message("large", "0123456789abcde\r\n".repeat(120_000));
  await upload(large, ...tls, `${secure}/INBOX`);

  assert.equal(await run(`${plain}/INBOX;MAILINDEX=2`), texts[1]);
  assert.equal(await run(...tls, `${secure}/INBOX;UID=4`), large);
  assert.equal(
    await run(...tls, "--ssl-reqd", `${plain}/INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)`),
    "Subject: first\r\n\r\n",
  );
  assert.match(await run(`${plain}/INBOX?SUBJECT%20third`), /^\* SEARCH 3\r\n/);
  assert.match(await run(plain), /\* LIST \([^)]*\) "\/" INBOX/);
  await run(plain, "-X", "CREATE Kept");
  assert.match(await run(`${plain}/INBOX`, "-X", "FETCH 1:* (FLAGS ENVELOPE)"), /"third"/);
  await run(`${plain}/INBOX`, "-X", "COPY 1:2 Kept");
  await run(`${plain}/INBOX`, "-X", "STORE 1 +Flags \\Deleted");
  await run(`${plain}/INBOX`, "-X", "EXPUNGE");

  const wrong = await runPeer(curl, ["--silent", "--user", "alice:wrong", `${plain}/INBOX;MAILINDEX=1`]);
  assert.equal(wrong.status, 67, "login denied");
  const stranger = await runPeer(curl, [...login, `${secure}/INBOX;MAILINDEX=1`]);
  assert.equal(stranger.status, 60, "an unknown certificate");
  const missing = await runPeer(curl, [...login, `${plain}/Nowhere;MAILINDEX=1`]);
  assert.notEqual(missing.status, 0);

  const reader = await server.login("alice");
  assert.match(await reader.command("STATUS Kept (MESSAGES)"), /MESSAGES 2/);
  assert.match(await reader.command("SELECT INBOX"), /\* 3 EXISTS/);
  assert.match(await reader.command("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), /second[^]*third[^]*large/);
  assert.deepEqual(server.faults(), []);
  reader.end();
});
