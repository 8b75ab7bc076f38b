import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CachedFile } from "./cached-file.ts";

const directory = mkdtempSync(join(tmpdir(), "cached-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function open(name: string): { path: string; look: () => string; isKnown: () => boolean; errors: string[] } {
  const path = join(directory, name);
  const errors: string[] = [];
  let now = 0;
  const file = new CachedFile({
    path,
    parse: String,
    absent: "absent",
    limitOctets: 10,
    onError: (error) => void errors.push(error.message),
    now: () => now,
  });
  const later = <R>(look: () => R): R => {
    now += 1_000;
    return look();
  };
  return { path, look: () => later(() => file.get()), isKnown: () => later(() => file.isKnown), errors };
}

test("a file that cannot be read any more still says what it said last", () => {
  const { path, look, isKnown, errors } = open("deny");
  assert.equal(look(), "absent");
  writeFileSync(path, "dave");
  assert.equal(look(), "dave");
  renameSync(path, `${path}.aside`);
  mkdirSync(path);
  assert.deepEqual([look(), look(), isKnown()], ["dave", "dave", true]);
  assert.equal(errors.length, 1, "said once");
  rmSync(path, { recursive: true });
  // The same file with the same stamp.
  renameSync(`${path}.aside`, path);
  assert.equal(look(), "dave");
  writeFileSync(path, "x".repeat(11));
  assert.equal(look(), "dave");
  assert.match(errors[1]!, /too large/);
  rmSync(path);
  assert.equal(look(), "absent");
});

test("a file that was never read is not known, and is tried again though it has not changed", () => {
  const { path, look, isKnown, errors } = open("never");
  mkdirSync(path);
  assert.deepEqual([isKnown(), look(), look()], [false, "absent", "absent"]);
  assert.equal(errors.length, 1);
  rmSync(path, { recursive: true });
  assert.equal(isKnown(), true);
});
