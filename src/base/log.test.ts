import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLog, createSessionIds, escapeLogText, formatLogMessage, logDate } from "./log.ts";

test("fields follow the text, undefined ones do not", () => {
  const line = formatLogMessage("Delivered", { id: "<a@b>", uid: 7, size: 12n, gone: undefined });
  assert.equal(line, "Delivered id=<<a@b>> uid=<7> size=<12>");
});

test("what a client sends cannot start a line of its own", () => {
  assert.equal(escapeLogText("a\r\nb\0c\x1b[2Jd\u2028e\x7f"), "a\\r\\nb\\0c\\x1b[2Jd\\u2028e\\x7f");
  assert.equal(formatLogMessage("x", { user: "a\nlogin: ok" }), "x user=<a\\nlogin: ok>");
});

test("a file destination gets whole lines with date, identity and pid", () => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  try {
    const path = join(dir, "log");
    const log = createLog({ ident: "imap", prefix: "cyrus", destination: `file:${path}` });
    log.notice("hello", { n: 1 });
    log.debug("not shown");
    assert.match(readFileSync(path, "latin1"), /^\w{3} [ \d]\d \d\d:\d\d:\d\d cyrus\/imap\[\d+\]: hello n=<1>\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a file that cannot be opened anew is written to as long as it is open", async () => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  try {
    const [place, elsewhere] = [join(dir, "a"), join(dir, "b")];
    mkdirSync(place);
    const log = createLog({ ident: "imap", destination: `file:${join(place, "log")}` });
    log.notice("first");
    renameSync(place, elsewhere);
    await sleep(1_050);
    log.notice("second");
    assert.match(readFileSync(join(elsewhere, "log"), "latin1"), /: first\n.*: second\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a log whose place does not exist is silent", () => {
  createLog({ ident: "x", destination: "file:/nonexistent/dir/log" }).err("lost");
  createLog({ ident: "x", destination: "syslog" }).err("perhaps lost");
});

test("an unknown facility is reported and replaced", () => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  try {
    createLog({ ident: "x", facility: "tea", destination: `file:${join(dir, "log")}` });
    assert.match(readFileSync(join(dir, "log"), "latin1"), /config error: syslog name TEA not recognised/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("days are padded with a blank", () => {
  assert.equal(logDate(new Date(2026, 10, 3, 9, 5, 7)), "Nov  3 09:05:07");
});

test("session ids count within a second and start anew in the next", () => {
  let now = 1_795_445_402_100;
  const next = createSessionIds("mail.example.test", () => now);
  assert.match(next(), pattern(1, 1_795_445_402));
  assert.match(next(), pattern(2, 1_795_445_402));
  now += 1000;
  assert.match(next(), pattern(1, 1_795_445_403));
});

function pattern(count: number, epoch: number): RegExp {
  return new RegExp(`^mail\\.example\\.test-${epoch}-${process.pid}-${count}-\\d{1,20}$`);
}
