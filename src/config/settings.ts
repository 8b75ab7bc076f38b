/**
 * The lines of imapd.conf: octets in, a list of settings out. Knows comments, continuation lines, @include and the
 * rule that nothing is set twice; knows nothing of what the options mean.
 *
 *     line      := ws* ( comment | directive | setting )? ws*
 *     comment   := "#" anything
 *     setting   := name ":" ws* value
 *     directive := "@include" ":" ws* path
 *     name      := [A-Za-z0-9_-]+        (folded to lower case)
 */
import { ConfigError } from "./error.ts";

/** Of one file. A configuration has a few kilobytes; larger is a wrong path, such as a log. */
export const MAX_FILE_OCTETS = 16 * 1024 * 1024;
/** Files of one configuration, the main one among them. */
export const MAX_FILES = 256;
/** Directives nested in each other. */
export const MAX_DEPTH = 32;

export interface Origin {
  readonly file: string;
  /** Physical line on which the setting begins, from 1. */
  readonly line: number;
}

/** Something worth a line in the log. */
export interface Notice extends Origin {
  readonly text: string;
}

export interface Setting extends Origin {
  readonly name: string;
  readonly value: string;
}

export interface Settings {
  /** By name, in the order of the files. */
  readonly byName: ReadonlyMap<string, Setting>;
  /** Further lines of the names that may be repeated, in order, the first line among them. */
  readonly repeated: readonly Setting[];
  readonly notices: readonly Notice[];
}

export interface ReadSettingsOptions {
  /** Name of the file for messages, and to find a file that includes itself. */
  readonly file: string;
  /** Octets of an included file. @throws an Error of node:fs when it cannot be read */
  readonly readInclude: (path: string) => Uint8Array;
  /** Names that may be set more than once. */
  readonly mayRepeat: (name: string) => boolean;
}

interface OpenFile {
  readonly name: string;
  readonly text: string;
  position: number;
  /** Physical lines read so far. */
  lines: number;
}

/** @throws ConfigError for anything the grammar does not allow */
export function readSettings(octets: Uint8Array, { file, readInclude, mayRepeat }: ReadSettingsOptions): Settings {
  const byName = new Map<string, Setting>();
  const repeated: Setting[] = [];
  const notices: Notice[] = [];
  const seenFiles = new Set([file]);
  const open: OpenFile[] = [openFile(file, octets)];

  for (let current = open.at(-1); current; current = open.at(-1)) {
    const line = nextLogicalLine(current);
    if (line === undefined) {
      open.pop();
      continue;
    }
    const parsed = parseLine(line.text, { file: current.name, line: line.number });
    if (parsed === undefined) continue;
    const where = { file: current.name, line: line.number };
    const value = decodeValue(parsed.value, parsed.name, where, notices);
    if (parsed.name === "@include") {
      checkInclude(value, where, seenFiles, open.length);
      seenFiles.add(value);
      open.push(openFile(value, readIncluded(value, where, readInclude)));
      continue;
    }
    const setting = { name: parsed.name, value, ...where };
    const earlier = byName.get(setting.name);
    if (mayRepeat(setting.name)) repeated.push(setting);
    else if (earlier) throw setTwice(setting, earlier);
    if (!earlier) byName.set(setting.name, setting);
  }
  return { byName, repeated, notices };
}

/** Text is kept as one character an octet until the value is known, because a file may mix encodings in its comments. */
function openFile(name: string, octets: Uint8Array): OpenFile {
  if (octets.length > MAX_FILE_OCTETS) {
    throw new ConfigError({
      text: `configuration file ${name} is too large`,
      file: name,
      hint: `it has ${octets.length} octets, ${MAX_FILE_OCTETS} are allowed; is it really a configuration file?`,
    });
  }
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
  return { name, text: text.startsWith("\xef\xbb\xbf") ? text.slice(3) : text, position: 0, lines: 0 };
}

/** Physical lines joined at `\` before a line end; nothing is put between them. `number` is that of the first. */
function nextLogicalLine(file: OpenFile): { text: string; number: number } | undefined {
  if (file.position >= file.text.length) return undefined;
  const number = file.lines + 1;
  const pieces: string[] = [];
  for (;;) {
    const end = file.text.indexOf("\n", file.position);
    const hasEnd = end >= 0;
    let line = file.text.slice(file.position, hasEnd ? end : undefined);
    file.position = hasEnd ? end + 1 : file.text.length;
    file.lines++;
    if (line.endsWith("\r")) line = line.slice(0, -1);
    if (!hasEnd || !line.endsWith("\\")) {
      pieces.push(line);
      return { text: pieces.join(""), number };
    }
    pieces.push(line.slice(0, -1));
  }
}

function parseLine(text: string, where: Origin): { name: string; value: string } | undefined {
  const line = trimBlanks(text);
  if (line === "" || line.startsWith("#")) return undefined;
  const isDirective = line.startsWith("@");
  const colon = line.indexOf(":");
  const name = line.slice(0, colon < 0 ? 0 : colon).toLowerCase();
  if (isDirective ? name !== "@include" : !/^[a-z0-9_-]+$/.test(name)) {
    throw new ConfigError({
      text: `invalid ${isDirective ? "directive" : "option name"} on line ${where.line} of configuration file ${where.file}`,
      ...where,
      hint: isDirective
        ? "the only directive is @include: PATH"
        : "a line is NAME: VALUE, where NAME has letters, digits, - and _ only and no blank before the colon",
    });
  }
  const value = trimBlanks(line.slice(colon + 1));
  if (value === "") {
    throw new ConfigError({
      text: `empty option value on line ${where.line} of configuration file`,
      ...where,
      hint: `give ${name} a value, or remove the line to get its default`,
    });
  }
  return { name, value };
}

/** C's isspace. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeValue(octets: string, name: string, where: Origin, notices: Notice[]): string {
  // Values reach log lines, file names and protocol lines; a NUL or CR in them has no honest use.
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(octets)) {
    throw new ConfigError({
      text: `control character in the value of ${name} on line ${where.line} of configuration file ${where.file}`,
      ...where,
      hint: "remove it; of the control characters only the tab may stand in a value",
    });
  }
  if (!/[\x80-\xff]/.test(octets)) return octets;
  try {
    return utf8.decode(Buffer.from(octets, "latin1"));
  } catch {
    notices.push({ ...where, text: `the value of ${name} is not UTF-8; it is read as ISO 8859-1` });
    // C1 controls have no place in ISO 8859-1 text either.
    return octets.replace(/[\x80-\x9f]/g, "?");
  }
}

function checkInclude(path: string, where: Origin, seen: ReadonlySet<string>, depth: number): void {
  if (seen.has(path)) {
    throw new ConfigError({
      text: `configuration file ${path} included twice`,
      ...where,
      hint: "remove one of the @include lines; a file's settings count from where it is included first",
    });
  }
  if (depth >= MAX_DEPTH || seen.size >= MAX_FILES) {
    throw new ConfigError({
      text: `too many included files on line ${where.line} of configuration file ${where.file}`,
      ...where,
      hint: `${MAX_FILES} files in all and ${MAX_DEPTH} within each other are allowed; does a file include itself?`,
    });
  }
}

function readIncluded(path: string, where: Origin, readInclude: (path: string) => Uint8Array): Uint8Array {
  try {
    return readInclude(path);
  } catch (error) {
    throw cannotOpen(path, error, where);
  }
}

/** The error for a configuration file that cannot be read. `where` is the line that names it, or the file itself. */
export function cannotOpen(path: string, error: unknown, where: { file: string; line?: number }): ConfigError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reasons = new Map([
    ["ENOENT", "No such file or directory"],
    ["EACCES", "Permission denied"],
    ["EISDIR", "Is a directory"],
    ["ENOTDIR", "Not a directory"],
    ["ELOOP", "Too many levels of symbolic links"],
  ]);
  const reason = reasons.get(code) ?? (error instanceof Error ? error.message : String(error));
  const hints = new Map([
    ["ENOENT", "name the file with -C (imapd.conf) or -M (cyrus.conf), or create it; doc/examples has samples"],
    ["EACCES", "make it readable for the user the server runs as"],
  ]);
  return new ConfigError({
    text: `can't open configuration file ${path}: ${reason}`,
    ...where,
    hint: hints.get(code) ?? "it must be a readable file",
  });
}

function setTwice(setting: Setting, earlier: Setting): ConfigError {
  return new ConfigError({
    text: `option '${setting.name}' was specified twice in config file (second occurrence on line ${setting.line})`,
    file: setting.file,
    line: setting.line,
    hint: `it is already set at ${earlier.file}:${earlier.line}; remove one of the two`,
  });
}
