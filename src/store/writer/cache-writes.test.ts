import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CacheWrites } from "./cache-writes.ts";

const octets = (text: string): Buffer => Buffer.from(text);

test("records land at their offsets, whether or not they follow one another", (t) => {
  const root = mkdtempSync(join(tmpdir(), "cache-writes-"));
  t.after(() => rmSync(root, { recursive: true }));
  const failures: string[] = [];
  const writes = new CacheWrites((path) => failures.push(path));
  const [one, other] = [join(root, "one/cache"), join(root, "other")];
  writeFileSync(other, "0123456789");
  writes.add(one, 0, octets("ab"));
  writes.add(other, 8, octets("XYZ"));
  writes.add(one, 2, octets("cd"));
  writes.add(one, 6, octets("gh"));
  writes.add(other, 2, octets("__"));
  writes.add(one, 3, octets("DE"));
  writes.flush();
  assert.equal(readFileSync(one, "latin1"), "abcDE\0gh");
  assert.equal(readFileSync(other, "latin1"), "01__4567XYZ");
  assert.equal(statSync(one).mode & 0o777, 0o600);
  writeFileSync(one, "");
  writes.flush();
  assert.equal(readFileSync(one, "latin1"), "", "what was written is forgotten");
  assert.deepEqual(failures, []);
});

test("a file that cannot be written is told of, and keeps no other from being written", (t) => {
  const root = mkdtempSync(join(tmpdir(), "cache-writes-"));
  t.after(() => rmSync(root, { recursive: true }));
  const failures: string[] = [];
  const writes = new CacheWrites((path) => failures.push(path));
  writes.add(root, 0, octets("a directory"));
  writes.add(join(root, "good"), 0, octets("good"));
  writes.flush();
  assert.deepEqual(failures, [root]);
  assert.equal(readFileSync(join(root, "good"), "latin1"), "good");
});
