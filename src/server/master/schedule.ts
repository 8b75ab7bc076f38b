/** When EVENTS run: once, every so many minutes from the last start, or daily at a local time of day. */

export interface EventTiming {
  /** Minutes between starts; 0 runs once. */
  readonly period: number;
  /** Local time of day; wins over `period`. */
  readonly at: TimeOfDay | undefined;
}
export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** First run after the configuration is read: at once, or at the next such time of day. */
export function firstRun({ at }: EventTiming, now: number): number {
  return at ? nextTimeOfDay(at, now) : now;
}

/** Next run after one that began at `started`; undefined when there is none before the next SIGHUP. */
export function nextRun({ period, at }: EventTiming, started: number): number | undefined {
  if (at) return nextTimeOfDay(at, started);
  return period > 0 ? started + period * 60_000 : undefined;
}

/**
 * The first moment after `now` whose local clock shows `at`. A time that a change to summer time leaves out is taken as
 * much later as the clock was put forward (02:30 becomes 03:30); of one that comes twice the first counts, and only it.
 */
export function nextTimeOfDay({ hour, minute }: TimeOfDay, now: number): number {
  const today = new Date(now);
  for (let day = 0; ; day++) {
    const then = new Date(today.getFullYear(), today.getMonth(), today.getDate() + day, hour, minute).getTime();
    if (then > now) return then;
  }
}

/** Seconds by which the way from one run to the next differs from whole days: a change of the local time's offset. */
export function timezoneShift(previous: number, next: number): number {
  const day = 86_400;
  const seconds = Math.round((next - previous) / 1000);
  return seconds - Math.round(seconds / day) * day;
}
