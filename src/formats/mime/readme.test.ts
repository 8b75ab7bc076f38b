import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scanMessage } from "./index.ts";

test("the record in README.md is what the scanner writes", () => {
  const { cache } = scanMessage(Buffer.from("Received: x\r\nFrom: a@b\r\nSubject: hi\r\n\r\nbody\r\n"));
  const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
  const lines = [...readme.matchAll(/^([0-9a-f]{3}) {2}((?:[0-9a-f]{2} {1,2})+)/gm)];
  assert.ok(lines.length > 10);
  for (const [, at = "", hex = ""] of lines) {
    const octets = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const start = Number.parseInt(at, 16);
    assert.equal(cache.subarray(start, start + octets.length).toString("hex"), octets.toString("hex"), `at ${at}`);
  }
  assert.equal(cache.length, 0x172);
});
