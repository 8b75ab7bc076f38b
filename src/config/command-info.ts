/** The commands of cyr_info: flags in, text and exit code out. */
import type { Config } from "./config.ts";
import { loadCyrusConf } from "./cyrus-conf.ts";
import { ConfigError } from "./error.ts";
import { FlagError, type Flags, getopt } from "./getopt.ts";
import { type Environment, loadImapdConf } from "./imapd-conf.ts";
import { allLines, changedLines, defaultLines, parseVersion, redacted, type Version } from "./info.ts";
import { formatFinding, type Installed, lintConfiguration } from "./lint/index.ts";
import { formatProcEntry, procDirectory, readProcFiles } from "./proc-files.ts";
import { loadServices } from "./services.ts";
import { suggest } from "./suggest.ts";
import { versionLine } from "./version.ts";

export interface CommandResult {
  /** Lines, without their ends. */
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly exitCode: number;
}

/** What cyr_info has always answered wrong flags with: -1, as the shell sees it. */
const exitUsage = 255;
const infoFlags = "C:M:n:s:";

export const infoUsage: readonly string[] = [
  "usage: cyr_info [-C imapd.conf] [-M cyrus.conf] [-n service] [-s oldversion] command",
  "",
  "  -n service     show the values that the service of this name in cyrus.conf gets, such as imap",
  "  -s oldversion  mark the options that came or changed after that release of Cyrus IMAP",
  "",
  "commands:",
  "  conf           settings that differ from the defaults",
  "  conf-all       every option with its value",
  "  conf-default   every option with its default",
  "  conf-lint      unknown settings, and on stderr all that looks wrong in both files",
  "  proc           open sessions",
  "  proc end NAME  ends sessions, each named PID.N as in that list",
  "  version        the version of this server",
];

type Command = (input: Input) => CommandResult;

interface Input {
  readonly load: () => Config;
  readonly cyrusConf: string | undefined;
  readonly since: Version | undefined;
  readonly env: Environment;
  readonly installed: Installed | undefined;
}

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["conf", ({ load, since }) => ok(changedLines(load(), { since }))],
  ["conf-all", ({ load, since }) => ok(allLines(load(), { since }))],
  ["conf-default", ({ load, since }) => (load(), ok(defaultLines({ since })))],
  ["conf-lint", lint],
  ["proc", ({ load }) => ok(readProcFiles(procDirectory(load())).map(formatProcEntry))],
  ["version", () => ok([versionLine])],
]);

/**
 * @param argv without interpreter and program
 * @param installed for conf-lint; undefined: programs are not looked for
 */
export function runInfo(argv: readonly string[], env: Environment, installed?: Installed): CommandResult {
  let flags: Flags;
  try {
    flags = getopt(argv, infoFlags);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    return usage(`cyr_info: ${error.message}`);
  }
  const [name = ""] = flags.words;
  // `proc end` without a name.
  const command = name === "proc" && flags.words.length > 1 ? undefined : commands.get(name);
  const sinceText = flags.last("s");
  const since = sinceText === undefined ? undefined : parseVersion(sinceText);
  if (!command) return usage(name === "" || name === "proc" ? undefined : unknownCommand(name));
  if (sinceText !== undefined && !since) return usage(`cyr_info: '${sinceText}' is no version; write it like 3.4.1`);
  const path = flags.last("C");
  const load = (): Config => loadImapdConf({ ...(path !== undefined && { path }), service: flags.last("n"), env });
  try {
    return command({ load, cyrusConf: flags.last("M"), since, env, installed });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { out: [], err: [`fatal error: ${error.message}`], exitCode: error.exitCode };
  }
}

/**
 * `proc end NAME...`: the sessions that are to be ended, which is not this layer's business.
 * @returns undefined for every other command, and for wrong flags
 */
export function sessionsToEnd(
  argv: readonly string[],
): { readonly names: readonly string[]; readonly configFile: string | undefined } | undefined {
  try {
    const flags = getopt(argv, infoFlags);
    const [command, verb, ...names] = flags.words;
    return command === "proc" && verb === "end" && names.length > 0
      ? { names, configFile: flags.last("C") }
      : undefined;
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    return undefined;
  }
}

function ok(out: readonly string[]): CommandResult {
  return { out, err: [], exitCode: 0 };
}

function usage(reason: string | undefined): CommandResult {
  return { out: [], err: [...(reason === undefined ? [] : [reason]), ...infoUsage], exitCode: exitUsage };
}

function unknownCommand(name: string): string {
  const near = suggest(name, commands.keys());
  return `cyr_info: there is no command '${name}'${near === undefined ? "" : `; did you mean ${near}?`}`;
}

/**
 * Unknown settings go to stdout as `name: value`, which is all that Cyrus prints there; every finding goes to stderr
 * with its place and the reason. Exit code 0, as in Cyrus, also with findings: only a file that cannot be used gives 78.
 */
function lint({ load, cyrusConf: path, env, installed }: Input): CommandResult {
  const config = load();
  const services = loadServices();
  const cyrusConf = loadCyrusConf({ ...(path !== undefined && { path }), env, services, mode: "reload" });
  const findings = lintConfiguration(config, cyrusConf, services, installed);
  const out = findings.flatMap(({ unknown }) =>
    unknown ? [`${unknown.name}: ${redacted(unknown.name, unknown.value)}`] : [],
  );
  const [fatal] = cyrusConf.errors;
  return { out, err: findings.map(formatFinding), exitCode: fatal === undefined ? 0 : fatal.exitCode };
}
