/** The whole corpus, without a peer: pieces give what the whole gives, the record is sound, every text part decodes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  baseSubject,
  cacheEnvelope,
  cachePart,
  cachePartCount,
  checkRecord,
  decodeText,
  decodeTransfer,
  decodeWords,
  MessageScanner,
  scanMessage,
} from "../../src/formats/mime/index.ts";
import { loadCorpus } from "../corpus/corpus.ts";

const pieceSizes = [1, 61, 1_000, 65_536];

test("pieces give what the whole gives", () => {
  for (const { name, octets } of loadCorpus()) {
    const whole = scanMessage(octets);
    assert.equal(checkRecord(whole.cache), whole.cache.length, name);
    for (const size of pieceSizes) {
      if (octets.length / size > 20_000) continue;
      const scanner = new MessageScanner();
      for (let at = 0; at < octets.length; at += size) scanner.push(octets.subarray(at, at + size));
      const { cache, ...rest } = scanner.finish();
      assert.ok(cache.equals(whole.cache), `${name} in pieces of ${size}`);
      assert.deepEqual({ ...rest, cache: whole.cache }, whole, name);
    }
  }
});

test("subjects, addresses and text parts become Unicode", () => {
  let decoded = 0;
  for (const { name, octets } of loadCorpus()) {
    const { cache, subject } = scanMessage(octets);
    if (subject !== undefined) assert.ok(baseSubject(subject).text.isWellFormed(), name);
    for (const address of cacheEnvelope(cache).from) {
      if (address.kind === "mailbox") assert.ok(decodeWords(address.name).isWellFormed(), name);
    }
    for (let i = 0; i < cachePartCount(cache); i++) {
      const part = cachePart(cache, 0, i);
      if (part.kind !== "text") continue;
      const body = decodeTransfer(octets.subarray(part.bodyStart, part.bodyEnd), part.encoding);
      if (body === undefined) continue;
      assert.ok(decodeText(body, part.charset).isWellFormed(), name);
      decoded++;
    }
  }
  assert.ok(decoded > 500);
});

test("the languages of the corpus are read as they were written", () => {
  const expected: Readonly<Record<string, string>> = {
    "persian-b": "سلام دنیا، نامه به زبان فارسی",
    "japanese-q": "こんにちは、世界",
    "russian-b": "Привет, мир",
    "german-q": "Grüße aus Köln",
    "greek-b": "Καλημέρα κόσμε",
    "chinese-q": "你好，世界",
    "korean-b": "안녕하세요",
    "hebrew-q": "שלום עולם",
  };
  const messages = new Map(loadCorpus().map(({ name, octets }) => [name, octets]));
  for (const [file, text] of Object.entries(expected)) {
    const octets = messages.get(`languages/${file}.eml`);
    assert.ok(octets, file);
    const { subject, cache } = scanMessage(octets);
    assert.equal(decodeWords(subject ?? ""), text, file);
    const [from] = cacheEnvelope(cache).from;
    assert.equal(from?.kind === "mailbox" && decodeWords(from.name), text, file);
  }
});
