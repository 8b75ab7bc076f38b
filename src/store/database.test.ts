import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openReader, openWriter } from "./database.ts";

function newPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "database-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "0.db");
}

test("a database, its log and its index are nobody else's, whatever the umask", (t) => {
  const path = newPath(t);
  const before = process.umask(0);
  t.after(() => process.umask(before));
  const db = openWriter(path);
  db.run("INSERT INTO meta(key, value) VALUES ('a', 1)");
  const modes = ["", "-wal", "-shm"].map((suffix) => statSync(path + suffix).mode & 0o777);
  db.close();
  assert.deepEqual(modes, [0o600, 0o600, 0o600]);
});

test("a database that was being made when power failed is made again", (t) => {
  const path = newPath(t);
  writeFileSync(path, "", { mode: 0o600 });
  const db = openWriter(path);
  assert.equal(db.get("SELECT count(*) FROM list")![0], 0);
  db.close();
});

test("a database made before an index was thought of has it after the next start, and the same version", (t) => {
  const path = newPath(t);
  const indexes = "SELECT count(*) FROM sqlite_schema WHERE name IN ('seen_by_mailbox', 'doomed_by_message')";
  let db = openWriter(path);
  const version = db.get("PRAGMA user_version")![0];
  db.sqlite.exec("DROP INDEX seen_by_mailbox; DROP INDEX doomed_by_message");
  assert.equal(db.get(indexes)![0], 0);
  db.close();
  db = openWriter(path);
  assert.deepEqual([db.get(indexes)![0], db.get("PRAGMA user_version")![0]], [2, version]);
  db.close();
  const reader = openReader(path);
  for (const [sql, index] of [
    ["SELECT 1 FROM seen WHERE uniqueid='a'", "seen_by_mailbox"],
    ["SELECT 1 FROM doomed WHERE uniqueid='a' AND partition='b' AND (uid=1 OR uid=0)", "doomed_by_message"],
    ["SELECT max(seq) FROM doomed WHERE uniqueid='a' AND uid=0 AND partition='b'", "doomed_by_message"],
  ] as const)
    assert.match(String(reader.get(`EXPLAIN QUERY PLAN ${sql}`)![3]), new RegExp(index));
  reader.close();
});
