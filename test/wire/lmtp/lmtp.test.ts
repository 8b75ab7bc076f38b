/** Every situation of LMTP on the wire, as Cyrus 3.6 answers it. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { MboxName } from "../../../src/formats/ids.ts";
import {
  type LmtpServer,
  type LmtpServerOptions,
  type LmtpTestClient,
  startLmtpServer,
} from "../../support/lmtp-server.ts";
import { admin, type MailStore, startMailStore } from "../../support/mail-store.ts";

const success = /^250 2\.1\.5 Success SESSIONID=<[^>]+>$/;
const unknown = `550-Mailbox unknown.  Either there is no mailbox associated with this
550-name or you do not have authorization to see it.
550 5.1.1 User unknown`;

interface Site {
  readonly store: MailStore;
  readonly server: LmtpServer;
  stop(): Promise<void>;
}

async function startSite(imapdConf = "", options: LmtpServerOptions = { flags: ["-a"] }): Promise<Site> {
  const store = await startMailStore({ imapdConf });
  await store.create("user.alice", "user.alice.Work", "user.alice.Own", "user.bob", "user.full", "shared", "seen");
  const as = store.mail.as(admin);
  for (const [name, rights] of [
    ["shared", "lp"],
    ["seen", "l"],
    ["user.alice.Work", "p"],
  ] as const)
    await as.ask("acl.set", { name: name as MboxName, identifier: "anyone", change: "replace", rights });
  const limits = { STORAGE: 1, MESSAGE: undefined, "X-ANNOTATION-STORAGE": undefined, "X-NUM-FOLDERS": undefined };
  await as.ask("quota.set", { root: "user.full" as MboxName, limits });
  const server = await startLmtpServer(store, options);
  return {
    store,
    server,
    async stop() {
      await server.stop();
      await store.stop();
    },
  };
}

async function withSite(
  imapdConf: string,
  use: (client: LmtpTestClient, site: Site) => Promise<void>,
  options?: LmtpServerOptions,
): Promise<void> {
  const site = await startSite(imapdConf, options);
  try {
    const client = await site.server.connect();
    await use(client, site);
    client.socket.destroy();
  } finally {
    await site.stop();
  }
}

function count({ store }: Site, name: string): number {
  return store.mail.view((snapshot) => snapshot.header(snapshot.entry(name as MboxName)!.mbox!)!.exists);
}

/** The newest message of a mailbox, as stored. */
async function newest({ store }: Site, name: string): Promise<string> {
  await store.mail.settle();
  const { uniqueId, lastUid } = store.mail.view((snapshot) => {
    const entry = snapshot.entry(name as MboxName)!;
    return { uniqueId: entry.uniqueId, lastUid: snapshot.header(entry.mbox!)!.lastUid };
  });
  return readFileSync(
    join(store.directory, "spool/uuid", uniqueId[0]!, uniqueId[1]!, uniqueId, `${lastUid}.`),
    "latin1",
  );
}

let ids = 0;
const message = (body = "body\r\n", more = ""): string =>
  `From: x@example.org\r\nSubject: test\r\nMessage-ID: <${++ids}@example.org>\r\n${more}\r\n${body}`;

let site: Site;
let client: LmtpTestClient;
before(async () => {
  site = await startSite();
  client = await site.server.connect();
});
after(async () => {
  client.socket.destroy();
  await site.stop();
});

test("greeting, LHLO, and commands out of order", async () => {
  const fresh = await site.server.connect();
  assert.match(fresh.writes[0]!, /^220 mail\.example\.com Cyrus LMTP \S+ server ready\r\n$/);
  assert.match(
    await fresh.say("LHLO client.example"),
    /^250-mail\.example\.com\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-PIPELINING\n250-SIZE\n250-AUTH EXTERNAL\n250-IGNOREQUOTA\n250 Ok SESSIONID=<[^>]+>$/,
  );
  const says: readonly [string, string][] = [
    ["RCPT TO:<alice>", "503 5.5.1 Need MAIL command"],
    ["DATA", "503 5.5.1 No recipients"],
    ["MAIL FROM:", "501 5.5.4 Syntax error in parameters"],
    ["MAIL FROM:<sender@example.org> BOGUS=1", "501 5.5.4 Unrecognized parameters"],
    ["MAIL FROM:<sender@example.org> BODY=BINARYMIME", "503 5.5.1 Nested MAIL command"],
    ["RCPT TO:<alice>", "250 2.1.5 ok"],
    ["RCPT TO:<alice@mail.example.com>", "250 2.1.5 ok"],
    ["RCPT TO:<Alice>", "250 2.1.5 ok"],
    ["RCPT TO:<alice+nosuchfolder>", "250 2.1.5 ok"],
    ["RCPT TO:<nosuch@mail.example.com>", unknown],
    ["RCPT TO:<+shared>", "250 2.1.5 ok"],
    ["RCPT TO:<+shared.lists@mail.example.com>", unknown],
    ["RCPT TO:alice", "501 5.5.4 Syntax error in parameters"],
    ["RCPT TO:<alice> BOGUS", "501 5.5.4 Unrecognized parameters"],
    ["RCPT TO:<alice> IGNOREQUOTA", "250 2.1.5 ok"],
    ['RCPT TO:<"quoted alice">', unknown],
    ["RCPT TO:<bob> NOTIFY=NEVER", "501 5.5.4 Unrecognized parameters"],
    ["RCPT TO:<@relay:alice>", "250 2.1.5 ok"],
    ["RCPT TO:<>", unknown],
    ["RCPT TO:<+user.alice>", unknown],
    ["NOOP", "250 2.0.0 ok"],
    ["VRFY alice", "252 2.3.3 try RCPT to attempt delivery"],
    ["EXPN alice", "500 5.5.2 Syntax error"],
    ["HELO x", "500 5.5.2 Syntax error"],
    ["EHLO x", "500 5.5.2 Syntax error"],
    ["STARTTLS", "500 5.5.2 Syntax error"],
    ["AUTH PLAIN", "503 5.5.0 AUTH not permitted now"],
  ];
  for (const [line, wanted] of says) assert.equal(await fresh.say(line), wanted, line);
  assert.match(await fresh.say("RSET"), /^250 2\.0\.0 Ok SESSIONID=<[^>]+>$/);
  assert.equal(await fresh.say("AUTH PLAIN"), "504 Unrecognized authentication type.");
  assert.equal(await fresh.say("AUTH EXTERNAL ="), "235 Authenticated!");
  assert.equal(await fresh.say("AUTH EXTERNAL ="), "503 5.5.0 already authenticated");
  assert.equal(await fresh.say("MAIL FROM:<s> BODY=BINARYMIME"), "501 5.5.4 Unrecognized BODY type");
  assert.equal(await fresh.say("QUIT"), "221 2.0.0 bye");
  assert.equal(await fresh.reply(), "EOF");
});

test("no post right on a shared mailbox", async () => {
  await client.say("MAIL FROM:<>");
  assert.match(
    await client.say("RCPT TO:<+seen>"),
    /^550-You do not have permission.*\n(550-.*\n){3}550 5\.7\.1 Permission denied$/,
  );
  await client.say("RSET");
});

test("what is stored: trace fields, X for 8-bit, no old Return-Path, Message-ID and Date added", async () => {
  await client.say("LHLO client.example");
  const text = "From: x@example.org\r\nReturn-Path: <old>\r\n <fold>\r\nSubject: caf\xe9\r\n\r\nb\xe9dy\r\n..dot\r\n";
  const [reply] = await client.deliver(text, ["bob"]);
  assert.match(reply!, success);
  assert.match(
    await newest(site, "user.bob"),
    /^Return-Path: <sender@example\.org>\r\nReceived: from client\.example \(localhost \[127\.0\.0\.1\]\)\r\n\t by mail\.example\.com \(Cyrus \S+\) with LMTPA;\r\n\t \w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}\r\nX-Cyrus-Session-Id: \S+\r\nX-Sieve: CMU Sieve 3\.0\r\nFrom: x@example\.org\r\nSubject: cafX\r\nMessage-ID: <cmu-lmtpd-\d+-\d+-\d+@mail\.example\.com>\r\nDate: \w{3}, [^\r]+\r\n\r\nb\xe9dy\r\n\.dot\r\n$/,
  );
});

test("the sender: null, and without a domain", async () => {
  await client.deliver(message(), ["bob"], "<>");
  assert.match(await newest(site, "user.bob"), /^Return-Path: <>\r\n/);
  await client.deliver(message(), ["bob"], "<fred> AUTH=fred");
  const stored = await newest(site, "user.bob");
  assert.match(stored, /^Return-Path: <fred@mail\.example\.com>\r\n/);
  assert.match(stored, /\r\n\t \(authenticated user=fred bits=0\)\r\n\t by /);
});

test("messages that are refused, and odd ones that are not", async () => {
  const before = count(site, "user.bob");
  const refused: readonly [string, string][] = [
    ["Subject: x\r\n\r\nbo\0dy\r\n", "554 5.6.0 Message contains NUL characters"],
    ["this is not a header\r\n\r\nbody\r\n", "554 5.6.0 Message contains invalid header"],
    ["Message-ID: \r\n\r\nbody\r\n", "554 5.6.0 Message contains invalid header"],
    ["Subject: x\r\n\rbody\r\n\r\n", "554 5.6.0 Message contains invalid header"],
  ];
  for (const [text, wanted] of refused)
    assert.deepEqual(await client.deliver(text, ["bob", "alice"]), [wanted, wanted]);
  assert.equal(count(site, "user.bob"), before);
  for (const text of ["", "Subject: barenl\n\nbody\r\n", "Subject: no body\r\n", "\r\nno header\r\n"]) {
    const [reply] = await client.deliver(text, ["bob"]);
    assert.match(reply!, success);
  }
  assert.equal(count(site, "user.bob"), before + 4);
  assert.match(await newest(site, "user.bob"), /Date: [^\r]+\r\n\r\nno header\r\n$/);
});

test("duplicates: the same id and date to the same mailbox, also in one transaction", async () => {
  const before = count(site, "user.alice");
  const text = message();
  const all = await client.deliver(text, ["alice", "alice+nosuch", "Alice@x"]);
  for (const reply of all) assert.match(reply, success);
  assert.equal(count(site, "user.alice"), before + 1);
  // Date is missing, so the server's is part of the key: the id alone does not make a duplicate.
  const dated = message("a\r\n", "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n");
  for (let n = 0; n < 3; n++) assert.match((await client.deliver(dated, ["alice"]))[0]!, success);
  assert.equal(count(site, "user.alice"), before + 2);
  await client.deliver(dated, ["alice+Work"]);
  assert.equal(count(site, "user.alice.Work"), 1);
});

test("details: to the folder with the right to post, else to INBOX", async () => {
  const [work, own, inbox] = ["user.alice.Work", "user.alice.Own", "user.alice"].map((name) => count(site, name));
  await client.deliver(message(), ["alice+Work"]);
  await client.deliver(message(), ["alice+Own"]);
  await client.deliver(message(), ["alice+Own"], "<alice@x> AUTH=alice");
  assert.equal(count(site, "user.alice.Work"), work! + 1);
  assert.equal(count(site, "user.alice.Own"), own! + 1);
  assert.equal(count(site, "user.alice"), inbox! + 1);
  const [shared] = await client.deliver(message(), ["+shared"]);
  assert.match(shared!, success);
  assert.equal(count(site, "shared"), 1);
});

test("a poster named by AUTH= has the rights of its groups", async () => {
  const as = site.store.mail.as(admin);
  // root is in the group root everywhere.
  await as.ask("acl.set", { name: "seen" as MboxName, identifier: "group:root", change: "replace", rights: "lp" });
  for (const [poster, code] of [
    ["alice", "550"],
    ["root", "250"],
  ] as const) {
    await client.say(`MAIL FROM:<a@x> AUTH=${poster}`);
    assert.equal((await client.say("RCPT TO:<+seen>")).slice(0, 3), code);
    await client.say("RSET");
  }
  const [root] = await client.deliver(message(), ["+seen"], "<root@x> AUTH=root");
  assert.match(root!, success);
  assert.equal(count(site, "seen"), 1);
});

test("a SIZE that no message can have is refused, however many digits it has", async () => {
  const other = await site.server.connect();
  const refusal = "552 5.2.3 Message SIZE exceeds fixed maximum message size (4294967295)";
  for (const size of ["4294967296", "18446744073709551616", "9".repeat(400)]) {
    assert.equal(await other.say(`MAIL FROM:<s> SIZE=${size}`), refusal);
    await other.say("RSET");
  }
  assert.equal(await other.say("MAIL FROM:<s> SIZE=4294967295"), "250 2.1.0 ok");
  other.socket.destroy();
});

test("quota: one message may go over it; then RCPT says so, unless IGNOREQUOTA", async () => {
  const big = message(`${"x".repeat(78)}\r\n`.repeat(30));
  assert.match((await client.deliver(big, ["full"]))[0]!, success);
  await client.say("MAIL FROM:<s@example.org> SIZE=5000");
  assert.match(await client.say("RCPT TO:<full>"), /^452 4\.2\.2 Over quota SESSIONID=<[^>]+>$/);
  assert.equal(await client.say("RCPT TO:<full> IGNOREQUOTA"), "250 2.1.5 ok");
  assert.equal(await client.say("RCPT TO:<alice>"), "250 2.1.5 ok");
  await client.say("DATA");
  client.send(`${message()}.\r\n`);
  for (const reply of await client.replies(2)) assert.match(reply, success);
});

test("a transaction in one packet is answered in one write, and cut in single octets all the same", async () => {
  const piped = await site.server.connect();
  await piped.say("LHLO x");
  const { length } = piped.writes;
  const commands = "MAIL FROM:<a@b>\r\nRCPT TO:<bob>\r\nRCPT TO:<nosuch>\r\nRCPT TO:<alice>\r\nDATA\r\n";
  piped.send(commands);
  assert.deepEqual(await piped.replies(5), ["250 2.1.0 ok", "250 2.1.5 ok", unknown, "250 2.1.5 ok", "354 go ahead"]);
  assert.equal(piped.writes.length, length + 1);
  // The next transaction in the packet of the first one's end.
  piped.send(`${message("a\r\n")}.\r\n${commands}${message("..b\r\n")}.\r\nQUIT\r\n`);
  const rest = await piped.replies(10);
  assert.deepEqual(rest.slice(2, 7), ["250 2.1.0 ok", "250 2.1.5 ok", unknown, "250 2.1.5 ok", "354 go ahead"]);
  for (const n of [0, 1, 7, 8]) assert.match(rest[n]!, success);
  assert.equal(rest[9], "221 2.0.0 bye");
  assert.match(await newest(site, "user.bob"), /\r\n\r\n\.b\r\n$/);

  const split = await site.server.connect();
  for (const octet of `LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob>\r\nDATA\r\n${message("..c\r\n.d\r\n")}.\r\nQUIT\r\n`)
    split.socket.write(octet);
  const replies = await split.replies(6);
  assert.match(replies[4]!, success);
  assert.match(await newest(site, "user.bob"), /\r\n\r\n\.c\r\nd\r\n$/);
});

test("a client that ends its lines with LF", async () => {
  const bare = await site.server.connect();
  bare.send(`LHLO x\nMAIL FROM:<a@b>\nRCPT TO:<bob>\nDATA\n${message("x\r\n").replaceAll("\r", "")}..y\n.\nQUIT\n`);
  assert.match((await bare.replies(6))[4]!, success);
  assert.match(await newest(site, "user.bob"), /\r\n\r\nx\r\n\.y\r\n$/);
});

test("100 recipients", async () => {
  const names = Array.from({ length: 100 }, (_, n) => `many${n}`);
  await site.store.create(...names.map((name) => `user.${name}`));
  for (const reply of await client.deliver(message(), names)) assert.match(reply, success);
  for (const name of names) assert.equal(count(site, `user.${name}`), 1);
});

test("a large message goes through a file, and leaves none behind", async () => {
  const body = "0123456789abcdef\r\n".repeat(60_000);
  for (const reply of await client.deliver(message(body), ["alice", "bob"])) assert.match(reply, success);
  assert.ok((await newest(site, "user.bob")).endsWith(`\r\n\r\n${body}`));
  assert.equal(
    (await client.deliver(message(`${body}\0\r\n`), ["bob"]))[0],
    "554 5.6.0 Message contains NUL characters",
  );
  assert.equal(
    (await client.deliver(`X: ${"y".repeat(1_200_000)}\r\n\r\nbody\r\n`, ["bob"]))[0],
    "554 5.6.0 Message contains invalid header",
  );
  assert.match((await client.deliver(message(), ["bob"]))[0]!, success);
  assert.deepEqual(readdirSync(join(site.store.directory, "spool/stage.")), []);
});

test("a mailbox deleted between RCPT and the final dot takes nothing, in the tree of deleted ones either", () =>
  withSite("delete_mode: delayed", async (late, here) => {
    await here.store.create("user.gone");
    const as = here.store.mail.as(admin);
    await as.ask("acl.set", { name: "user.gone" as MboxName, identifier: "anyone", change: "replace", rights: "lx" });
    await late.say("MAIL FROM:<a@b>");
    assert.equal(await late.say("RCPT TO:<gone>"), "250 2.1.5 ok");
    await as.ask("mailboxes.delete", { name: "user.gone" as MboxName });
    await late.say("DATA");
    late.send(`${message()}.\r\n`);
    assert.equal(await late.reply(), unknown);
    const deleted = here.store.mail.view((snapshot) => snapshot.children("DELETED" as MboxName));
    assert.equal(deleted.length, 1);
    assert.equal(count(here, deleted[0]!.name), 0);
  }));

test("a connection that ends in the middle of a message delivers nothing", async () => {
  for (const body of ["half\r\n", "0123456789abcdef\r\n".repeat(150_000)]) {
    const before = count(site, "user.bob");
    for (const how of ["end", "destroy"] as const) {
      const broken = await site.server.connect();
      await broken.say("MAIL FROM:<a@b>");
      await broken.say("RCPT TO:<bob>");
      await broken.say("DATA");
      await new Promise<void>((done) => broken.socket.write(message(body), () => done()));
      broken.socket[how]();
      if (how === "end") assert.equal(await broken.reply(), "EOF");
    }
    assert.match((await client.deliver(message(), ["alice"]))[0]!, success);
    assert.equal(count(site, "user.bob"), before);
  }
});

test("maxmessagesize, before and after the message", () =>
  withSite("maxmessagesize: 2000\nserverinfo: off", async (limited, here) => {
    assert.equal(limited.writes[0], "220 mail.example.com server ready\r\n");
    assert.match(await limited.say("LHLO x"), /250-SIZE 2000\n/);
    assert.equal(
      await limited.say("MAIL FROM:<s@x> SIZE=30000"),
      "552 5.2.3 Message SIZE exceeds fixed maximum message size (2000)",
    );
    assert.equal(await limited.say("MAIL FROM:<s@x>"), "503 5.5.1 Nested MAIL command");
    await limited.say("RSET");
    for (const body of ["x\r\n".repeat(2_000), "x\r\n".repeat(200_000)]) {
      const [reply] = await limited.deliver(message(body), ["bob"]);
      assert.match(reply!, /^552 5\.2\.3 Message size \(\d+\) exceeds fixed maximum message size \(2000\)$/);
    }
    assert.match((await limited.deliver(message(), ["bob"]))[0]!, success);
    assert.doesNotMatch(await newest(here, "user.bob"), /\(Cyrus /);
  }));

test("options: reject8bit, final over quota, strict quota, catch-all, post user, case, loose names, no suppression", () =>
  withSite(
    `reject8bit: yes
lmtp_over_quota_perm_failure: yes
lmtp_strict_quota: yes
lmtp_catchall_mailbox: bob
postuser: bb
lmtp_downcase_rcpt: no
lmtp_fuzzy_mailbox_match: yes
duplicatesuppression: no`,
    async (other, here) => {
      const [eightBit] = await other.deliver("Subject: \xe9\r\n\r\nx\r\n", ["bob"]);
      assert.equal(eightBit, "554 5.6.0 Message contains non-ASCII characters in headers");
      await other.say("MAIL FROM:<s> SIZE=5000");
      assert.match(await other.say("RCPT TO:<full>"), /^552 5\.2\.2 Over quota SESSIONID=/);
      await other.say("RSET");
      const text = message();
      for (const reply of await other.deliver(text, ["nobody", "Alice", "bb+shared", "alice+wORK"]))
        assert.match(reply, success);
      await other.deliver(text, ["bob"]);
      assert.deepEqual(
        ["user.bob", "shared", "user.alice.Work", "user.alice"].map((name) => count(here, name)),
        [3, 1, 1, 0],
      );
    },
  ));

test("autocreate_post makes an INBOX", () =>
  withSite("autocreate_post: yes\nautocreate_quota: 0\nautocreate_users: anyone", async (maker, here) => {
    assert.match((await maker.deliver(message(), ["newuser"]))[0]!, success);
    assert.equal(count(here, "user.newuser"), 1);
  }));

test("without -a: AUTH as an administrator, and nobody else", () =>
  withSite(
    "",
    async (stranger) => {
      assert.match(await stranger.say("LHLO x"), /\n250-AUTH PLAIN LOGIN\n/);
      assert.equal(await stranger.say("MAIL FROM:<a@b>"), "430 Authentication required");
      assert.equal(await stranger.say("RCPT TO:<alice>"), "503 5.5.1 Need MAIL command");
      assert.equal(await stranger.say("AUTH"), "500 5.5.2 Syntax error");
      assert.equal(await stranger.say("AUTH BOGUS"), "504 Unrecognized authentication type.");
      const alice = Buffer.from("\0alice\0x").toString("base64");
      assert.equal(await stranger.say(`AUTH PLAIN ${alice}`), "501 5.5.4 undefined error!");
      assert.equal(await stranger.say("MAIL FROM:<a@b>"), "430 Authentication required");
      stranger.send("AUTH PLAIN\r\n");
      assert.equal(await stranger.reply(), "334 ");
      assert.equal(await stranger.say("*"), "501 5.5.4 client canceled authentication");
      const cyrus = Buffer.from("\0cyrus\0x").toString("base64");
      assert.equal(await stranger.say(`AUTH PLAIN ${cyrus}`), "235 Authenticated!");
      assert.equal(await stranger.say(`AUTH PLAIN ${cyrus}`), "503 5.5.0 already authenticated");
      assert.match((await stranger.deliver(message(), ["alice"]))[0]!, success);
    },
    { flags: [] },
  ));

test("on a Unix socket everybody is trusted; a user who is denied and a shutdown are temporary", () => {
  const path = `/tmp/pasargad-lmtp-${process.pid}.sock`;
  return withSite(
    "",
    async (local, { store }) => {
      assert.match((await local.deliver(message(), ["alice"]))[0]!, success);
      writeFileSync(join(store.directory, "conf/user_deny.db"), "bob\t2\tlmtp\tgo away\n");
      await local.say("MAIL FROM:<>");
      let denied = await local.say("RCPT TO:<bob>");
      for (; denied === "250 2.1.5 ok"; denied = await local.say("RCPT TO:<bob>")) await setTimeout(20);
      assert.equal(denied, "451 4.2.1 Mailbox is disabled");
      mkdirSync(join(store.directory, "conf/msg"), { recursive: true });
      writeFileSync(join(store.directory, "conf/msg/shutdown"), "down for a while\n");
      // The file is looked at about once a second.
      let reply = await local.say("NOOP");
      for (; reply === "250 2.0.0 ok"; reply = await local.say("NOOP")) await setTimeout(20);
      assert.equal(reply, "421 4.3.2 down for a while");
      assert.equal(await local.reply(), "EOF");
    },
    { socketPath: path },
  );
});
