/**
 * The text of an option to its value, for each kind of option. Every function returns undefined when the text is not a
 * value of that kind; the caller knows the file and line to name.
 */
import type { BitfieldOption, DurationUnit, Option } from "./options/define.ts";

/** Integers of imapd.conf are C ints wherever Cyrus uses them; larger ones would wrap there. */
const MAX_INT = 2 ** 31 - 1;
/** 68 years in seconds: what a 32-bit time_t could hold. */
const MAX_DURATION = 2 ** 31 - 1;

const unitSeconds: Readonly<Record<DurationUnit, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };

/** C's strtol with base 0: decimal, 0x for hexadecimal, a leading 0 for octal; a sign may stand in front. */
export function parseInteger(text: string): number | undefined {
  const match = /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(text);
  if (!match) return undefined;
  const [, sign, hexadecimal, octal, decimal] = match;
  const size = hexadecimal ? parseInt(hexadecimal, 16) : octal ? parseInt(octal, 8) : Number(decimal);
  if (size > MAX_INT) return undefined;
  return sign === "-" && size > 0 ? -size : size;
}

/** Decided by the first letters, in lower case: `0 n f of` is no, `1 y t on` is yes. */
export function parseSwitch(text: string): boolean | undefined {
  if (/^(?:[0nf]|of)/.test(text)) return false;
  if (/^(?:[1yt]|on)/.test(text)) return true;
  return undefined;
}

/**
 * Seconds. `-`, if any, then groups of digits and a unit (`1h30m`, added up); the last group may leave out its unit,
 * which then is `unit`.
 */
export function parseDuration(text: string, unit: DurationUnit): number | undefined {
  if (!/^-?(?:[0-9]+[dhms])*(?:[0-9]+)?$/.test(text) || text === "-" || text === "") return undefined;
  let seconds = 0;
  for (const [, digits, letter] of text.matchAll(/([0-9]+)([dhms]?)/g)) {
    const each = letter === "" ? unitSeconds[unit] : unitSeconds[letter as DurationUnit];
    seconds += Number(digits) * each;
  }
  if (seconds > MAX_DURATION) return undefined;
  return text.startsWith("-") && seconds > 0 ? -seconds : seconds;
}

/** Cyrus's writing of on and off in enums. Exact case. */
const onOff: ReadonlyMap<string, string> = new Map([
  ...["1", "yes", "t", "true"].map((word) => [word, "on"] as const),
  ...["0", "no", "f", "false"].map((word) => [word, "off"] as const),
]);

export function foldOnOff(text: string): string {
  return onOff.get(text) ?? text;
}

export interface Bitfield {
  readonly words: ReadonlySet<string>;
  /** Old words that were given, each with the word it stands for. */
  readonly replaced: readonly { readonly old: string; readonly word: string }[];
  /** Words that are none of this option's. */
  readonly unknown: readonly string[];
}

/** Words separated by blanks, in any order. */
export function parseBitfield(text: string, option: BitfieldOption<string>): Bitfield {
  const words = new Set<string>();
  const replaced: { old: string; word: string }[] = [];
  const unknown: string[] = [];
  const aliases = new Map(Object.entries(option.aliases ?? {}));
  for (const given of text.split(/[ \t\v\f]+/).filter((word) => word !== "")) {
    const word = aliases.get(given);
    if (word !== undefined) replaced.push({ old: given, word });
    if (word !== undefined || option.words.includes(given)) words.add(word ?? given);
    else unknown.push(given);
  }
  return { words, replaced, unknown };
}

/** The default as it would be written in the file; undefined when there is none. */
export function defaultText(option: Option): string | undefined {
  switch (option.type) {
    case "switch":
      return option.default ? "yes" : "no";
    case "int":
      return String(option.default);
    case "bitfield":
      return option.default.join(" ");
    default:
      return option.default;
  }
}
