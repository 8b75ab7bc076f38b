import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { optionsDocument } from "./document.ts";
import { optionGroups, options } from "./index.ts";

test("each option is in one group", () => {
  assert.deepEqual(optionGroups.flatMap(({ names }) => names).sort(), [...options.keys()].sort());
});

// When this fails after you changed the table: node scripts/generate-option-docs.ts
test("doc/options.md says what the table says", () => {
  const path = resolve(import.meta.dirname, "../../../doc/options.md");
  assert.ok(readFileSync(path, "utf8") === optionsDocument(), "run node scripts/generate-option-docs.ts");
});
