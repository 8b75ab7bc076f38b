/** What no source of ours may do, found by reading them. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../../..");
const sources = globSync(["src/**/*.ts", "bin/*", "scripts/*.ts"], { cwd: root })
  .filter((file) => file.endsWith(".ts") && !/\.(?:test|fuzz|bench|fixture)\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(resolve(root, file), "utf8") }));
assert.ok(sources.length > 200);

function found(pattern: RegExp): string[] {
  return sources.flatMap(({ file, text }) =>
    text.split("\n").flatMap((line, at) => (pattern.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : [])),
  );
}

test("external programs get an array of arguments, never a shell", () => {
  const doors = found(/from "(?:node:)?child_process"/);
  for (const line of doors) assert.doesNotMatch(line, /\bexec(?:Sync)?\b/, line);
  assert.ok(doors.length > 0);
  assert.deepEqual(found(/\bshell:\s*[^f\s]|["'`]\/bin\/(?:ba)?sh["'`]|["'`]-c["'`]\s*,\s*\w/), []);
});

test("text is never run as a program", () => {
  assert.deepEqual(found(/\beval\(|new Function\(|require\(/), []);
  // One constant word is: it names V8's own collection.
  const calls = found(/from "node:vm"|\brunIn(?:New|This)?Context\(|\bvm\./).map((line) => line.replace(/:\d+:/, ":"));
  assert.deepEqual(calls, [
    'src/protocols/imap/idle-memory.ts: import { runInNewContext } from "node:vm";',
    'src/protocols/imap/idle-memory.ts: collector = runInNewContext("gc") as Collect;',
  ]);
});

test("patterns are never made of what somebody sent", () => {
  assert.deepEqual(
    found(/new RegExp\(/).filter((line) => line.startsWith("src/")),
    [],
  );
});

test("passwords, keys and proofs are compared in constant time", () => {
  const compare = /timingSafeEqual\(/;
  const users = sources.filter(({ text }) => compare.test(text)).map(({ file }) => file);
  for (const file of ["src/formats/sasl/scram.ts", "src/formats/sasl/verifier.ts", "src/server/auth/password-check.ts"])
    assert.ok(users.includes(file), file);
  const secret = "(?:password|passwd|storedKey|serverKey|proof|secret|verifier)";
  assert.deepEqual(
    found(
      new RegExp(`\\b${secret}\\b(?:\\.toString\\(\\w*\\))? [!=]== (?!undefined|null|""|''|"string"|true|false)`),
    ).filter(
      (line) => line.startsWith("src/server/") || line.startsWith("src/formats/") || line.startsWith("src/protocols/"),
    ),
    [],
  );
});
