import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  DATE_TIME_OCTETS,
  dayOfEpoch,
  epochDay,
  formatDate,
  formatDateTime,
  parseDate,
  parseDateTime,
  putDateTime,
} from "./index.ts";

test("date-time", () => {
  assert.equal(formatDateTime(1_644_299_545, 0), " 8-Feb-2022 05:52:25 +0000");
  assert.equal(formatDateTime(1_644_299_545, -480), " 7-Feb-2022 21:52:25 -0800");
  assert.equal(formatDateTime(1_644_299_545.9, 345), " 8-Feb-2022 11:37:25 +0545");
  assert.equal(formatDateTime(-1, 0), "31-Dec-1969 23:59:59 +0000");
  assert.deepEqual(parseDateTime("07-Feb-2022 21:52:25 -0800"), { epochSeconds: 1_644_299_545, zoneMinutes: -480 });
  assert.equal(parseDateTime(" 7-feb-2022 21:52:25 -0800")?.epochSeconds, 1_644_299_545);
  for (const bad of [
    "bad date",
    "",
    "31-Feb-2022 00:00:00 +0000",
    "1-Jan-2022 24:00:00 +0000",
    "1-Jan-2022 00:00:00",
    "1-Jan-22 00:00:00 +0000",
    "0-Jan-2022 00:00:00 +0000",
    "1-Jan-2022 00:00:00 +0000\n",
  ]) {
    assert.equal(parseDateTime(bad), undefined, bad);
  }
});

test("parse and format are inverse", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -6e10, max: 2e11 }),
      fc.integer({ min: -1439, max: 1439 }),
      (epochSeconds, zoneMinutes) => {
        assert.deepEqual(parseDateTime(formatDateTime(epochSeconds, zoneMinutes)), { epochSeconds, zoneMinutes });
        const octets = Buffer.alloc(DATE_TIME_OCTETS);
        assert.equal(putDateTime(octets, 0, epochSeconds, zoneMinutes), DATE_TIME_OCTETS);
        assert.equal(octets.toString(), formatDateTime(epochSeconds, zoneMinutes));
        const day = dayOfEpoch(Math.floor(epochSeconds / 86_400));
        assert.equal(epochDay(day), Math.floor(epochSeconds / 86_400));
        assert.deepEqual(parseDate(formatDate(day)), day);
        const other = new Date(epochSeconds * 1000);
        assert.deepEqual(day, {
          year: other.getUTCFullYear(),
          month: other.getUTCMonth() + 1,
          day: other.getUTCDate(),
        });
      },
    ),
    { numRuns: 500 },
  );
});
