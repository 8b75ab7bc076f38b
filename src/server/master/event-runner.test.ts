import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { type EventEntry, parseCyrusConf } from "../../config/index.ts";
import { EventRunner } from "./event-runner.ts";

before(() => {
  process.env["TZ"] = "Europe/Berlin";
});

/** Runs the EVENTS lines from `start` on; `ran` gets `name@local time`. */
function runner(
  lines: string,
  start: string,
): { clock: ManualClock; ran: string[]; events: EventRunner; log: string[] } {
  const clock = new ManualClock(new Date(start).getTime());
  const ran: string[] = [];
  const log: string[] = [];
  const events = new EventRunner(clock, { ...silentLog, info: (text) => void log.push(text) }, (entry) => {
    ran.push(`${entry.name}@${new Date(clock.now()).toTimeString().slice(0, 5)}`);
  });
  events.schedule(eventsOf(lines));
  return { clock, ran, events, log };
}
function eventsOf(lines: string): readonly EventEntry[] {
  return parseCyrusConf(`EVENTS {\n${lines}\n}\n`).events;
}
const hour = 3_600_000;

test("a period runs at once and then again and again", () => {
  const { clock, ran } = runner('checkpoint cmd="a" period=30', "2026-06-01T10:00:00");
  clock.advance(hour);
  assert.deepEqual(ran, ["checkpoint@10:00", "checkpoint@10:30", "checkpoint@11:00"]);
});

test("without period and time: once", () => {
  const { clock, ran, events } = runner('once cmd="a"', "2026-06-01T10:00:00");
  clock.advance(48 * hour);
  assert.deepEqual(ran, ["once@10:00"]);
  assert.deepEqual(events.plan, [{ name: "once", due: undefined }]);
});

test("a time of day runs daily, and keeps the wall clock over a change of it", () => {
  const { clock, ran, log } = runner('prune cmd="a" at=0400 period=5', "2026-03-28T03:00:00");
  clock.advance(60 * hour);
  assert.deepEqual(ran, ["prune@04:00", "prune@04:00", "prune@04:00"]);
  assert.deepEqual(log, ["timezone shift for prune - altering schedule by -3600 seconds"]);
});

test("a new schedule forgets the old one and begins anew", () => {
  const { clock, ran, events } = runner('one cmd="a" period=10', "2026-06-01T10:00:00");
  clock.advance(5 * 60_000);
  events.schedule(eventsOf('two cmd="a" period=60'));
  clock.advance(10 * 60_000);
  assert.deepEqual(ran, ["one@10:00", "two@10:05"]);
});

test("a clock that is set back does not stop a period, one that is set forward is noticed within a minute", () => {
  const { clock, ran } = runner('p cmd="a" period=10', "2026-06-01T10:00:00");
  clock.setWallClock(new Date("2026-06-01T05:00:00").getTime());
  clock.advance(11 * 60_000);
  assert.deepEqual(ran, ["p@10:00", "p@05:11"]);
  const daily = runner('d cmd="a" at=1200', "2026-06-01T10:00:00");
  daily.clock.setWallClock(new Date("2026-06-01T12:00:30").getTime());
  daily.clock.advance(60_000);
  assert.deepEqual(daily.ran, ["d@12:01"]);
});

test("after a long sleep a daily event runs once, not once a day missed", () => {
  const { clock, ran } = runner('d cmd="a" at=1200', "2026-06-01T10:00:00");
  clock.setWallClock(new Date("2026-06-05T18:00:00").getTime());
  clock.advance(hour);
  assert.equal(ran.length, 1);
});
