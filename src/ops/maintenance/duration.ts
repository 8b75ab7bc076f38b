/** Durations of cyr_expire: a decimal number and d, h, m or s; days without a letter. */

const units: Readonly<Record<string, number>> = { "": 86_400, d: 86_400, h: 3_600, m: 60, s: 1 };

/** In seconds; undefined for what is no duration, negative ones included. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)([dhms]?)$/.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * units[match[2]!]!;
  return Number.isFinite(seconds) ? Math.round(seconds) : undefined;
}
