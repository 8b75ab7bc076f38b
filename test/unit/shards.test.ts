/** A whole server whose store is three shards: what clients and administrators see of that (nothing), and one shard's trouble, which is not the others'. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { databasePath, shardOfOwner } from "../../src/store/index.ts";
import { LmtpTestClient } from "../support/lmtp-server.ts";
import { type RunningServer, startServer, waitFor } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";

const SHARDS = 3;
/** Two in each shard. */
const users = ["alice", "anna", "bob", "carol", "eve", "jane"];
const programs = resolve(import.meta.dirname, "../../src/programs");

let server: RunningServer;
const sessions = new Map<string, ImapClient>();

before(async () => {
  server = await startServer({ users, imapdConf: `store_shards: ${SHARDS}` });
  for (const user of [...users, "cyrus"]) sessions.set(user, await server.login(user));
});
after(async () => {
  for (const session of sessions.values()) session.end();
  await server?.stop();
});

const as = (user: string, command: string): Promise<string> => sessions.get(user)!.command(command);

/** The writer of a shard; undefined while there is none. */
function writerOf(shard: number): number | undefined {
  return server.pids("cyr_stored").find((pid) => commandLine(pid).join(" ").includes(` -s ${shard}`));
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code!)) return [];
    throw error;
  }
}

async function deliver(message: string, recipients: readonly string[]): Promise<string[]> {
  const client = new LmtpTestClient(connect(server.lmtpPort, "127.0.0.1"));
  await client.reply();
  await client.say("LHLO client.example.org");
  const replies = await client.deliver(message, recipients);
  client.socket.destroy();
  return replies;
}

function run(program: string, ...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      join(programs, `${program}.ts`),
      "-C",
      join(server.dir, "imapd.conf"),
      ...args,
    ],
    {
      encoding: "utf8",
      env: { ...process.env, PASARGAD_LOG: `file:${join(server.dir, "log")}`, CYRUS_USER: "root", NODE_OPTIONS: "" },
    },
  );
  return { status, text: stdout + stderr };
}

test("each shard has its writer, and each user is in one of them", () => {
  for (let shard = 0; shard < SHARDS; shard++) {
    assert.ok(writerOf(shard) !== undefined, `shard ${shard}`);
    assert.equal(users.filter((user) => shardOfOwner(user, SHARDS) === shard).length, 2);
    assert.ok(readFileSync(databasePath(join(server.dir, "conf/store"), shard)).length > 0);
  }
});

test("one message to recipients in all shards; a large one, too", async () => {
  const recipients = users.map((user) => `${user}@localhost`);
  assert.ok(
    (await deliver("Subject: small\r\nMessage-ID: <2@x>\r\n\r\nx\r\n", recipients)).every((r) => r.startsWith("250")),
  );
  const large = `Subject: large\r\nMessage-ID: <3@x>\r\n\r\n${"a line of text\r\n".repeat(40_000)}`;
  assert.ok((await deliver(large, recipients)).every((reply) => reply.startsWith("250")));
  for (const user of users) {
    assert.match(await as(user, "SELECT INBOX"), /\* 2 EXISTS/, user);
    assert.match(await as(user, "FETCH 2 RFC822.SIZE"), /RFC822\.SIZE 6\d{5}\)/, user);
    assert.match(await as(user, "FETCH 2 BODY.PEEK[TEXT]<599990.100>"), /a line of text/, user);
  }
});

test("LIST for an administrator: all, in name order", async () => {
  await as("jane", "CREATE Work");
  await as("cyrus", "CREATE shared");
  const names = [...(await as("cyrus", 'LIST "" "*"')).matchAll(/ "?([\w/]+)"?\n/g)].map(([, name]) => name);
  const wanted = [...users.map((user) => `user/${user}`), "user/jane/Work", "shared"];
  assert.deepEqual(names, wanted);
  assert.equal((await as("cyrus", 'LIST "" "user/%"')).match(/\* LIST/g)!.length, users.length);
});

test("rights on, and subscriptions to, a mailbox in another shard", async () => {
  await as("bob", "CREATE Plans");
  await as("bob", "SETACL Plans jane lrs");
  assert.match(await as("jane", 'LIST "" "*"'), /Other Users\/bob\/Plans/);
  assert.match(await as("jane", 'SUBSCRIBE "Other Users/bob/Plans"'), /TAG OK/);
  assert.match(await as("jane", 'SUBSCRIBE "Other Users/bob/None"'), /TAG NO/);
  assert.match(await as("jane", 'LSUB "" "*"'), /Other Users\/bob\/Plans/);
  await sessions.get("bob")!.append("Plans", "Subject: plan\r\n\r\nx\r\n");
  assert.match(await as("jane", 'SELECT "Other Users/bob/Plans"'), /\* 1 EXISTS/);
  assert.match(await as("jane", "STORE 1 +FLAGS (\\Seen)"), /FLAGS \(.*\\Seen/);
  assert.match(await as("jane", 'STATUS "Other Users/bob/Plans" (UNSEEN)'), /UNSEEN 0/);
  assert.match(await as("bob", "STATUS Plans (UNSEEN)"), /UNSEEN 1/);
  // Told of what comes in there, although the news are another writer's.
  sessions.get("jane")!.send("i1 IDLE\r\n");
  await sessions.get("jane")!.until(/\+ idling/);
  await sessions.get("bob")!.append("Plans", "Subject: more\r\n\r\nx\r\n");
  await sessions.get("jane")!.until(/\* 2 EXISTS/);
  sessions.get("jane")!.send("DONE\r\n");
  await sessions.get("jane")!.until(/i1 OK[^\n]*\n/);
  await as("jane", "SELECT INBOX");
});

test("quota roots of users in different shards", async () => {
  for (const user of ["alice", "bob", "jane"]) {
    assert.match(await as("cyrus", `SETQUOTA user/${user} (STORAGE 2000)`), /TAG OK/);
  }
  assert.match(await as("cyrus", "SETQUOTA user (STORAGE 2000)"), /TAG NO/);
  assert.match(await as("jane", "GETQUOTAROOT INBOX"), /STORAGE 62\d 2000/);
  const { status, text } = run("cyr_quota", "-f");
  assert.equal(status, 0, text);
  assert.deepEqual(
    [...text.matchAll(/ 2000 +\d+ +(\d+) +STORAGE (\S+)/g)].map(([, used, root]) => `${root} ${used}`),
    ["user/alice 625", "user/bob 625", "user/jane 625"],
  );
  assert.match(await as("bob", "SELECT INBOX"), /TAG OK/);
});

test("SIGKILL of one shard's writer: the others' users do not notice, its own wait a moment", async () => {
  const victim = writerOf(1)!;
  process.kill(victim, "SIGSTOP");
  const waiting = as("bob", "STORE 1 +FLAGS (\\Flagged)");
  let isAnswered = false;
  void waiting.then(() => (isAnswered = true));
  for (const user of ["alice", "jane"]) {
    assert.match(await as(user, "STORE 1 +FLAGS (\\Flagged)"), /TAG OK/);
    assert.match(await as(user, 'LIST "" "*"'), /TAG OK/);
    assert.match(await sessions.get(user)!.append("INBOX", "Subject: goes on\r\n\r\nx\r\n"), /TAG OK/);
  }
  assert.match((await deliver("Subject: on\r\n\r\nx\r\n", ["eve@localhost"]))[0]!, /^250/);
  assert.ok(!isAnswered);
  process.kill(victim, "SIGKILL");
  assert.match(await waiting, /TAG OK/);
  assert.match(await as("bob", "FETCH 1 FLAGS"), /\\Flagged/);
  assert.notEqual(writerOf(1), victim);
});

test("all writers killed at once: everything goes on", async () => {
  const victims = server.pids("cyr_stored");
  for (const pid of victims) process.kill(pid, "SIGKILL");
  const appended = await Promise.all(
    users.map((user) => sessions.get(user)!.append("INBOX", "Subject: later\r\n\r\nx\r\n")),
  );
  for (const answer of appended) assert.match(answer, /TAG OK/);
  await waitFor(() => server.pids("cyr_stored").filter((pid) => !victims.includes(pid)).length === SHARDS, "writers");
});

test("a user is deleted with what other shards have of them", async () => {
  assert.match(await as("cyrus", "SETACL user/jane cyrus lrswipkxtea"), /TAG OK/);
  assert.match(await as("cyrus", "DELETE user/jane"), /TAG OK/);
  assert.match(await as("cyrus", "CREATE user/jane"), /TAG OK/);
  const jane = await server.login("jane");
  assert.match(await jane.command('STATUS "Other Users/bob/Plans" (UNSEEN)'), /UNSEEN 2/);
  assert.doesNotMatch(await jane.command('LSUB "" "*"'), /Plans/);
  jane.end();
});

test("programs see all shards while the writers run", () => {
  assert.deepEqual(run("cyr_cyrusdb", "-r"), { status: 0, text: "" });
  assert.deepEqual(run("cyr_cyrusdb", "-c"), { status: 0, text: "" });
  assert.deepEqual(run("cyr_reconstruct", "-q", "-r", "user/anna", "user/carol", "user/eve", "shared"), {
    status: 0,
    text: "",
  });
  assert.equal(run("cyr_expire", "-X", "0", "-D", "0").status, 0);
  assert.deepEqual(server.faults(), []);
});
