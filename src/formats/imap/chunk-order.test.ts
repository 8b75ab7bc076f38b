import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CommandReader } from "./command-reader.ts";
import { defaultLimits } from "./limits.ts";

test("commands come in the order of their octets, however pushing and reading alternate", () => {
  const step = fc.record({ push: fc.integer({ min: 0, max: 30 }), read: fc.integer({ min: 0, max: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const count = 40;
      const octets = Buffer.from(Array.from({ length: count }, (_, n) => `t${n} NOOP\r\n`).join(""));
      const reader = new CommandReader(defaultLimits);
      const tags: (string | undefined)[] = [];
      const read = (most: number): void => {
        for (let n = 0; n < most; n++) {
          const event = reader.next();
          if (event?.kind !== "command") return;
          tags.push(event.args.tag);
        }
      };
      let at = 0;
      for (const { push, read: most } of steps) {
        reader.push(octets.subarray(at, at + push));
        at += push;
        read(most);
      }
      reader.push(octets.subarray(at));
      read(count);
      assert.deepEqual(
        tags,
        Array.from({ length: count }, (_, n) => `t${n}`),
      );
    }),
    { numRuns: 300 },
  );
});
