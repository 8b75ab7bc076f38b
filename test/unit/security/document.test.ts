/** doc/security.md against the tests it names. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../../..");
const clauses = [..."abcdefghijklmn"];

interface Row {
  readonly clause: string;
  readonly file: string;
  readonly testFile: string;
  readonly testName: string;
}

function rows(): Row[] {
  const text = readFileSync(resolve(root, "doc/security.md"), "utf8");
  return text.split("\n").flatMap((line) => {
    const match = /^\| ([a-z]) \| [^|]+ \| (\S+) \| (\S+\.test\.ts): (.+) \|$/.exec(line);
    return match === null ? [] : [{ clause: match[1]!, file: match[2]!, testFile: match[3]!, testName: match[4]! }];
  });
}

/** Names of the tests of a file, at any depth of `describe`. */
function testsIn(file: string): string[] {
  const text = readFileSync(resolve(root, file), "utf8");
  return [...text.matchAll(/^\s*(?:test|it)\(\s*"((?:[^"\\]|\\.)*)"/gm)].map(
    (match) => JSON.parse(`"${match[1]}"`) as string,
  );
}

test("doc/security.md names tests that exist, for every clause, and all of these", () => {
  const table = rows();
  assert.deepEqual([...new Set(table.map(({ clause }) => clause))].sort(), clauses);
  for (const { file, testFile, testName } of table) {
    assert.ok(existsSync(resolve(root, file)), file);
    assert.ok(existsSync(resolve(root, testFile)), testFile);
    assert.ok(testsIn(testFile).includes(testName), `${testFile}: ${testName}`);
  }
  const named = new Set(table.map(({ testFile, testName }) => `${testFile}: ${testName}`));
  for (const file of globSync("test/unit/security/*.test.ts", { cwd: root })) {
    if (file.endsWith("document.test.ts")) continue;
    for (const name of testsIn(file)) assert.ok(named.has(`${file}: ${name}`), `${file}: ${name}`);
  }
});
