/** Any octets: records, or TwoskipError; never more records than octets, nothing outside of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { readTwoskip, TwoskipError } from "./index.ts";

const file = (name: string): Buffer => readFileSync(join(import.meta.dirname, "testdata", name));

export const twoskip: FuzzTarget = {
  name: "twoskip files",
  seeds: [file("replaced-and-deleted.db"), file("half-a-commit.db")],
  run(octets) {
    const copy = Buffer.from(octets);
    // As they come, and with a header that would hide what lies behind it no longer.
    for (const mended of [false, true]) {
      if (mended && copy.length >= 64) copy.writeUInt32BE(crc32(copy.subarray(0, 60)), 60);
      try {
        let count = 0;
        for (const { key, value } of readTwoskip(copy)) {
          count++;
          assert.ok(key.length + value.length <= copy.length);
        }
        assert.ok(count <= copy.length / 24);
      } catch (error) {
        if (!(error instanceof TwoskipError)) throw error;
      }
    }
  },
};
