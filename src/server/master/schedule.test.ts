import assert from "node:assert/strict";
import { before, test } from "node:test";
import { firstRun, nextRun, nextTimeOfDay, timezoneShift } from "./schedule.ts";

before(() => {
  process.env["TZ"] = "Europe/Berlin"; // Node notices; summer time 2026: 29 March 02:00 to 25 October 03:00
});
const local = (text: string): number => new Date(text).getTime();
const minutes = (n: number): number => n * 60_000;

test("period: at once, then counted from the start of the run before", () => {
  const timing = { period: 30, at: undefined };
  assert.equal(firstRun(timing, 1_000), 1_000);
  assert.equal(nextRun(timing, 1_500), 1_500 + minutes(30));
});

test("neither: once", () => {
  const timing = { period: 0, at: undefined };
  assert.equal(firstRun(timing, 1_000), 1_000);
  assert.equal(nextRun(timing, 1_000), undefined);
});

test("at: later today, or tomorrow, never now", () => {
  const at = { hour: 4, minute: 0 };
  assert.equal(firstRun({ period: 5, at }, local("2026-06-01T03:59:59")), local("2026-06-01T04:00:00"));
  assert.equal(firstRun({ period: 5, at }, local("2026-06-01T04:00:00")), local("2026-06-02T04:00:00"));
  assert.equal(nextRun({ period: 5, at }, local("2026-12-31T04:00:01")), local("2027-01-01T04:00:00"));
});

test("wall-clock time is kept over changes of summer time", () => {
  const at = { hour: 4, minute: 0 };
  const [march, april] = [local("2026-03-28T04:00:00"), nextTimeOfDay(at, local("2026-03-28T04:00:00"))];
  assert.equal(april, local("2026-03-29T04:00:00"));
  assert.equal(april - march, minutes(23 * 60));
  assert.equal(timezoneShift(march, april), -3_600);
  const october = nextTimeOfDay(at, local("2026-10-24T04:00:00"));
  assert.equal(october - local("2026-10-24T04:00:00"), minutes(25 * 60));
  assert.equal(timezoneShift(local("2026-10-24T04:00:00"), october), 3_600);
  assert.equal(timezoneShift(local("2026-06-01T04:00:07"), local("2026-06-02T04:00:07")), 0);
});

test("a time that does not exist is run an hour later, one that comes twice is run once", () => {
  const at = { hour: 2, minute: 30 };
  const spring = nextTimeOfDay(at, local("2026-03-29T00:00:00"));
  assert.equal(spring, Date.UTC(2026, 2, 29, 1, 30)); // 03:30 summer time
  assert.equal(nextTimeOfDay(at, spring), local("2026-03-30T02:30:00"));
  const autumn = nextTimeOfDay(at, local("2026-10-25T00:00:00"));
  assert.equal(autumn, Date.UTC(2026, 9, 25, 0, 30)); // the first of the two
  assert.equal(nextTimeOfDay(at, autumn), local("2026-10-26T02:30:00"));
});
