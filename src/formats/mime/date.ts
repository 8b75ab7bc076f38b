/** The Date field: RFC 5322 §3.3, the obsolete forms of §4.3, and what else is found in mail. */
import { maxCommentDepth } from "./limits.ts";

export interface ParsedDate {
  /** Seconds since 1970. */
  readonly time: number;
  /** Midnight UTC of the day that is written, whatever the zone; seconds since 1970. */
  readonly day: number;
  /** Minutes east of UTC. */
  readonly zone: number;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** RFC 5322 §4.3; other names, and the military letters, mean nothing reliable and count as UTC. */
const zones = new Map<string, number>([
  ["est", -300],
  ["edt", -240],
  ["cst", -360],
  ["cdt", -300],
  ["mst", -420],
  ["mdt", -360],
  ["pst", -480],
  ["pdt", -420],
]);

const isSpace = (c: number): boolean => c === 32 || c === 9 || c === 13 || c === 10;
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isAlpha = (c: number): boolean => (c | 32) >= 97 && (c | 32) <= 122;

/**
 * Reads [day-of-week ","] day month year [hour ":" minute [":" second] [zone]] from octets[start, end).
 * Comments and folds may stand anywhere, "-" may separate day, month and year; years of 2 and 3 digits are obsolete ones
 * (RFC 5322 §4.3). Cyrus refuses comments, long names and odd years; that shows in SENTON of such messages only.
 * @returns undefined when there is no date, or one before 1970; a missing or wrong time, and a missing zone, count as 0
 */
export function parseDate(octets: Uint8Array, start: number, end: number): ParsedDate | undefined {
  let p = start;
  const skip = (hyphen: boolean): void => {
    while (p < end) {
      const c = octets[p]!;
      if (c === 0x28) p = afterComment(octets, p, end);
      else if (isSpace(c) || (hyphen && (c === 0x2d || c === 0x2c))) p++;
      else break;
    }
  };
  const number = (most: number): number => {
    let value = -1;
    for (let count = 0; count < most && p < end && isDigit(octets[p]!); count++) {
      value = Math.max(value, 0) * 10 + octets[p++]! - 48;
    }
    return value;
  };
  const word = (): string => {
    const from = p;
    while (p < end && isAlpha(octets[p]!)) p++;
    let text = "";
    for (let i = from; i < p && i < from + 12; i++) text += String.fromCharCode(octets[i]! | 32);
    return text;
  };
  skip(false);
  if (p < end && isAlpha(octets[p]!)) {
    word();
    skip(false);
    if (octets[p] === 0x2c) p++;
    skip(false);
  }
  const day = number(2);
  skip(true);
  const month = months.indexOf(word().slice(0, 3));
  skip(true);
  const yearAt = p;
  let year = number(4);
  if (day < 1 || day > 31 || month < 0 || year < 0) return undefined;
  if (p - yearAt <= 2) year += year < 50 ? 2000 : 1900;
  else if (p - yearAt === 3) year += 1900;
  const midnight = Date.UTC(year, month, day) / 1000;
  // 30 February is 2 March, as in Cyrus; before 1970 there was no mail.
  if (midnight <= 0) return undefined;
  skip(false);
  const hour = number(2);
  if (hour < 0) return { time: midnight, day: midnight, zone: 0 };
  let minute = 0;
  let second = 0;
  skip(false);
  if (octets[p] === 0x3a || octets[p] === 0x2e) {
    p++;
    skip(false);
    minute = number(2);
    skip(false);
    if (octets[p] === 0x3a || octets[p] === 0x2e) {
      p++;
      skip(false);
      second = number(2);
      skip(false);
    }
  }
  // The day counts even when the time makes no sense.
  if (hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return { time: midnight, day: midnight, zone: 0 };
  }
  let zone = 0;
  const sign = octets[p];
  if (p < end && (sign === 0x2b || sign === 0x2d)) {
    p++;
    const value = number(4);
    if (value >= 0) zone = (sign === 0x2d ? -1 : 1) * (Math.floor(value / 100) * 60 + (value % 100));
  } else if (p < end) zone = zones.get(word()) ?? 0;
  return { time: midnight + hour * 3600 + minute * 60 + second - zone * 60, day: midnight, zone };
}

function afterComment(octets: Uint8Array, at: number, end: number): number {
  let depth = 0;
  for (let p = at; p < end; p++) {
    const c = octets[p]!;
    if (c === 0x5c) p++;
    else if (c === 0x28) depth = Math.min(depth + 1, maxCommentDepth);
    else if (c === 0x29 && --depth === 0) return p + 1;
  }
  return end;
}
