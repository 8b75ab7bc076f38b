import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { dropFromPageCache, residentIn } from "./page-cache.ts";

test("files are out of the page cache after dropping them", () => {
  // Beside the spools, not in /tmp, which may be a tmpfs that has nothing but its cache.
  const cache = resolve(import.meta.dirname, "../../.cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "page-cache-"));
  try {
    mkdirSync(join(dir, "below"));
    const paths = [join(dir, "a"), join(dir, "below", "b")];
    for (const path of paths) writeFileSync(path, Buffer.alloc(100_000, 1));
    writeFileSync(join(dir, "empty"), "");
    assert.ok(paths.every((path) => residentIn(path) >= 100_000));
    assert.deepEqual(dropFromPageCache(dir), { files: 3, octets: 200_000, residentOctets: 0 });
    assert.ok(paths.every((path) => residentIn(path) === 0));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
