/** Dates of RFC 3501 §9: date, date-time. Days and seconds are computed here, without a clock and without a zone of our own. */

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A day of the calendar, in whatever zone the reader of the date means. */
export interface CalendarDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** A moment as a client writes it. */
export interface DateTime {
  /** Seconds since 1970-01-01T00:00:00Z. */
  readonly epochSeconds: number;
  /** Minutes east of UTC that the client wrote. */
  readonly zoneMinutes: number;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function calendarDay(day: string, month: string, year: string): CalendarDay | undefined {
  const result = { year: Number(year), month: months.indexOf(month.toLowerCase()) + 1, day: Number(day) };
  const valid = result.month > 0 && result.day >= 1 && result.day <= daysInMonth(result.year, result.month);
  return valid ? result : undefined;
}

/** date-text = date-day "-" date-month "-" date-year, `1-Feb-1994`. Undefined when it is none. */
export function parseDate(text: string): CalendarDay | undefined {
  const match = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text);
  return match === null ? undefined : calendarDay(match[1]!, match[2]!, match[3]!);
}

/** `1-Feb-1994`. */
export function formatDate({ year, month, day }: CalendarDay): string {
  return `${day}-${monthNames[month - 1]}-${String(year).padStart(4, "0")}`;
}

/**
 * date-time without its quotes: date-day-fixed "-" date-month "-" date-year SP time SP zone, ` 7-Feb-1994 21:52:25 -0800`.
 * A day without its padding is accepted too. Undefined when it is none.
 */
export function parseDateTime(text: string): DateTime | undefined {
  const match = /^( \d|\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const day = calendarDay(match[1]!.trim(), match[2]!, match[3]!);
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const [zoneHour, zoneMinute] = [Number(match[8]), Number(match[9])];
  // A leap second is accepted and falls on the next minute.
  if (day === undefined || hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59)
    return undefined;
  const zoneMinutes = (match[7] === "-" ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  const seconds = hour * 3600 + minute * 60 + second;
  return { epochSeconds: epochDay(day) * 86_400 + seconds - zoneMinutes * 60, zoneMinutes: zoneMinutes || 0 };
}

/** Days since 1970-01-01. */
export function epochDay({ year, month, day }: CalendarDay): number {
  // Years count from March, so that the leap day is a year's last.
  const y = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The calendar day that is `days` after 1970-01-01. */
export function dayOfEpoch(days: number): CalendarDay {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/**
 * date-time without quotes, as INTERNALDATE and SAVEDATE show it: ` 8-Feb-2022 05:52:25 +0000`, 26 characters.
 * @param zoneMinutes minutes east of UTC at that moment, in the server's zone
 */
export function formatDateTime(epochSeconds: number, zoneMinutes: number): string {
  const local = Math.floor(epochSeconds) + zoneMinutes * 60;
  const days = Math.floor(local / 86_400);
  const seconds = local - days * 86_400;
  const { year, month, day } = dayOfEpoch(days);
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const zone = Math.abs(zoneMinutes);
  const sign = zoneMinutes < 0 ? "-" : "+";
  const date = `${day < 10 ? " " : ""}${day}-${monthNames[month - 1]}-${String(year).padStart(4, "0")}`;
  return `${date} ${time} ${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}`;
}

/** Octets that `putDateTime` writes. */
export const DATE_TIME_OCTETS = 26;

const monthOctets = Buffer.from(monthNames.join(""));

function putTwo(out: Buffer, at: number, value: number): void {
  const tens = (value / 10) | 0;
  out[at] = 48 + tens;
  out[at + 1] = 48 + value - tens * 10;
}

/**
 * `formatDateTime` onto octets, for years from 0 to 9999 (others are clamped): bulk FETCH writes one a message.
 * @returns the position after it
 */
export function putDateTime(out: Buffer, at: number, epochSeconds: number, zoneMinutes: number): number {
  const local = Math.floor(epochSeconds) + zoneMinutes * 60;
  const days = Math.floor(local / 86_400);
  const seconds = local - days * 86_400;
  const { year, month, day } = dayOfEpoch(days);
  const clamped = Math.min(9999, Math.max(0, year));
  putTwo(out, at, day);
  if (day < 10) out[at] = 32;
  out[at + 2] = 45;
  const name = (month - 1) * 3;
  out[at + 3] = monthOctets[name]!;
  out[at + 4] = monthOctets[name + 1]!;
  out[at + 5] = monthOctets[name + 2]!;
  out[at + 6] = 45;
  putTwo(out, at + 7, Math.floor(clamped / 100));
  putTwo(out, at + 9, clamped % 100);
  out[at + 11] = 32;
  putTwo(out, at + 12, Math.floor(seconds / 3600));
  out[at + 14] = 58;
  putTwo(out, at + 15, Math.floor(seconds / 60) % 60);
  out[at + 17] = 58;
  putTwo(out, at + 18, seconds % 60);
  out[at + 20] = 32;
  out[at + 21] = zoneMinutes < 0 ? 45 : 43;
  const zone = Math.abs(zoneMinutes);
  putTwo(out, at + 22, Math.floor(zone / 60));
  putTwo(out, at + 24, zone % 60);
  return at + DATE_TIME_OCTETS;
}
