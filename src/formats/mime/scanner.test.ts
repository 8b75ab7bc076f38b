import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CacheItem,
  cacheHasField,
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cacheItem,
  cachePart,
  cachePartAt,
  cachePartCount,
  cacheSection,
  checkRecord,
  FieldSet,
  headerFields,
  limits,
  MessageScanner,
  type SectionKind,
  scanMessage,
} from "./index.ts";
import { flip, hostileMessage } from "./testing.ts";

const range = { start: 0, end: 0 };

function item(message: string, name: CacheItem): string {
  const { cache } = scanMessage(Buffer.from(message, "latin1"));
  cacheItem(cache, 0, name, range);
  return cache.toString("latin1", range.start, range.end);
}

function section(message: string, path: string, kind: SectionKind): string | undefined {
  const { cache } = scanMessage(Buffer.from(message, "latin1"));
  return cacheSection(cache, 0, path, kind, range) ? message.slice(range.start, range.end) : undefined;
}

/** A line of the test is a line of the message. */
const lines = (...text: string[]): string => text.map((line) => `${line}\r\n`).join("");

const nested = lines(
  "From: a@b",
  "Content-Type: multipart/mixed; boundary=outer",
  "",
  "preamble",
  "--outer",
  "Content-Type: multipart/alternative; boundary=inner",
  "",
  "--inner",
  "",
  "one",
  "--inner",
  "Content-Type: text/html; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "two",
  "three",
  "--inner--",
  "epilogue",
  "--outer",
  "Content-Type: message/rfc822",
  "",
  "From: c@d",
  "Subject: in",
  "",
  "four",
  "--outer--",
);

test("BODYSTRUCTURE, BODY and ENVELOPE of nested parts", () => {
  const one = '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 0 NIL NIL NIL NIL)';
  const two = '("TEXT" "HTML" ("CHARSET" "iso-8859-1") NIL NIL "QUOTED-PRINTABLE" 10 1 NIL NIL NIL NIL)';
  const from = '((NIL NIL "c" "d"))';
  const envelope = `(NIL "in" ${from} ${from} ${from} NIL NIL NIL NIL NIL)`;
  const four = '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 4 0 NIL NIL NIL NIL)';
  assert.equal(
    item(nested, "BODYSTRUCTURE"),
    `((${one}${two} "ALTERNATIVE" ("BOUNDARY" "inner") NIL NIL NIL)` +
      `("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 30 ${envelope} ${four} 3 NIL NIL NIL NIL) ` +
      '"MIXED" ("BOUNDARY" "outer") NIL NIL NIL)',
  );
  assert.match(item(nested, "BODY"), /^\(\(\("TEXT" "PLAIN" .* "ALTERNATIVE"\)\("MESSAGE".* 3\) "MIXED"\)$/);
});

test("sections by part number", () => {
  assert.equal(section(nested, "1.1", "BODY"), "one");
  assert.equal(section(nested, "1.2", "BODY"), "two\r\nthree");
  assert.equal(section(nested, "1.1", "MIME"), "\r\n");
  assert.equal(section(nested, "2", "HEADER"), "From: c@d\r\nSubject: in\r\n\r\n");
  assert.equal(section(nested, "2", "TEXT"), "four");
  assert.equal(section(nested, "2.1", "BODY"), "four");
  assert.equal(section(nested, "2.1", "MIME"), "From: c@d\r\nSubject: in\r\n\r\n");
  for (const path of ["3", "0", "1.3", "1.1.1", "2.2", "2.1.1", "x", "1.", ".1", "1..1", "1x", "99999999999"]) {
    assert.equal(section(nested, path, "BODY"), undefined, path);
  }
  assert.equal(section(nested, "1", "HEADER"), undefined);
  assert.equal(section(nested, "", "MIME"), undefined);
  assert.equal(section(nested, "", "BODY"), nested);
});

test("parts for search and BINARY", () => {
  const { cache } = scanMessage(Buffer.from(nested));
  assert.equal(cachePartCount(cache), 6);
  const part = cachePartAt(cache, 0, "1.2");
  assert.equal(part?.charset, "iso-8859-1");
  assert.equal(part?.encoding, "quoted-printable");
  assert.equal(nested.slice(part.bodyStart, part.bodyEnd), "two\r\nthree");
  assert.equal(cachePart(cache, 0, 0).childCount, 2);
});

test("what threads and duplicates need", () => {
  const message = lines(
    "Date: Mon, 7 Feb 2022 21:52:25 -0800",
    "Subject: a",
    " b",
    "Message-ID: <x@y>",
    "References: <1@y>",
    "\t<2@y>",
    "",
    "body",
  );
  const scanned = scanMessage(Buffer.from(message));
  assert.equal(scanned.subject, "a b");
  assert.equal(scanned.messageId, "<x@y>");
  assert.equal(scanned.references, "<1@y>\t<2@y>");
  assert.equal(scanned.inReplyTo, undefined);
  assert.equal(scanned.date, Date.parse("2022-02-08T05:52:25Z") / 1000);
  assert.equal(scanned.sentdate, Date.parse("2022-02-07T00:00:00Z") / 1000);
  assert.equal(scanned.headerSize, message.length - 6);
});

test("a multipart without boundary is shown whole", () => {
  const message = lines("Content-Type: multipart/mixed", "", "a", "b");
  assert.match(item(message, "BODY"), /"7BIT" 6 2\)$/);
  assert.equal(section(message, "1", "BODY"), "a\r\nb\r\n");
});

test("header fields from the record and from the message", () => {
  const message = Buffer.from(
    lines("Received: x", "From: a@b", "subject: s", " t", "X-Long: y", "From: c@d", "DKIM-Signature: z", "", "body"),
  );
  const { cache } = scanMessage(message);
  const room = Buffer.alloc(cacheHeaderFieldsRoom(cache) + 10);
  const ask = (names: string[], not = false): string | undefined => {
    const end = cacheHeaderFields(cache, 0, new FieldSet(names, not), room, 10);
    return end < 0 ? undefined : room.toString("latin1", 10, end);
  };
  assert.equal(ask(["SUBJECT", "from"]), "From: a@b\r\nsubject: s\r\n t\r\nFrom: c@d\r\n\r\n");
  assert.equal(ask(["nosuch"]), "\r\n");
  assert.equal(ask(["Received"]), undefined);
  assert.equal(ask(["From"], true), undefined);
  assert.equal(headerFields(message, ["Received"]).toString(), "Received: x\r\n\r\n");
  const rest = lines("subject: s", " t", "X-Long: y", "DKIM-Signature: z", "");
  assert.equal(headerFields(message, ["FROM", "Received"], { not: true }).toString(), rest);
  assert.equal(cacheHasField(cache, 0, new FieldSet(["X-Long"])), "yes");
  assert.equal(cacheHasField(cache, 0, new FieldSet(["X-Lang"])), "no");
  assert.equal(cacheHasField(cache, 0, new FieldSet(["received"])), "unknown");
});

test("a record works at any offset, and shows any damage", () => {
  const { cache } = scanMessage(Buffer.from(nested));
  const moved = Buffer.concat([Buffer.alloc(7, 1), cache, Buffer.alloc(9, 2)]);
  assert.equal(checkRecord(moved, 7), cache.length);
  cacheItem(moved, 7, "ENVELOPE", range);
  assert.match(moved.toString("latin1", range.start, range.end), /^\(NIL NIL \(\(NIL NIL "a" "b"\)\)/);
  assert.equal(checkRecord(moved, 6), 0);
  assert.equal(checkRecord(cache.subarray(0, -1)), 0);
  assert.equal(checkRecord(Buffer.alloc(0)), 0);
  for (let at = 0; at < cache.length; at += 3) assert.equal(checkRecord(flip(cache, at)), 0, `octet ${at}`);
});

test("one octet at a time, and in pieces, gives the same as the whole", () => {
  const check = (octets: Buffer, cuts: readonly number[]): void => {
    const whole = scanMessage(octets);
    const scanner = new MessageScanner();
    let at = 0;
    for (const cut of cuts) {
      // The scanner may keep nothing of what it was given.
      const piece = Buffer.from(octets.subarray(at, at + cut));
      scanner.push(piece);
      piece.fill(0xee);
      at += cut;
    }
    const pieces = scanner.finish(octets.subarray(Math.min(at, octets.length)));
    assert.deepEqual(
      { ...pieces, cache: pieces.cache.toString("latin1") },
      { ...whole, cache: whole.cache.toString("latin1") },
    );
    assert.equal(checkRecord(whole.cache), whole.cache.length);
  };
  check(Buffer.from(nested), new Array<number>(nested.length).fill(1));
  fc.assert(
    fc.property(hostileMessage, fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (octets, cuts) => {
      check(octets, cuts);
    }),
    { numRuns: 300 },
  );
});

test("sections lie inside the message, children inside their parents", () => {
  fc.assert(
    fc.property(hostileMessage, (octets) => {
      const { cache } = scanMessage(octets);
      for (let i = 0; i < cachePartCount(cache); i++) {
        const part = cachePart(cache, 0, i);
        assert.ok(part.headerStart <= part.headerEnd && part.headerEnd <= part.bodyStart);
        assert.ok(part.bodyStart <= part.bodyEnd && part.bodyEnd <= octets.length);
        for (let c = 0; c < part.childCount; c++) {
          const child = cachePart(cache, 0, part.firstChild + c);
          assert.ok(child.headerStart >= part.bodyStart && child.bodyEnd <= part.bodyEnd);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("limits: depth, parts, header, boundary", () => {
  const deep = Array.from({ length: 500 }, (_, i) =>
    lines(`Content-Type: multipart/mixed; boundary=b${i}x`, "", `--b${i}x`),
  );
  assert.equal(cachePartCount(scanMessage(Buffer.from(deep.join(""))).cache), limits.maxDepth + 1);
  const many = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\nx\r\n".repeat(12_000)}`;
  assert.equal(cachePartCount(scanMessage(Buffer.from(many)).cache), limits.maxParts);
  const messages = "Content-Type: message/rfc822\r\n\r\n".repeat(500);
  assert.equal(cachePartCount(scanMessage(Buffer.from(messages)).cache), limits.maxDepth + 1);
  const long = Buffer.from(`X: ${"y".repeat(limits.maxHeaderOctets)}\r\nSubject: late\r\n\r\nbody`);
  const whole = scanMessage(long, { maxheaderlines: 0 });
  assert.equal(whole.subject, undefined);
  assert.equal(whole.headerSize, long.length - 4);
  assert.equal(cacheHasField(whole.cache, 0, new FieldSet(["Subject"])), "unknown");
  const scanner = new MessageScanner({ maxheaderlines: 0 });
  for (let at = 0; at < long.length; at += 100_001) scanner.push(long.subarray(at, at + 100_001));
  assert.ok(scanner.finish().cache.equals(whole.cache));
});

test("a message of many parts is finished in steps, and its record is the same", () => {
  const part = "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n";
  const octets = Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(3_000)}--b--\r\n`);
  const scanner = new MessageScanner();
  for (let at = 0; at < octets.length; at += 65_536) scanner.push(octets.subarray(at, at + 65_536));
  const steps = scanner.finishInSteps();
  let count = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) count++;
  assert.ok(count >= 12, String(count));
  assert.deepEqual(step.value, scanMessage(octets));
});

test("octets pushed in steps are as octets pushed", () => {
  const octets = Buffer.from(nested.repeat(200), "latin1");
  const scanner = new MessageScanner();
  assert.ok([...scanner.pushInSteps(octets)].length > 1);
  assert.deepEqual(scanner.finish(), scanMessage(octets));
});

test("parts whose details have no room keep their numbers, sizes and octets", () => {
  const to = "someone <a@b.example>, ".repeat(150);
  const part = (n: number): string => lines("--b", "", `Subject: ${n}`, `To: ${to}c@d`, "", `body ${n}`);
  const digest = (count: number): string =>
    lines(
      "Content-Type: multipart/digest; boundary=b",
      "",
      "",
      Array.from({ length: count }, (_, n) => part(n)).join(""),
      "--b--",
    );
  const message = digest(2_000);
  const { cache } = scanMessage(Buffer.from(message, "latin1"));
  assert.ok(cache.length < 16 << 20, String(cache.length));
  const sectionOf = (path: string, kind: SectionKind): string | undefined =>
    cacheSection(cache, 0, path, kind, range) ? message.slice(range.start, range.end) : undefined;
  assert.equal(sectionOf("1", "TEXT"), "body 0");
  assert.match(sectionOf("2000", "BODY") ?? "", /^Subject: 1999\r\n[^]*\r\n\r\nbody 1999(\r\n)*$/);
  assert.equal(sectionOf("2000", "TEXT"), undefined);
  assert.equal(sectionOf("2001", "BODY"), undefined);
  cacheItem(cache, 0, "BODYSTRUCTURE", range);
  const structure = cache.toString("latin1", range.start, range.end);
  assert.match(structure, /^\(\("MESSAGE" "RFC822" NIL NIL NIL "7BIT" /);
  assert.match(
    structure,
    /\("TEXT" "PLAIN" \("CHARSET" "us-ascii"\) NIL NIL "7BIT" \d+ \d+ NIL NIL NIL NIL\) "DIGEST" /,
  );
});

test("a digest of 4,000 messages has room for all of its details", () => {
  const part = lines(
    "--b",
    "",
    `Subject: ${"s".repeat(300)}`,
    `To: ${"someone <a@b.example>, ".repeat(8)}c@d`,
    "",
    "x",
  );
  const { cache } = scanMessage(
    Buffer.from(lines("Content-Type: multipart/digest; boundary=b", "", part.repeat(4_000))),
  );
  cacheItem(cache, 0, "BODYSTRUCTURE", range);
  const structure = cache.toString("latin1", range.start, range.end);
  assert.equal(structure.split('"MESSAGE" "RFC822"').length - 1, 4_000);
});

test("a small message is finished in one step", () => {
  const { done } = new MessageScanner().finishInSteps(Buffer.from("Subject: x\r\n\r\nbody\r\n")).next();
  assert.equal(done, true);
});
