import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSummary } from "./syncs.ts";

test("strace's table is read with and without an errors column", () => {
  const text = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 78.61    0.086424        1234        70           fdatasync
 21.39    0.023517         587        40         2 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.109941         999       110         2 total
`;
  assert.deepEqual(
    [...parseSummary(text)],
    [
      ["fdatasync", 70],
      ["fsync", 40],
    ],
  );
});
