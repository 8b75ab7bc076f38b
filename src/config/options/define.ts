/**
 * How an option of imapd.conf is described. One value per kind of text in the file; the type of each description
 * carries the default and the allowed words, so that `Config` (see config.ts) can be derived from the table.
 */

/** Units of durations. A day is 24 hours. */
export type DurationUnit = "d" | "h" | "m" | "s";

export interface About {
  /** Release of Cyrus IMAP in which the option came or last changed its meaning, such as "3.1.8". */
  readonly since: string;
  /** Parts of the server that the option concerns. */
  readonly areas: readonly string[];
  readonly help: string;
  /** Set on old names. With `use`, the value is taken over by the option of that name. */
  readonly deprecated?: { readonly since: string; readonly use?: string };
}

export interface StringOption<D extends string | undefined> extends About {
  readonly type: "string";
  readonly default: D;
}
export interface IntOption extends About {
  readonly type: "int";
  readonly default: number;
}
export interface SwitchOption extends About {
  readonly type: "switch";
  readonly default: boolean;
}
/** One of the words. "enum" also takes 1, yes, t, true for "on" and 0, no, f, false for "off"; "stringlist" does not. */
export interface WordOption<W extends string, D extends W | undefined> extends About {
  readonly type: "enum" | "stringlist";
  readonly words: readonly W[];
  readonly default: D;
}
export interface BitfieldOption<W extends string> extends About {
  readonly type: "bitfield";
  readonly words: readonly W[];
  readonly default: readonly W[];
  /** Old word to the word that replaces it. */
  readonly aliases?: Readonly<Record<string, W>>;
}
/** The default is text as in the file; values are numbers of seconds. */
export interface DurationOption<D extends string | undefined> extends About {
  readonly type: "duration";
  readonly default: D;
  /** Unit of a number that stands without one. */
  readonly unit: DurationUnit;
}

export interface Renamed {
  readonly deprecated: { readonly since: string; readonly use: string };
}

export type Option =
  | StringOption<string | undefined>
  | IntOption
  | SwitchOption
  | WordOption<string, string | undefined>
  | BitfieldOption<string>
  | DurationOption<string | undefined>;

/** `fallback` undefined: not set unless the file sets it. */
export function string(fallback: string, about: About): StringOption<string>;
export function string(fallback: undefined, about: About): StringOption<undefined>;
export function string(fallback: string | undefined, about: About): StringOption<string | undefined> {
  return { type: "string", default: fallback, ...about };
}

export function int(fallback: number, about: About): IntOption {
  return { type: "int", default: fallback, ...about };
}

/** An option that is yes or no. */
export function toggle(fallback: boolean, about: About): SwitchOption {
  return { type: "switch", default: fallback, ...about };
}

export function oneOf<const W extends string, const D extends NoInfer<W> | undefined>(
  words: readonly W[],
  fallback: D,
  about: About,
): WordOption<W, D> {
  return { type: "enum", words, default: fallback, ...about };
}

export function listed<const W extends string, const D extends NoInfer<W> | undefined>(
  words: readonly W[],
  fallback: D,
  about: About,
): WordOption<W, D> {
  return { type: "stringlist", words, default: fallback, ...about };
}

export function setOf<const W extends string>(
  words: readonly W[],
  fallback: readonly NoInfer<W>[],
  about: About & { readonly aliases?: Readonly<Record<string, NoInfer<W>>> },
): BitfieldOption<W> {
  return { type: "bitfield", words, default: fallback, ...about };
}

/** `fallback` as it would stand in the file, such as "32m". */
export function duration(fallback: string, unit: DurationUnit, about: About): DurationOption<string>;
export function duration(fallback: undefined, unit: DurationUnit, about: About): DurationOption<undefined>;
export function duration(
  fallback: string | undefined,
  unit: DurationUnit,
  about: About,
): DurationOption<string | undefined> {
  return { type: "duration", default: fallback, unit, ...about };
}

/** An old name, since release `since`: its value is taken over by the option `use`, unless that is set itself. */
export function renamed<O extends Option>(use: string, since: string, option: O): O & Renamed {
  return { ...option, deprecated: { since, use } };
}
