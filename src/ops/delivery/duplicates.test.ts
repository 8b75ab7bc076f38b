import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import { Duplicates, listDuplicates, pruneDuplicates } from "./duplicates.ts";

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-duplicates-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const mark = { id: "<a@b>", recipient: "box", date: "d", at: 86_400, uid: 1 };

test("a mark counts at once, is written later, and goes when it is old", (t) => {
  const path = join(place(t), "deliver.db");
  const duplicates = new Duplicates(path, silentLog);
  assert.equal(duplicates.has(mark), false);
  duplicates.mark(mark);
  assert.equal(duplicates.has(mark), true);
  assert.deepEqual(listDuplicates(path, silentLog), []);
  duplicates.close();
  assert.deepEqual(listDuplicates(path, silentLog), [mark]);
  assert.deepEqual(pruneDuplicates(path, 1, silentLog, 2 * 86_400_000), { seen: 1, removed: 0 });
  assert.deepEqual(pruneDuplicates(path, 0.5, silentLog, 2 * 86_400_000), { seen: 1, removed: 1 });
});

test("a file that cannot be looked at is not the same as none", (t) => {
  const path = join(place(t), "deliver.db");
  symlinkSync(path, path);
  assert.throws(() => listDuplicates(path, silentLog), { code: "ELOOP" });
});

test("without a usable file everything is delivered, and one line says so", (t) => {
  const lines: string[] = [];
  // A directory is no database.
  const duplicates = new Duplicates(place(t), { ...silentLog, err: (text) => void lines.push(text) });
  assert.equal(duplicates.has(mark), false);
  duplicates.mark(mark);
  assert.equal(duplicates.has(mark), true);
  assert.equal(duplicates.has({ ...mark, id: "<other>" }), false);
  duplicates.close();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^DBERROR: .*duplicates may be delivered$/);
});
