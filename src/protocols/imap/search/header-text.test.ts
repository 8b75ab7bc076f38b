import assert from "node:assert/strict";
import { test } from "node:test";
import { scanMessage } from "../../../formats/mime/index.ts";
import type { MessageOctets } from "../fetch/message-octets.ts";
import { Canonical } from "./canonical.ts";
import { fieldsEnd, fieldsHave, HeaderSearch, isWithinField, MAX_PIECE_OCTETS } from "./header-text.ts";
import { contentsHave } from "./message-text.ts";
import { needle } from "./needle.ts";

const canonical = new Canonical({ skipDiacritics: true, whitespace: "merge" });

async function has(fields: string, text: string): Promise<{ found: boolean; turns: number }> {
  let turns = 0;
  const turn = (): undefined => {
    turns++;
  };
  const search = new HeaderSearch(needle(canonical.text(text)), canonical, turn);
  return { found: await search.has(Buffer.from(fields, "latin1")), turns };
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

test("long values are found in pieces as they are as a whole", async () => {
  const words = Array.from({ length: 9_000 }, (_, n) => `=?utf-8?q?w${n}=C3=A9_?=`);
  const fields = `Subject: ${words.join("\r\n ")}\r\nX-Last: plain \xe9nd\r\n`;
  const octets = Buffer.from(fields, "latin1");
  // Within a step, over the edge of two, of pieces of text, and in the field after it.
  for (const text of ["w0é w1é", "w255é w256é w257", "W511E W512E", "w8999e", "plain end", "plain  end"])
    assert.equal((await has(fields, text)).found, true, text);
  for (const text of ["w8999e plain", "w1é w3é", "subject", "=?utf-8"]) {
    const { found, turns } = await has(fields, text);
    assert.equal(found, false, text);
    assert.ok(turns > 30, String(turns));
    assert.equal(fieldsHave(octets, needle(canonical.text(text)), canonical), found, text);
  }
});

test("many fields: turns between them, each found", async () => {
  const fields = Array.from({ length: 20_000 }, (_, n) => `X-${n}: v${n} =?utf-8?q?x?=\r\n`).join("");
  for (const n of [0, 777, 778, 10_000, 19_999]) assert.equal((await has(fields, `v${n} x`)).found, true, String(n));
  const { found, turns } = await has(fields, "v1 x-2");
  assert.equal(found, false);
  assert.ok(turns > 50, String(turns));
});

test("a match over any cut of a field of several MiB is found", async () => {
  const step = 1_000;
  const marks = Array.from({ length: 2_500 }, (_, n) => `${"x".repeat(step - 30)}mark é${n} =?utf-8?q?=C3=A9nd?=\r\n `);
  const fields = `A: b\r\nLong: ${utf8(marks.join(""))}last\r\nY: z\r\n`;
  assert.ok(fields.length > 2 << 20);
  for (let cut = MAX_PIECE_OCTETS; cut < fields.length; cut += 5 * MAX_PIECE_OCTETS) {
    const n = Math.min(Math.round(cut / (fields.length / 2_500)), 2_499);
    for (const near of [n - 1, n]) {
      assert.equal((await has(fields, `mark é${near} énd`)).found, true, String(near));
      assert.equal((await has(fields, `mark é${near} é1d`)).found, false, String(near));
    }
  }
  for (const text of ["last", "z", "b"]) assert.equal((await has(fields, text)).found, true, text);
  assert.equal((await has(fields, "last y")).found, false);
});

test("a word, a character and a fold over the cut, wherever that is", async () => {
  const tail = utf8("é one =?utf-8?q?t=C3=A9=20?=\r\n =?utf-8?q?wo?=\r\n\tthree");
  for (let cut = 0; cut <= tail.length; cut++) {
    // Where the cut would be, were it not before a CR.
    const fields = `L: ${"x".repeat(MAX_PIECE_OCTETS - 3 - cut)}${tail}\r\nM: four\r\n`;
    assert.equal((await has(fields, "xé one té wo three")).found, true, String(cut));
    assert.equal((await has(fields, "four")).found, true, String(cut));
    assert.equal((await has(fields, "three four")).found, false, String(cut));
  }
});

test("a long line without a name is no field", async () => {
  const fields = `${"no name ".repeat(20_000)}a: b\r\nM: four\r\n`;
  assert.equal((await has(fields, "no name")).found, false);
  assert.equal((await has(fields, "four")).found, true);
});

test("lines without a name by the thousand are not searched to the end for each", async () => {
  assert.equal((await has(`${"x\r\n".repeat(1_000)}L: ${"é\r\n ".repeat(20_000)}\r\n`, "zz")).found, false);
});

test("a value may end in a character whose last octet is 160", () => {
  const wanted = needle(canonical.text("voilà"));
  const exact = new Canonical({ skipDiacritics: false, whitespace: "merge" });
  assert.equal(fieldsHave(Buffer.from("Subject: voilà \r\n"), wanted, canonical), true);
  assert.equal(fieldsHave(Buffer.from("Subject: voilà\r\n"), needle(exact.text("voilà")), exact), true);
  assert.equal(fieldsHave(Buffer.from("Subject: ОТЧЕР\r\n"), needle(canonical.text("отчер")), canonical), true);
});

test("where fields end", () => {
  const fields = Buffer.from("A: b\r\n c\r\nD: e\r\n");
  assert.equal(fieldsEnd(fields, 0, 1, 100), 10);
  assert.equal(fieldsEnd(fields, 0, 11, 100), 16);
  assert.equal(fieldsEnd(fields, 0, 1, 8), 8);
  assert.equal(fieldsEnd(fields, 0, 1, 9), 8, "a line end is not taken apart");
  assert.equal(fieldsEnd(fields, 0, 100, 200), 16);
  assert.deepEqual(
    [0, 6, 8, 10].map((at) => isWithinField(fields, at)),
    [false, true, true, false],
  );
});

test("empty text is in every value, and only there", async () => {
  assert.equal((await has(`X: ${" ".repeat(20_000)}\r\n`, "")).found, true);
  assert.equal((await has("x".repeat(20_000), "")).found, false);
});

/** A message that is in memory. */
async function contains(message: string, text: string, how: Canonical, headers = true): Promise<boolean> {
  const whole = Buffer.from(message, "latin1");
  const octets: Pick<MessageOctets, "loadWhole" | "read"> = {
    loadWhole: async () => {},
    read: async (start, end) => whole.subarray(start, end),
  };
  const { cache } = scanMessage(whole);
  return contentsHave(cache, octets as MessageOctets, headers, needle(how.text(text)), how, () => undefined);
}

test("TEXT finds what goes over the pieces in which a long header is read", async () => {
  for (let shift = 0; shift < 12; shift++) {
    for (const size of [262_144, 131_072, 65_536, 32_768]) {
      const message = `X-A: ${"x".repeat(size - 12 + shift)}f =?utf-8?q?o?=\r\n und\r\nX-B: y\r\n\r\nbody\r\n`;
      for (const text of ["xf o und", "X-B: y", "body"])
        assert.equal(await contains(message, text, canonical), true, `${text} ${size} ${shift}`);
      assert.equal(await contains(message, "und y", canonical), false);
    }
  }
});

test("where white space does not count, a word may be in pieces in bodies, too", async () => {
  const skip = new Canonical({ skipDiacritics: true, whitespace: "skip" });
  assert.equal(await contains("A: b\r\n\r\nsome wo rd here\r\n", "word", skip, false), true);
  assert.equal(await contains("A: b\r\n\r\nsome wo rd here\r\n", "word", canonical, false), false);
});
