import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  ANSWERED,
  aclLine,
  appendUidCode,
  ChunkPool,
  CommandReader,
  copyUidCode,
  defaultLimits,
  FetchLine,
  flagsLine,
  flagsPiece,
  flagsUidLine,
  flagsUidPiece,
  idLine,
  listLine,
  listRightsLine,
  myRightsLine,
  namespaceLine,
  numbered,
  quotaLine,
  quotaRootLine,
  RECENT,
  ResponseWriter,
  SEEN,
  statusLine,
  tagged,
  untagged,
  vanishedLine,
} from "./index.ts";

/** What `write` puts out, through chunks of `chunkOctets`. */
function output(write: (out: ResponseWriter) => void, chunkOctets = 2048): string {
  const pool = new ChunkPool(chunkOctets);
  let text = "";
  const out = new ResponseWriter((chunk) => {
    text += chunk.toString("latin1");
    pool.release(chunk);
  }, pool);
  write(out);
  out.flush();
  assert.equal(pool.outstanding, 0);
  assert.equal(out.octetsWritten, text.length);
  return text;
}

test("lines as in the captures", () => {
  const lines: [(out: ResponseWriter) => void, string][] = [
    [(out) => tagged(out, "a1", "OK Completed"), "a1 OK Completed"],
    [(out) => untagged(out, "OK [UNSEEN 2] Ok"), "* OK [UNSEEN 2] Ok"],
    [(out) => untagged(out, "OK rename a\r\nb\0 c"), "* OK rename a??b? c"],
    [(out) => numbered(out, 5, "EXISTS"), "* 5 EXISTS"],
    [(out) => flagsLine(out, ["\\Answered", "$X"]), "* FLAGS (\\Answered $X)"],
    [
      (out) => listLine(out, "LIST", ["\\HasNoChildren"], "/", "INBOX/Entw&APw-rfe"),
      '* LIST (\\HasNoChildren) "/" INBOX/Entw&APw-rfe',
    ],
    [(out) => listLine(out, "LIST", ["\\HasNoChildren"], "/", "INBOX/a*b"), '* LIST (\\HasNoChildren) "/" "INBOX/a*b"'],
    [(out) => listLine(out, "LIST", [], ".", "#x"), '* LIST () "." #x'],
    [(out) => listLine(out, "LIST", ["\\Noselect"], "/", ""), '* LIST (\\Noselect) "/" ""'],
    [
      (out) => listLine(out, "LSUB", [], null, "Shared Folders", ["SUBSCRIBED"]),
      '* LSUB () NIL "Shared Folders" ("CHILDINFO" ("SUBSCRIBED"))',
    ],
    [
      (out) =>
        statusLine(
          out,
          "INBOX",
          new Map<"UNSEEN" | "MESSAGES" | "MAILBOXID", number | string>([
            ["UNSEEN", 4],
            ["MAILBOXID", "x"],
            ["MESSAGES", 5],
          ]),
        ),
      "* STATUS INBOX (MESSAGES 5 MAILBOXID (x) UNSEEN 4)",
    ],
    [
      (out) =>
        aclLine(out, "shared", [
          ["anyone", "p"],
          ["-bob", "w"],
          ["a b", "lr"],
        ]),
      '* ACL shared anyone p -bob w "a b" lr',
    ],
    [(out) => listRightsLine(out, "shared", "alice", "", ["l", "r"]), '* LISTRIGHTS shared alice "" l r'],
    [(out) => myRightsLine(out, "INBOX", "lrs"), "* MYRIGHTS INBOX lrs"],
    [
      (out) =>
        quotaLine(out, "u", [
          { resource: "STORAGE", used: 0, limit: 100 },
          { resource: "MESSAGE", used: 5_000_000_000, limit: 50 },
        ]),
      "* QUOTA u (STORAGE 0 100 MESSAGE 5000000000 50)",
    ],
    [(out) => quotaLine(out, "u", []), "* QUOTA u ()"],
    [(out) => quotaRootLine(out, "shared", []), "* QUOTAROOT shared"],
    [
      (out) => namespaceLine(out, [undefined, { prefix: "user/", separator: "/" }, { prefix: "", separator: "/" }]),
      '* NAMESPACE NIL (("user/" "/")) (("" "/"))',
    ],
    [
      (out) =>
        idLine(out, [
          ["name", "x"],
          ["os", null],
        ]),
      '* ID ("name" "x" "os" NIL)',
    ],
    [(out) => idLine(out, []), "* ID NIL"],
    [
      (out) =>
        vanishedLine(
          out,
          [
            { first: 1, last: 1 },
            { first: 4, last: 5 },
          ],
          true,
        ),
      "* VANISHED (EARLIER) 1,4:5",
    ],
    [
      (out) => flagsUidLine(out, 5, flagsUidPiece(SEEN | RECENT, ["$X"]), 4_294_967_295),
      "* 5 FETCH (FLAGS (\\Recent \\Seen $X) UID 4294967295)",
    ],
    [
      (out) => {
        const line = new FetchLine(out);
        line.begin(1);
        line.piece(flagsPiece(ANSWERED, []));
        line.number("UID", 1);
        line.date("INTERNALDATE", 1_644_299_545, 0);
        line.numberInParens("MODSEQ", 22);
        line.textInParens("EMAILID", "M1");
        line.word("CID", "NIL");
        line.value(Buffer.from("ENVELOPE "), Buffer.from(" (NIL)"), 1, 6);
        line.literalHead(Buffer.from("BODY[] "), 2);
        out.octets(Buffer.from("hi"));
        line.end();
      },
      '* 1 FETCH (FLAGS (\\Answered) UID 1 INTERNALDATE " 8-Feb-2022 05:52:25 +0000" MODSEQ (22) EMAILID (M1) CID NIL ENVELOPE (NIL) BODY[] {2}\r\nhi)',
    ],
  ];
  for (const [write, expected] of lines) assert.equal(output(write), `${expected}\r\n`);
  assert.equal(appendUidCode(7, [{ first: 1, last: 3 }]), "[APPENDUID 7 1:3]");
  assert.equal(
    copyUidCode(
      7,
      [{ first: 1, last: 2 }],
      [
        { first: 4, last: 4 },
        { first: 6, last: 6 },
      ],
    ),
    "[COPYUID 7 1:2 4,6]",
  );
});

test("which form a string takes", () => {
  const forms: [string, string][] = [
    ["INBOX", "INBOX"],
    ["a b", '"a b"'],
    ["", '""'],
    ["nil", '"nil"'],
    ["\\Junk", "{5}\r\n\\Junk"],
    ['a"b', '{3}\r\na"b'],
    ["f%C3", "{4}\r\nf%C3"],
    ["\xfc", "{1}\r\n\xfc"],
    ["a\r\nb", "{4}\r\na\r\nb"],
    ["a\tb", '"a\tb"'],
  ];
  for (const [value, expected] of forms)
    assert.equal(
      output((out) => out.astring(value)),
      expected,
    );
});

const ascii = fc.string({ maxLength: 1030, size: "max" });

test("a reader gets back what was written, whatever it is", () => {
  const latin1 = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    maxLength: 300,
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(latin1, ascii), { maxLength: 30 }),
      fc.integer({ min: 2048, max: 2400 }),
      (values, chunkOctets) => {
        const wire = output((out) => {
          out.text("a X");
          for (const value of values) out.space().astring(value);
          out.crlf();
        }, chunkOctets);
        const reader = new CommandReader({ ...defaultLimits });
        reader.push(Buffer.from(wire.replace(/\{(\d+)\}\r\n/g, "{$1}\r\n"), "latin1"));
        let event = reader.next();
        for (; event?.kind === "literal"; event = reader.next()) reader.gather();
        assert.equal(event?.kind, "command");
        if (event?.kind !== "command") return;
        for (const value of values) {
          event.args.space();
          assert.equal(event.args.astring(), value);
        }
        event.args.end();
      },
    ),
    { numRuns: 300 },
  );
});

test("numbers, pieces and chunk ends", () => {
  const number = fc.oneof(fc.nat(), fc.maxSafeNat());
  fc.assert(
    fc.property(fc.array(fc.oneof(number, fc.string({ unit: fc.constantFrom("x", "y"), maxLength: 700 }))), (items) => {
      const wire = output((out) => {
        for (const item of items) {
          if (typeof item === "number") out.decimal(item);
          else out.octets(Buffer.from(item)).text(item);
        }
      });
      assert.equal(wire, items.map((item) => (typeof item === "number" ? String(item) : item + item)).join(""));
    }),
    { numRuns: 300 },
  );
});

test("memory: chunks are reused, a small reply gets a buffer of its own, an idle writer holds nothing", () => {
  const pool = new ChunkPool();
  const sunk: Buffer[] = [];
  const out = new ResponseWriter((chunk) => sunk.push(chunk), pool);
  out.line("* OK small").flush();
  assert.equal(pool.outstanding, 0);
  assert.equal(sunk[0]!.length, 12);
  for (let i = 0; i < 30_000; i++) numbered(out, i, "EXPUNGE");
  out.flush();
  assert.equal(pool.outstanding, sunk.length - 1);
  assert.equal(sunk[1]!.length > pool.chunkOctets - 100, true);
  for (const chunk of sunk) pool.release(chunk);
  for (const chunk of sunk) pool.release(chunk);
  assert.equal(pool.outstanding, 0);
  const big = Buffer.alloc(20_000, 65);
  out.text("x").give(big).flush();
  assert.equal(sunk.at(-1), big);
  const space = out.reserve(10);
  space.write("0123456789");
  out.advance(10).flush();
  assert.equal(sunk.at(-1)!.toString(), "0123456789");
});
