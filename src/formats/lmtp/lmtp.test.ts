import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DotUnstuffer,
  formatReply,
  hasDomain,
  limits,
  LmtpInput,
  parseCommand,
  parseMail,
  parsePath,
  parseRcpt,
  withoutRoute,
} from "./index.ts";

const strict = { strict: true };

test("commands, in any case, with and without arguments", () => {
  const cases: readonly [string, unknown][] = [
    ["lhlo client.example", { kind: "lhlo", name: "client.example" }],
    ["LHLO a(b)\x01", { kind: "lhlo", name: "a?b??" }],
    ["LHLO", { kind: "unknown" }],
    ["LHLO  ", { kind: "unknown" }],
    ["HELO x", { kind: "unknown" }],
    ["EHLO x", { kind: "unknown" }],
    ["MAIL", { kind: "unknown" }],
    ["mail from:<>", { kind: "mail", rest: "from:<>" }],
    ["RCPT TO:<a>", { kind: "rcpt", rest: "TO:<a>" }],
    ["data", { kind: "data" }],
    ["DATA ", { kind: "data" }],
    ["DATA x", { kind: "unknown" }],
    ["NOOP x", { kind: "noop" }],
    ["VRFY x", { kind: "vrfy" }],
    ["VRFY", { kind: "unknown" }],
    ["QUIT", { kind: "quit" }],
    ["AUTH", { kind: "unknown" }],
    ["AUTH PLAIN", { kind: "auth", mechanism: "PLAIN", initial: undefined }],
    ["AUTH PLAIN =", { kind: "auth", mechanism: "PLAIN", initial: "=" }],
    ["AUTH PLAIN a b", { kind: "unknown" }],
    ["constructor", { kind: "unknown" }],
    ["", { kind: "unknown" }],
  ];
  for (const [line, wanted] of cases) assert.deepEqual(parseCommand(line), wanted, line);
});

test("paths", () => {
  const path = (text: string): string | undefined => parsePath(text, 0, strict)?.path;
  assert.equal(path("<>"), "");
  assert.equal(path("<alice>"), "alice");
  assert.equal(path("<alice+Work/x@example.org>"), "alice+Work/x@example.org");
  assert.equal(path('<"quoted alice">'), '"quoted alice"');
  assert.equal(path('<"a\\">b"@c>'), '"a\\">b"@c');
  assert.equal(path("<@relay:alice>"), "@relay:alice");
  for (const bad of [
    "alice",
    "<alice",
    "<a b>",
    "<a<b>",
    '<"a>',
    '<"a"b>',
    '<a"b">',
    "<alice@>",
    "<@relay>",
    "<a\tb>",
    '<"a\x00b">',
    `<${"a".repeat(limits.MAX_PATH_OCTETS + 1)}>`,
  ])
    assert.equal(path(bad), undefined, bad);
  assert.equal(path(`<${"a".repeat(limits.MAX_PATH_OCTETS)}>`)?.length, limits.MAX_PATH_OCTETS);
  assert.equal(path("<caf\xe9>"), undefined);
  assert.equal(parsePath("<caf\xe9>", 0, { strict: false })?.path, "cafX");
  assert.equal(withoutRoute("@a,@b:c@d"), "c@d");
  assert.equal(hasDomain("c@d"), true);
  assert.equal(hasDomain('"c@d"'), false);
});

test("MAIL's parameters", () => {
  const mail = (text: string) => parseMail(text, strict);
  assert.equal(mail("FROM:"), undefined);
  assert.equal(mail("FRM:<a>"), undefined);
  assert.deepEqual(mail("from: <s@x> size=12 body=8bitmime AUTH=fred+2Bx"), {
    sender: "s@x",
    size: 12,
    body: "8BITMIME",
    poster: "fred+x",
    fault: undefined,
  });
  assert.equal(mail("FROM:<s> AUTH=<>")?.poster, "");
  const fault = (parameters: string) => mail(`FROM:<s>${parameters}`)?.fault;
  assert.equal(fault(" BOGUS=1"), "unrecognized");
  assert.equal(fault(" BODY=BINARYMIME"), "body");
  assert.equal(fault(" SIZE=abc"), "sizeValue");
  assert.equal(fault(" SIZE"), "sizeValue");
  assert.equal(fault(" SIZE=1x"), "unrecognized");
  assert.equal(mail(`FROM:<s> SIZE=${"9".repeat(1_000)}`)?.size, Number.MAX_SAFE_INTEGER);
  assert.equal(fault(" AUTH="), "unrecognized");
  assert.equal(fault(" AUTH=a+0Ab"), "unrecognized");
  assert.equal(fault("x"), "unrecognized");
  assert.equal(fault(" SIZE=1".repeat(limits.MAX_PARAMETERS + 1)), "unrecognized");
  assert.equal(fault("  SIZE=1 "), undefined);
});

test("RCPT's parameters", () => {
  assert.deepEqual(parseRcpt("TO:<alice> ignorequota", strict), {
    recipient: "alice",
    ignoreQuota: true,
    fault: undefined,
  });
  assert.equal(parseRcpt("TO:<bob> NOTIFY=NEVER", strict)?.fault, "unrecognized");
  assert.equal(parseRcpt("TO:alice", strict), undefined);
});

test("lines: CRLF and LF; a long one is thrown away up to its end", () => {
  const input = new LmtpInput();
  input.push(Buffer.from("NOOP\r\nRS"));
  assert.deepEqual(input.nextLine(), { kind: "line", text: "NOOP", isBare: false });
  assert.equal(input.nextLine(), undefined);
  input.push(Buffer.from("ET\nrest"));
  assert.deepEqual(input.nextLine(), { kind: "line", text: "RSET", isBare: true });
  assert.equal(input.take()?.toString(), "rest");
  for (let n = 0; n < 100; n++) {
    input.push(Buffer.alloc(1_000, "x"));
    assert.equal(input.nextLine(), undefined);
    assert.ok(input.bufferedOctets <= limits.MAX_LINE_OCTETS);
  }
  input.push(Buffer.from("\r\nNOOP\r\n"));
  assert.deepEqual(input.nextLine(), { kind: "tooLong" });
  assert.equal(input.nextLine()?.kind, "line");
});

/** The message, "|" and what is left; without "|" when there is no end. */
function unstuff(text: string, bareLines = false): string {
  let message = "";
  const end = new DotUnstuffer(bareLines, (octets) => (message += octets.toString("latin1"))).push(Buffer.from(text));
  return end < 0 ? message : `${message}|${text.slice(end)}`;
}

test("dots", () => {
  assert.equal(unstuff("a\r\n..b\r\n.\r\nQUIT\r\n"), "a\r\n.b\r\n|QUIT\r\n");
  assert.equal(unstuff(".\r\n"), "|");
  assert.equal(unstuff("..\r\n.\r\n"), ".\r\n|");
  assert.equal(unstuff(".x\r\n.\r\n"), "x\r\n|");
  assert.equal(unstuff("a.\r\n..\r\n"), "a.\r\n.\r\n");
  assert.equal(unstuff("a\r\n.\rb"), "a\r\n\rb");
});

test("a lone LF is a line end of the message, but ends no message of a client that speaks CRLF", () => {
  assert.equal(unstuff("a\n\nb\r\n.\r\n"), "a\r\n\r\nb\r\n|");
  assert.equal(unstuff("a\n.\r\nMAIL\r\n.\r\n"), "a\r\n.\r\nMAIL\r\n|");
  assert.equal(unstuff("a\r\n.\nMAIL\r\n.\r\n"), "a\r\n\r\nMAIL\r\n|");
  assert.equal(unstuff("a\n.\nMAIL\r\n.\r\n"), "a\r\n.\r\nMAIL\r\n|");
  assert.equal(unstuff("a\n..b\n.\nQUIT\n", true), "a\r\n.b\r\n|QUIT\n");
  assert.equal(unstuff("a\r\n.\r\nQUIT\n", true), "a\r\n|QUIT\n");
});

test("a reply stays in its line", () => {
  assert.equal(formatReply("550 5.1.1", ["a", "b"]), "550-a\r\n550 5.1.1 b\r\n");
  assert.equal(formatReply("421 4.3.2", ["a\r\n250 ok"]), "421 4.3.2 a??250 ok\r\n");
});
