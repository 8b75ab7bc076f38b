import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ProgramFile } from "./program-file.ts";

test("a program counts as replaced when another is there and stays, not while it is missing", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "program-file-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "cyr_x.js");
  writeFileSync(path, "one");
  const file = new ProgramFile(path);
  const look = (times: number): boolean[] => Array.from({ length: times }, () => file.isReplaced());
  assert.deepEqual(look(2), [false, false]);
  renameSync(path, `${path}.away`);
  assert.deepEqual(look(3), [false, false, false]);
  writeFileSync(path, "half of tw");
  assert.deepEqual(look(1), [false]);
  writeFileSync(path, "two, all of it");
  assert.deepEqual(look(2), [false, true]);
  rmSync(path);
  renameSync(`${path}.away`, path); // the upgrade was taken back
  assert.deepEqual(look(3), [false, false, false]);
  assert.equal(new ProgramFile(undefined).isReplaced(), false);
});
