/** Every folder of src/ has a README.md; the files that it names are there, and the files that are there are named. */
import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, matchesGlob, relative, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const src = join(root, "src");
const folders = [
  src,
  ...readdirSync(src, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name)),
];

/** What stands in backticks on a line that is no code: `reader.ts`, `writer/*.ts`. */
function namesIn(text: string): string[] {
  const prose = text.replace(/^```[^]*?^```/gm, "").replace(/^ {4}.*$/gm, "");
  return [...prose.matchAll(/`([\w./*-]+\.ts)`/g)].map(([, name]) => name!);
}

/** Named from the README's folder, or from one above it, or by its last name alone where it is below; unit tests by theirs. */
function isThere(folder: string, name: string): boolean {
  const places = [join(root, "test/unit")];
  for (let place = folder; place !== dirname(root); place = dirname(place)) places.push(place);
  return places.some((cwd) => globSync(name, { cwd }).length > 0) || globSync(`**/${name}`, { cwd: folder }).length > 0;
}

/** What needs no name: tests, what only tests import, and the list of what a folder shows. */
const unnamed = ["*.test.ts", "*.fuzz.ts", "*.bench.ts", "*.fixture.ts", "index.ts"];

for (const folder of folders) {
  const path = relative(root, folder);
  test(path, () => {
    const readme = join(folder, "README.md");
    assert.ok(existsSync(readme), "no README.md");
    const names = namesIn(readFileSync(readme, "utf8"));
    assert.deepEqual(
      // `x.test.ts` and `cyr_NAME.ts` stand for many.
      names.filter((name) => !/^x\.|NAME/.test(name) && !isThere(folder, name)),
      [],
      "named, and not there",
    );
    const patterns = [...names.map((name) => basename(name.replace("NAME", "*"))), ...unnamed];
    const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
    assert.deepEqual(
      files.filter((file) => !patterns.some((pattern) => matchesGlob(file, pattern))),
      [],
      "there, and not named (a group has a name like `tls-*.ts`)",
    );
  });
}
