/** SIGKILL of a worker and of the writer while clients work: a pause at the most for others, and nothing acknowledged is lost. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type RunningServer, startServer, waitFor } from "../support/server.ts";
import { ImapClient } from "../support/wire-client.ts";

let server: RunningServer;
before(async () => {
  server = await startServer({ users: ["alice", "bob"], prefork: 2 });
});
after(() => server?.stop());

test("a worker is killed: its sessions end, those of other workers go on, a new one takes over", async () => {
  // Over imaps and imap, so that there are at least two workers whoever accepts what.
  const clients = await Promise.all(Array.from({ length: 12 }, () => server.login("alice")));
  for (const client of clients) await client.command("SELECT INBOX");
  const workers = server.pids("cyr_imapd");
  assert.ok(workers.length >= 1);
  const [victim] = workers as [number];
  const ofVictim = new Set(
    [...server.log().matchAll(/imap\[(\d+)\]: login: [^\n]* alice /g)].flatMap((match, index) =>
      Number(match[1]) === victim ? [index] : [],
    ),
  );
  process.kill(victim, "SIGKILL");
  await waitFor(() => !server.pids("cyr_imapd").includes(victim), "the worker to be gone");
  await waitFor(() => clients.filter((client) => client.closed).length === ofVictim.size, "its sessions to end");
  for (const client of clients.filter((each) => !each.closed))
    assert.match(await client.append("INBOX", "Subject: goes on\r\n\r\nx\r\n"), /TAG OK/);
  await waitFor(() => server.pids("cyr_imapd").length >= workers.length, "a new worker");
  const newcomer = await server.login("alice");
  assert.match(await newcomer.command("STATUS INBOX (MESSAGES)"), new RegExp(`MESSAGES ${12 - ofVictim.size}\\)`));
  for (const client of [...clients, newcomer]) client.end();
});

test("the writer is killed three times while fifty clients append: all that was acknowledged is there, once", async (t) => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => ImapClient.login(server.imapPort, "bob")));
  const acknowledged = new Set<string>();
  const refused: string[] = [];
  const state = { isRunning: true };
  const appending = clients.map(async (client, number) => {
    for (let n = 0; state.isRunning; n++) {
      const subject = `client-${number}-${n}`;
      const answer = await client.append("INBOX", `Subject: ${subject}\r\n\r\nbody\r\n`);
      if (/TAG OK/.test(answer)) acknowledged.add(subject);
      else refused.push(answer);
    }
  });
  for (let round = 1; round <= 3; round++) {
    const before = acknowledged.size;
    await waitFor(() => acknowledged.size > before + 150, "appends");
    const [writer] = server.pids("cyr_stored") as [number];
    process.kill(writer, "SIGKILL");
    await waitFor(() => server.pids("cyr_stored").some((pid) => pid !== writer), "a new writer");
  }
  const before = acknowledged.size;
  await waitFor(() => acknowledged.size > before + 150, "appends after the last kill");
  state.isRunning = false;
  await Promise.all(appending);
  assert.deepEqual(refused, []);

  const reader = await server.login("bob");
  await reader.command("SELECT INBOX");
  const text = await reader.command("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]", 60_000);
  const subjects = [...text.matchAll(/Subject: (client-\d+-\d+)\n/g)].map((match) => match[1]!);
  t.diagnostic(`${acknowledged.size} acknowledged, ${subjects.length} there`);
  const there = new Set(subjects);
  assert.deepEqual(
    [...acknowledged].filter((subject) => !there.has(subject)),
    [],
    "lost",
  );
  assert.equal(there.size, subjects.length, "appended twice");
  assert.deepEqual(server.faults(), []);
  for (const client of [...clients, reader]) client.end();
});
