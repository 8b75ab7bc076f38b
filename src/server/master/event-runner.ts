/** Runs the EVENTS of cyrus.conf when they are due. */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { EventEntry } from "../../config/index.ts";
import { firstRun, nextRun, timezoneShift } from "./schedule.ts";

interface Planned {
  readonly entry: EventEntry;
  /** Milliseconds since 1970; undefined: not again. */
  due: number | undefined;
  /** When it was due the time before, for `at`. */
  before: number | undefined;
}

/** The clock is looked at so often at least, in case the administrator has set it. */
const maxSleepMs = 60_000;

export class EventRunner {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #run: (entry: EventEntry) => void;
  #plan: Planned[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, log: Log, run: (entry: EventEntry) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#run = run;
  }

  /** A new schedule in place of the old one. Those with a period, and those with neither period nor time, run at once. */
  schedule(entries: readonly EventEntry[]): void {
    const now = this.#clock.now();
    this.#plan = entries.map((entry) => ({ entry, due: firstRun(entry, now), before: undefined }));
    this.#tick();
  }

  /** When each runs next, for those who ask. */
  get plan(): readonly { readonly name: string; readonly due: number | undefined }[] {
    return this.#plan.map(({ entry, due }) => ({ name: entry.name, due }));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#plan = [];
  }

  #tick(): void {
    this.#timer?.cancel();
    const now = this.#clock.now();
    for (const planned of this.#plan) {
      if (planned.due === undefined || planned.due > now) {
        this.#correct(planned, now);
        continue;
      }
      const { entry, due } = planned;
      planned.before = due;
      planned.due = nextRun(entry, entry.at ? Math.max(due, now) : now);
      if (entry.at && planned.due !== undefined) this.#noteShift(entry, timezoneShift(due, planned.due));
      this.#run(entry);
    }
    const next = Math.min(...this.#plan.map(({ due }) => due ?? Infinity));
    if (next === Infinity) return;
    const sleep = Math.min(Math.max(1, next - this.#clock.now()), maxSleepMs);
    this.#timer = this.#clock.after(sleep, () => this.#tick());
  }

  /** After the clock was set back, nothing may have to wait longer than its own period or a day. */
  #correct(planned: Planned, now: number): void {
    if (planned.due === undefined) return;
    const { entry } = planned;
    const latest = entry.at ? firstRun(entry, now) : now + entry.period * 60_000;
    if (planned.due > latest) planned.due = latest;
  }

  #noteShift(entry: EventEntry, seconds: number): void {
    if (seconds === 0) return;
    this.#log.info(`timezone shift for ${entry.name} - altering schedule by ${seconds} seconds`);
  }
}
