import assert from "node:assert/strict";
import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createFile, isSameFile, makeOwnFile, syncDirectory, unlinkIfThere } from "./files.ts";

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-files-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("what is not there needs no unlink; what cannot be unlinked is told", (t) => {
  const directory = place(t);
  writeFileSync(join(directory, "a"), "");
  for (const _ of [1, 2]) unlinkIfThere(join(directory, "a"));
  assert.equal(statSync(join(directory, "a"), { throwIfNoEntry: false }), undefined);
  assert.throws(() => unlinkIfThere(directory));
});

test("links lead to one file, equal contents do not", (t) => {
  const directory = place(t);
  const path = (name: string): string => join(directory, name);
  for (const name of ["a", "other"]) writeFileSync(path(name), "same");
  linkSync(path("a"), path("hard"));
  symlinkSync("a", path("soft"));
  assert.deepEqual(
    ["hard", "soft", "other"].map((name) => isSameFile(path("a"), path(name))),
    [true, true, false],
  );
  assert.throws(() => isSameFile(path("a"), path("missing")), { code: "ENOENT" });
});

test("a new file is made with its directory, for nobody else, and never over another", async (t) => {
  const path = join(place(t), "below/it/new");
  const file = await createFile(path);
  await file.close();
  await syncDirectory(join(path, ".."));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  await assert.rejects(createFile(path), { code: "EEXIST" });
  const directory = join(path, "../directory");
  mkdirSync(directory);
  await assert.rejects(createFile(directory));
});

test("a file of our own is nobody else's whatever the umask, and nothing is opened that somebody else has put there", (t) => {
  const directory = place(t);
  const before = process.umask(0);
  t.after(() => process.umask(before));
  makeOwnFile(join(directory, "own"));
  assert.equal(statSync(join(directory, "own")).mode & 0o777, 0o600);
  symlinkSync("elsewhere", join(directory, "link"));
  for (const name of ["own", "link"]) assert.throws(() => makeOwnFile(join(directory, name)), { code: "EEXIST" });
  assert.equal(statSync(join(directory, "elsewhere"), { throwIfNoEntry: false }), undefined);
});
