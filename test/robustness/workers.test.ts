/** Sessions of different workers on one mailbox, and mail that comes in by LMTP. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Random } from "../simulation/random.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { type ImapClient, WireClient } from "../support/wire-client.ts";

/** What a change may take to be seen by a session of another worker. */
const seenWithinMs = 300;
let server: RunningServer;
before(async () => {
  server = await startServer({ users: ["alice", "bob"], prefork: 2 });
});
after(() => server?.stop());

/** One session of each worker. The kernel decides who accepts, so the first worker is stopped while the second session comes. */
async function sessionsOfTwoWorkers(user: string): Promise<readonly [ImapClient, ImapClient]> {
  const lastWorker = (): number =>
    Number([...server.log().matchAll(/imap\[(\d+)\]: login: [^\n]*User logged in/g)].at(-1)![1]!);
  const first = await server.login(user);
  const worker = lastWorker();
  process.kill(worker, "SIGSTOP");
  try {
    const second = await server.login(user);
    assert.notEqual(lastWorker(), worker, "two workers have accepted");
    return [first, second];
  } finally {
    process.kill(worker, "SIGCONT");
  }
}

async function deliver(client: WireClient, recipient: string, subject: string): Promise<void> {
  client.send(`MAIL FROM:<a@example.org>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  await client.until(/354 [^\n]*\n/);
  client.send(`Subject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\nx\r\n.\r\n`);
  await client.until(/250 2\.1\.5[^\n]*\n/);
}

test("changes of one worker and of LMTP reach sessions in IDLE of both workers", async (t) => {
  const [a, b] = await sessionsOfTwoWorkers("alice");
  for (const client of [a, b]) await client.command("SELECT INBOX");
  const lmtp = new WireClient(server.lmtpPort);
  await lmtp.until(/^220 [^\n]*\n/);
  lmtp.send("LHLO test\r\n");
  await lmtp.until(/250 [^\n]*\n/);
  b.send("i IDLE\r\n");
  await b.until(/\+ [^\n]*\n/);
  const times: number[] = [];
  const timed = async (act: () => Promise<unknown>, news: RegExp): Promise<void> => {
    const began = performance.now();
    await act();
    await b.until(news);
    times.push(performance.now() - began);
  };
  for (let n = 1; n <= 20; n++) {
    await timed(() => deliver(lmtp, "alice", `by-lmtp-${n}`), new RegExp(`\\* ${2 * n - 1} EXISTS\r\n`));
    await timed(() => a.append("INBOX", `Subject: ${n}\r\n\r\nx\r\n`), new RegExp(`\\* ${2 * n} EXISTS\r\n`));
    await timed(() => a.command(`STORE ${n} +FLAGS (\\Flagged)`), new RegExp(`\\* ${n} FETCH \\([^\n]*Flagged`));
  }
  await timed(() => a.command("STORE 5 +FLAGS.SILENT (\\Deleted)").then(() => a.command("EXPUNGE")), /\* 5 EXPUNGE/);
  b.send("DONE\r\n");
  await b.until(/i OK/);
  times.sort((x, y) => x - y);
  const middle = times[times.length >> 1]!;
  t.diagnostic(`change and news: half within ${middle.toFixed(1)} ms, all within ${times.at(-1)!.toFixed(1)} ms`);
  // Half of them, because a machine with other work may stop any single one.
  assert.ok(middle < seenWithinMs, `${middle} ms`);
  lmtp.send("QUIT\r\n");
  for (const client of [a, b, lmtp]) client.end();
});

test("twenty sessions of both workers change one mailbox at once, and end with the same view", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.login("bob")));
  const [first] = clients as [ImapClient];
  for (let n = 0; n < 50; n++) assert.match(await first.append("INBOX", `Subject: start ${n}\r\n\r\nx\r\n`), /TAG OK/);
  for (const client of clients) assert.match(await client.command("SELECT INBOX"), /\* 50 EXISTS/);
  await Promise.all(
    clients.map(async (client, number) => {
      const random = new Random(number + 1);
      for (let turn = 0; turn < 25; turn++) {
        const uid = 1 + random.below(80);
        const command = random.pick([
          `UID STORE ${uid} +FLAGS (k${random.below(5)})`,
          `UID STORE ${uid} -FLAGS (k${random.below(5)} \\Seen)`,
          `UID STORE ${uid}:${uid + 3} FLAGS (\\Seen)`,
          `UID FETCH ${uid}:* (FLAGS BODY[])`,
          "NOOP",
          "UID SEARCH UNSEEN",
          `UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`,
          `UID EXPUNGE ${uid}`,
          `UID COPY ${uid} INBOX`,
          `APPEND INBOX (\\Answered) {20+}\r\nSubject: more\r\n\r\nx\r\n`,
        ]);
        assert.match(await client.command(command), /TAG (OK|NO)/);
      }
    }),
  );
  const views = await Promise.all(
    clients.map(async (client) => {
      await client.command("NOOP");
      const lines = (await client.command("FETCH 1:* (UID FLAGS)"))
        .split("\n")
        .filter((line) => /^\* \d+ FETCH/.test(line));
      return lines.map((line) =>
        line
          .replaceAll(/\\Recent ?/g, "")
          .replace(/FLAGS \(([^)]*)\)/, (_, flags: string) => flags.trim().split(" ").sort().join(",")),
      );
    }),
  );
  for (const view of views) assert.deepEqual(view, views[0]);
  assert.ok(views[0]!.length > 10);
  assert.deepEqual(server.faults(), []);
  for (const client of clients) client.end();
});
