/** Deep, wide and endless structures: in messages, in search keys, in sets, lists and names. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { memoryOf, type RunningServer, startServer } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";
import { Bystander } from "./bystander.ts";

const mib = 1_048_576;
let server: RunningServer;
let bystander: Bystander;
let alice: ImapClient;
before(async () => {
  server = await startServer({ users: ["alice", "bob"] });
  bystander = await Bystander.join(server, "bob");
  alice = await server.login("alice");
  await alice.command("SELECT INBOX");
});
after(async () => {
  for (const client of [alice, bystander]) client?.end();
  await server?.stop();
});

/** The answer to a command that may end its session. */
async function alone(command: string): Promise<string> {
  const client = await server.login("alice");
  await client.command("SELECT INBOX");
  client.send(`TAG ${command}\r\n`);
  const answer = await client.until(/(^|\n)(TAG|\* BYE) [^\n]*\n/);
  client.end();
  return answer;
}

test("messages nested deeper and wider than any mail", async (t) => {
  const nested = (depth: number): string => {
    let text = "";
    for (let n = 0; n < depth; n++) text += `Content-Type: multipart/mixed; boundary="b${n}"\r\n\r\n--b${n}\r\n`;
    return `MIME-Version: 1.0\r\n${text}\r\ninside\r\n`;
  };
  const messages: readonly string[] = [
    nested(20_000),
    `MIME-Version: 1.0\r\n${"Content-Type: message/rfc822\r\n\r\n".repeat(20_000)}\r\nx\r\n`,
    `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\nx\r\n".repeat(100_000)}--b--\r\n`,
    `${Array.from({ length: 50_000 }, (_, n) => `X-Field-${n}: v\r\n`).join("")}\r\nx\r\n`,
    `Subject: ${"x".repeat(1_000_000)}\r\n\r\nx\r\n`,
    `Subject: a\r\n${" folded\r\n".repeat(100_000)}\r\nx\r\n`,
    `To: ${"a@b, ".repeat(50_000)}c@d\r\n\r\nx\r\n`,
    `To: ${"(".repeat(100_000)}\r\n\r\nx\r\n`,
    `To: ${"g: ".repeat(30_000)}\r\n\r\nx\r\n`,
    `Content-Type: text/plain${"; a=b".repeat(50_000)}\r\n\r\nx\r\n`,
    `Content-Type: text/plain; name*0=${"a; name*1=b".repeat(10_000)}\r\n\r\nx\r\n`,
    `Subject: ${"=?utf-8?q?a?= ".repeat(50_000)}\r\n\r\nx\r\n`,
    `References: ${"<a@b> ".repeat(50_000)}\r\n\r\nx\r\n`,
    "\r\n".repeat(500_000),
    ":\r\n".repeat(200_000),
    "x",
  ];
  const [worker] = server.pids("cyr_imapd") as [number];
  const run = async (): Promise<void> => {
    for (const text of messages) assert.match(await alice.append("INBOX", text), /TAG (OK|NO)/, text.slice(0, 50));
    await alice.command("NOOP");
    assert.match(await alice.command("FETCH 1:* (BODYSTRUCTURE)"), /TAG OK/);
    assert.match(await alice.command("FETCH 1:* (ENVELOPE BODY)"), /TAG OK/);
    assert.match(await alice.command(`FETCH 1:* (BODY.PEEK[${"1.".repeat(90)}1] BODY.PEEK[1.MIME])`), /TAG OK/);
    assert.match(await alice.command(`FETCH 1:* BODY.PEEK[${"1.".repeat(5_000)}1]`), /TAG (BAD|OK)/);
    assert.match(await alice.command("SEARCH OR BODY inside TEXT folded"), /TAG OK/);
    assert.match(await alice.command('SEARCH HEADER X-Field-49999 "" SUBJECT a TO c@d'), /TAG OK/);
  };
  const { answered, p99Ms, longestMs } = await bystander.during(run);
  t.diagnostic(`others: ${answered} answers, 99 % within ${p99Ms} ms, longest wait ${longestMs} ms`);
  const { peak } = memoryOf(worker);
  assert.ok(peak < 600 * mib, `${Math.round(peak / mib)} MiB`);
  await bystander.isWell();
});

test("search keys nested, and many", async () => {
  const ok = /TAG OK/;
  const bad = /TAG BAD|BYE \[TOOBIG\]/;
  const nest = (open: string, close: string, count: number): string => open.repeat(count) + "ALL" + close.repeat(count);
  assert.match(await alice.command(`SEARCH ${nest("(", ")", 500)}`), ok);
  assert.match(await alice.command(`SEARCH ${nest("NOT ", "", 500)}`), ok);
  assert.match(await alice.command(`SEARCH ${nest("OR SEEN ", "", 900)}`), ok);
  for (const [open, close] of [
    ["(", ")"],
    ["NOT ", ""],
    ["(NOT ", ")"],
    ["OR NOT (ALL ", ") ALL"],
  ] as const)
    assert.match(await alone(`SEARCH ${nest(open, close, 20_000)}`), bad, open);
  assert.match(await alice.command(`SEARCH ${"UNSEEN ".repeat(10_000)}ALL`), ok);
  await bystander.isWell();
});

test("sequence sets: huge, reversed, overlapping", async () => {
  const sets = [
    "4294967295:1",
    "*:4294967295",
    Array.from({ length: 15_000 }, () => "1:*").join(","),
    Array.from({ length: 20_000 }, (_, n) => 2 * n + 1).join(","),
    Array.from({ length: 6_000 }, (_, n) => `${4_294_967_295 - n}:${n + 1}`).join(","),
  ];
  for (const set of sets) {
    assert.match(await alice.command(`UID FETCH ${set} FLAGS`), /TAG OK/, set.slice(0, 30));
    assert.match(await alice.command(`UID SEARCH UID ${set}`), /TAG OK/, set.slice(0, 30));
    assert.match(await alice.command(`UID STORE ${set} +FLAGS.SILENT (\\Seen)`), /TAG OK/, set.slice(0, 30));
  }
  for (const set of ["1:99999999999", "0", "1,", ",1", "1::2", "1:2:3", "-1", "1.5", "$$"])
    assert.match(await alice.command(`FETCH ${set} FLAGS`), /TAG (BAD|NO)/, set);
  await bystander.isWell();
});

test("100,000 flags, and names of flags that are none", async () => {
  const flags = Array.from({ length: 100_000 }, (_, n) => `f${n}`).join(" ");
  assert.match(await alone(`STORE 1 FLAGS (${flags})`), /TAG (BAD|NO)|BYE \[TOOBIG\]/);
  const many = Array.from({ length: 500 }, (_, n) => `f${n}`).join(" ");
  assert.match(await alice.command(`STORE 1 +FLAGS (${many})`), /TAG NO/);
  for (const flag of ["\\", "\\Nonsense", "a(b", '"quoted"', "a\x01b", "\xe9", "a*b", "a%b"])
    assert.match(await alice.command(`STORE 1 +FLAGS (${flag})`), /TAG (BAD|NO)/, flag);
  assert.match(await alice.command(`STORE 1 +FLAGS (${"x".repeat(5_000)})`), /TAG (BAD|NO|OK)/);
  await bystander.isWell();
});

test("mailbox names with control characters, wrong encodings, paths, and without end", async () => {
  const literal = (name: string): string => `{${name.length}+}\r\n${name}`;
  const names = [
    "a\x00b",
    "a\rb",
    "a\nb",
    "a\r\nx NOOP",
    "a\x07b",
    "a\x7fb",
    "a\x80b",
    "\xff\xfe",
    "&",
    "&AGE-",
    "&2AA-",
    "&Jjo!",
    "&AAA-",
    "&AAo-",
    "..",
    "../../etc/passwd",
    "a/../../b",
    "a//b",
    "/a",
    "a/",
    "",
    "user/bob/mine",
    "x".repeat(5_000),
    "x/".repeat(1_000) + "x",
    "a*b",
    "a%b",
    "__proto__",
    "constructor",
    "~bob",
    "#news",
    "a\tb",
  ];
  // Empty levels are left out, as Cyrus does.
  const permitted = new Set([
    "__proto__",
    "constructor",
    "a/",
    "/a",
    "a//b",
    "user/bob/mine",
    "#news",
    "~bob",
    "a*b",
    "a%b",
  ]);
  for (const name of names) {
    for (const verb of ["CREATE", "SUBSCRIBE", "DELETE", "SELECT", "SETACL"]) {
      const rest = verb === "SETACL" ? " bob lrs" : "";
      const answer = await alice.command(`${verb} ${literal(name)}${rest}`);
      assert.match(answer, /TAG (NO|BAD|OK)/, JSON.stringify(name));
      assert.doesNotMatch(answer, /(^|\n)x OK|[\0\x07\x7f-\xff]/, JSON.stringify(name));
      if (verb === "CREATE" && !permitted.has(name)) assert.match(answer, /TAG (NO|BAD)/, JSON.stringify(name));
      if (verb === "CREATE") await alice.command("NOOP");
    }
    assert.match(await alice.command(`RENAME INBOX ${literal(name)}`), /TAG (NO|BAD|OK)/);
  }
  const list = await alice.command('LIST "" *');
  assert.match(list, /TAG OK/);
  assert.doesNotMatch(list, /[\0-\x09\x0b-\x1f\x7f-\xff]/);
  for (const pattern of ["*".repeat(2_000), "%*".repeat(1_000), "*a".repeat(1_000), "\x00", "\xff*"])
    assert.match(await alice.command(`LIST "" ${literal(pattern)}`), /TAG (OK|BAD|NO)/);
  await bystander.isWell();
});
