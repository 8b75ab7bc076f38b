/** The server's own zone: INTERNALDATE and search days are in it. */

/** Zones change at whole quarters of an hour at the most. */
const QUARTER_SECONDS = 900;
const MAX_REMEMBERED = 4_096;
const remembered = new Map<number, number>();

/** Minutes east of UTC at that moment. Remembered, since a Date costs more than the rest of a FETCH line. */
export function localZoneMinutes(epochSeconds: number): number {
  const quarter = Math.floor(epochSeconds / QUARTER_SECONDS);
  let minutes = remembered.get(quarter);
  if (minutes === undefined) {
    minutes = -new Date(quarter * QUARTER_SECONDS * 1_000).getTimezoneOffset() || 0;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(quarter, minutes);
  }
  return minutes;
}
