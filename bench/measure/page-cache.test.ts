import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { dropFromPageCache } from "./page-cache.ts";

const hasFincore = spawnSync("fincore", ["--version"]).status === 0;
const skip = hasFincore ? false : "needs fincore of util-linux";

/** Octets of a file that are in the page cache. */
function resident(path: string): number {
  return Number(spawnSync("fincore", ["-n", "-b", "-o", "RES", path], { encoding: "utf8" }).stdout);
}

test("files are out of the page cache after dropping them", { skip }, () => {
  // Beside the spools, not in /tmp, which may be a tmpfs that has nothing but its cache.
  const cache = resolve(import.meta.dirname, "../../.cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "page-cache-"));
  try {
    mkdirSync(join(dir, "below"));
    const paths = [join(dir, "a"), join(dir, "below", "b")];
    for (const path of paths) writeFileSync(path, Buffer.alloc(100_000, 1));
    assert.ok(paths.every((path) => resident(path) > 0));
    assert.equal(dropFromPageCache(dir), 2);
    assert.ok(paths.every((path) => resident(path) === 0));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
