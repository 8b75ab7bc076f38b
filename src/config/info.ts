/** The lines of `cyr_info conf`, `conf-all` and `conf-default`. */
import type { Config } from "./config.ts";
import { options } from "./options/index.ts";
import { defaultOf, targetOf } from "./resolve.ts";
import { defaultText } from "./values.ts";

export interface InfoOptions {
  /** Options that came or changed after this release are marked with the release in front. */
  readonly since?: Version | undefined;
}

/** Major, minor, revision. */
export type Version = readonly [number, number, number];

/** `3`, `3.4`, `3.4.1`, `cyrus-imapd-3.4.1`; a suffix after a hyphen is passed over. Undefined for anything else. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(?:cyrus-imapd-)?([0-9]{1,5})(?:\.([0-9]{1,5}))?(?:\.([0-9]{1,5}))?(?:-.*)?$/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)] : undefined;
}

export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** By name. Cyrus prints nearly the same order. */
const names: readonly string[] = [...options.keys()].sort();

/** Options whose text differs from the default, then all other settings in the order of the files. */
export function changedLines(config: Config, { since }: InfoOptions): readonly string[] {
  const changed = names.filter((name) => {
    const option = options.get(name)!;
    if (option.deprecated?.use !== undefined || config.origin(name) === undefined) return false;
    return config.text(name) !== defaultOf(option, config.configdirectory).text;
  });
  return [...changed.map((name) => line(name, config.text(name) ?? "", since)), ...otherLines(config)];
}

/** Every option with its effective value, then all other settings. */
export function allLines(config: Config, { since }: InfoOptions): readonly string[] {
  return [...names.map((name) => line(name, config.text(name) ?? "", since)), ...otherLines(config)];
}

/** Every option with its default. */
export function defaultLines({ since }: InfoOptions): readonly string[] {
  return names.map((name) => line(name, defaultText(options.get(name)!) ?? "", since));
}

function line(name: string, text: string, since: Version | undefined): string {
  const { since: changed } = options.get(name)!;
  const mark = since && compareVersions(parseVersion(changed)!, since) > 0 ? `(${changed}) ` : "";
  return `${mark}${name}: ${redacted(name, text)}`;
}

/** Settings that are no option for this service, and old names as they stand in the file. */
function otherLines(config: Config): readonly string[] {
  const lines: string[] = [];
  for (const { name, value } of config.settings.values()) {
    const target = targetOf(name, config.service);
    if (target && options.get(target.option)!.deprecated === undefined) continue;
    lines.push(`${name}: ${redacted(name, value)}`);
  }
  return lines;
}

/** What stands for a secret. Output of this program ends up in bug reports. */
export const REDACTED = "(hidden)";

/** The text, unless the name says that it is a password. In newspeer, the passwords between `:` and `@`. */
export function redacted(name: string, text: string): string {
  if (text === "") return text;
  if (/password|passwd|passphrase|secret|(?:^|_)pw$/.test(name)) return REDACTED;
  if (/(?:^|_)newspeer$/.test(name)) return text.replace(/:[^\s:@/]*@/g, `:${REDACTED}@`);
  return text;
}
