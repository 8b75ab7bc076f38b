/**
 * The lines of cyrus.conf: octets in, sections of named entries with their arguments out. Knows nothing of what the
 * arguments mean; cyrus-conf.ts does.
 *
 *     file     := { section }
 *     section  := NAME "{" newline { entry newline } "}"
 *     entry    := name { ws key "=" value }
 *     name,key := [A-Za-z0-9]+
 *     value    := '"' any-but-quote* '"'  |  non-blank-run
 *
 * Only the first section of a name counts. `#` begins a comment anywhere, also inside quotes. There are no continuation lines, includes or escapes.
 */
import { ConfigError } from "./error.ts";

export const MAX_CYRUS_CONF_OCTETS = 4 * 1024 * 1024;
/** Octets of one line, its end not counted. */
export const MAX_LINE_OCTETS = 4_095;
/** Arguments of one entry. */
export const MAX_ARGUMENTS = 64;

export type SectionName = "START" | "SERVICES" | "EVENTS" | "DAEMON";
const sectionNames: readonly SectionName[] = ["START", "SERVICES", "EVENTS", "DAEMON"];

export interface RawEntry {
  readonly section: SectionName;
  readonly name: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** By key; of a key given twice the first. */
  readonly args: ReadonlyMap<string, string>;
}

/** Something that is allowed and most likely not meant. */
export interface Warning {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface CyrusConfLines {
  readonly entries: readonly RawEntry[];
  readonly warnings: readonly Warning[];
  /** Entries that could not be read; empty unless `collect` was asked for. */
  readonly errors: readonly ConfigError[];
}

export interface LinesOptions {
  readonly file: string;
  /** Go on after a line that is wrong, and report it in `errors` instead of throwing. */
  readonly collect: boolean;
}

/** @throws ConfigError at the first line that is wrong, unless `collect`; in any case when the file is too large */
export function readCyrusConfLines(octets: Uint8Array, { file, collect }: LinesOptions): CyrusConfLines {
  if (octets.length > MAX_CYRUS_CONF_OCTETS) {
    throw new ConfigError({
      text: `configuration file ${file} is too large`,
      file,
      hint: `it has ${octets.length} octets, ${MAX_CYRUS_CONF_OCTETS} are allowed; is it really a configuration file?`,
    });
  }
  const entries: RawEntry[] = [];
  const warnings: Warning[] = [];
  const errors: ConfigError[] = [];
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
  /** undefined: outside of sections; "skip": in a section we do not know. */
  let section: SectionName | "skip" | undefined;
  const seen = new Set<SectionName>();
  let openedAt = 0;
  let number = 0;
  for (const physical of text.split("\n")) {
    number++;
    const warn = (message: string): void => void warnings.push({ file, line: number, text: message });
    try {
      const line = withoutComment(physical, file, number);
      if (line === "") continue;
      if (section === undefined) {
        section = openSection(line, seen, warn);
        openedAt = number;
      } else if (line.startsWith("}")) {
        section = undefined;
        if (line !== "}") warn("text after } is ignored");
      } else if (section !== "skip") {
        entries.push({ section, file, line: number, ...parseEntry(line, file, number, warn) });
      }
    } catch (error) {
      if (!collect || !(error instanceof ConfigError)) throw error;
      errors.push(error);
    }
  }
  if (section !== undefined) warnings.push({ file, line: openedAt, text: "this section is not closed with }" });
  return { entries, warnings, errors };
}

function withoutComment(physical: string, file: string, number: number): string {
  if (physical.length > MAX_LINE_OCTETS) {
    throw new ConfigError({
      text: `configuration file ${file}: line ${number} is too long`,
      file,
      line: number,
      hint: `${MAX_LINE_OCTETS} octets are allowed`,
    });
  }
  const comment = physical.indexOf("#");
  return (comment < 0 ? physical : physical.slice(0, comment)).trim();
}

/** The section that a line outside of sections opens, if it opens one. */
function openSection(
  line: string,
  seen: Set<SectionName>,
  warn: (text: string) => void,
): SectionName | "skip" | undefined {
  const [, word = "", between = "", brace = "", after = ""] = /^([A-Za-z0-9]*)([^{]*)(\{?)(.*)$/.exec(line) ?? [];
  if (brace === "") {
    warn("this line is outside of any section and is ignored; a section begins with a line such as SERVICES {");
    return undefined;
  }
  const isClosed = after.trim().startsWith("}");
  if (after.trim() !== "" && !isClosed) warn("text after { is ignored; write each entry on a line of its own");
  if (between.trim() !== "") warn("text between the name of a section and { is ignored");
  const upper = word.toUpperCase();
  const known = sectionNames.find((name) => name === upper && word.startsWith(name[0]!));
  if (word === "") {
    warn("this { names no section; it belongs at the end of the line with the name, and all up to } is ignored");
  } else if (known === undefined) {
    const meant = sectionNames.find((name) => name === upper || `${name}S` === upper || name === `${upper}S`);
    warn(`section '${word}' is unknown and is ignored${meant === undefined ? "" : `; did you mean ${meant}?`}`);
  }
  const isRepeated = known !== undefined && seen.has(known);
  if (isRepeated) warn(`a second section ${known} is ignored, as in Cyrus; move its entries into the first`);
  if (known !== undefined) seen.add(known);
  if (isClosed) return undefined;
  return isRepeated ? "skip" : (known ?? "skip");
}

type Args = { readonly name: string; readonly args: ReadonlyMap<string, string> };

function parseEntry(line: string, file: string, number: number, warn: (text: string) => void): Args {
  const fail = (text: string, hint: string): never => {
    throw new ConfigError({ text: `configuration file ${file}: ${text} on line ${number}`, file, line: number, hint });
  };
  const name = wordAt(line, 0);
  let at = name.length;
  if (at < line.length && !isBlank(line[at]!)) {
    fail(`bad character '${printable(line[at]!)}' in name`, "names have letters and digits only");
  }
  const args = new Map<string, string>();
  for (let count = 1; ; count++) {
    while (at < line.length && isBlank(line[at]!)) at++;
    if (at >= line.length) return { name, args };
    if (count > MAX_ARGUMENTS) fail("too many arguments", `${MAX_ARGUMENTS} are allowed`);
    const key = wordAt(line, at);
    at += key.length;
    if (line[at] !== "=") {
      const character = at < line.length ? printable(line[at]!) : "end of line";
      fail(`bad character '${character}' in argument`, 'write KEY=VALUE or KEY="VALUE", without blanks around the =');
    }
    at++;
    const isQuoted = line[at] === '"';
    let end = isQuoted ? line.indexOf('"', at + 1) : at;
    if (end < 0) fail('missing "', "close the quotes on the same line; # begins a comment also inside quotes");
    if (!isQuoted) while (end < line.length && !isBlank(line[end]!)) end++;
    const value = decode(line.slice(isQuoted ? at + 1 : at, end));
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(value)) fail("control character in argument", `remove it from ${key}`);
    at = isQuoted ? end + 1 : end;
    if (args.has(key)) warn(`${key} is given twice for ${name}; the first counts`);
    else args.set(key, value);
  }
}

/** The letters and digits from `start` on. */
function wordAt(line: string, start: number): string {
  let end = start;
  while (end < line.length && /[A-Za-z0-9]/.test(line[end]!)) end++;
  return line.slice(start, end);
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t" || character === "\v" || character === "\f" || character === "\r";
}

function printable(character: string): string {
  return /[ -~]/.test(character) ? character : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** UTF-8 where it is, otherwise one character an octet. */
function decode(octets: string): string {
  if (!/[\x80-\xff]/.test(octets)) return octets;
  const text = Buffer.from(octets, "latin1").toString("utf8");
  return text.includes("\ufffd") ? octets : text;
}
