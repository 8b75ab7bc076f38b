/** cyrus.conf: what cyr_master runs, in its four sections. */
import { readCyrusConfLines, type RawEntry, type SectionName, type Warning } from "./cyrus-conf-lines.ts";
import { ConfigError } from "./error.ts";
import { type Environment, readWithPrefix } from "./imapd-conf.ts";
import { type Listen, parseListen, parseProto, type Transport } from "./listen.ts";
import { loadServices, type Services } from "./services.ts";
import { cannotOpen } from "./settings.ts";
import { suggest } from "./suggest.ts";
import { parseSwitch } from "./values.ts";

export const defaultCyrusConf = "/etc/cyrus.conf";
/** Forks a second on average of what has no limit of its own and is started again whenever it ends. */
export const DEFAULT_FORK_RATE = 10;

export interface Entry {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Program and arguments, split at blanks; never empty. */
  readonly cmd: readonly [string, ...string[]];
}

export interface StartEntry extends Entry {
  readonly section: "START";
}

/** Where a service listens, or why it is disabled; the reason is a text for the log, without the name. */
export type Endpoint = { readonly listen: Listen; readonly transport: Transport } | { readonly disabled: string };

export interface ServiceEntry extends Entry {
  readonly section: "SERVICES";
  /** As written, for comparison with an earlier configuration. */
  readonly listen: string;
  readonly proto: string;
  readonly endpoint: Endpoint;
  /** Idle processes to keep, per socket. At most 1 with UDP, at least 1 with babysit. */
  readonly prefork: number;
  /** Processes per socket; undefined without limit. 1 with UDP. */
  readonly maxchild: number | undefined;
  /** Open files of one process; 0 leaves the limit alone. */
  readonly maxfds: number;
  /** Forks a second on average; 0 without limit. */
  readonly maxforkrate: number;
  readonly babysit: boolean;
}

export interface EventEntry extends Entry {
  readonly section: "EVENTS";
  /** Minutes between the beginnings of two runs; 0: once at start and after each SIGHUP. Not used when `at` is set. */
  readonly period: number;
  /** Local time of a daily run. */
  readonly at: { readonly hour: number; readonly minute: number } | undefined;
}

export interface DaemonEntry extends Entry {
  readonly section: "DAEMON";
  /** Started before the services, one after the other, each of which says when it is ready. */
  readonly wait: boolean;
  readonly maxfds: number;
  readonly maxforkrate: number;
}

export interface CyrusConf {
  readonly file: string;
  readonly start: readonly StartEntry[];
  readonly services: readonly ServiceEntry[];
  readonly events: readonly EventEntry[];
  readonly daemons: readonly DaemonEntry[];
  readonly warnings: readonly Warning[];
  /** Entries left out because they are wrong. Always empty when the file was parsed for a start, which throws. */
  readonly errors: readonly ConfigError[];
}

export interface CyrusConfOptions {
  readonly file?: string;
  /** Names of ports; by default those of /etc/services and our own. */
  readonly services?: Services;
  /**
   * "start": the first error is thrown. "reload": wrong entries are left out and listed in `errors`, so that a slip in
   * one line does not end a running server; what runs under such a name should go on running.
   */
  readonly mode?: "start" | "reload";
}

/** @throws ConfigError; in mode "reload" only when the file is too large */
export function parseCyrusConf(text: string | Uint8Array, options: CyrusConfOptions = {}): CyrusConf {
  const { file = "cyrus.conf", services = loadServices(), mode = "start" } = options;
  const collect = mode === "reload";
  const octets = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  const lines = readCyrusConfLines(octets, { file, collect });
  const conf = {
    file,
    start: [] as StartEntry[],
    services: [] as ServiceEntry[],
    events: [] as EventEntry[],
    daemons: [] as DaemonEntry[],
    warnings: [...lines.warnings],
    errors: [...lines.errors],
  };
  const names = new Map<string, RawEntry>();
  for (const raw of lines.entries) {
    try {
      checkUnique(raw, names);
      const reader = new ArgumentReader(raw, conf.warnings);
      if (raw.section === "START") conf.start.push({ ...entryOf(raw), section: "START" });
      else if (raw.section === "SERVICES") conf.services.push(serviceOf(raw, reader, services));
      else if (raw.section === "EVENTS") conf.events.push(eventOf(raw, reader));
      else conf.daemons.push(daemonOf(raw, reader));
      reader.warnUnknown();
    } catch (error) {
      if (!collect || !(error instanceof ConfigError)) throw error;
      conf.errors.push(error);
    }
  }
  return conf;
}

export interface LoadCyrusConfOptions extends Omit<CyrusConfOptions, "file"> {
  /** Default /etc/cyrus.conf; `-M`. */
  readonly path?: string;
  readonly env?: Environment;
}

/** @throws ConfigError, also when the file cannot be read */
export function loadCyrusConf({
  path = defaultCyrusConf,
  env = process.env,
  ...rest
}: LoadCyrusConfOptions = {}): CyrusConf {
  let octets: Uint8Array;
  try {
    octets = readWithPrefix(path, env);
  } catch (error) {
    throw cannotOpen(path, error, { file: path });
  }
  return parseCyrusConf(octets, { ...rest, file: path });
}

/** SERVICES and DAEMON share one space of names; in START and EVENTS names may repeat. */
function checkUnique(raw: RawEntry, names: Map<string, RawEntry>): void {
  if (raw.section !== "SERVICES" && raw.section !== "DAEMON") return;
  const earlier = names.get(raw.name);
  if (!earlier) {
    names.set(raw.name, raw);
    return;
  }
  throw new ConfigError({
    text: `multiple entries for ${raw.section === "DAEMON" ? "waitdaemon" : "service"} '${raw.name}'`,
    file: raw.file,
    line: raw.line,
    hint: `the name is already used on line ${earlier.line}; names of SERVICES and DAEMON entries must differ`,
  });
}

function entryOf(raw: RawEntry): Entry {
  const { name, file, line } = raw;
  const [program, ...rest] = (raw.args.get("cmd") ?? "").split(/[ \t]+/).filter((word) => word !== "");
  if (program !== undefined) return { name, file, line, cmd: [program, ...rest] };
  throw missing(raw, "cmd");
}

const missingTexts: Readonly<Record<SectionName, (name: string) => string>> = {
  START: (name) => `unable to find command for ${name}`,
  SERVICES: (name) => `unable to find command or port for service '${name}'`,
  EVENTS: (name) => `unable to find command or port for event '${name}'`,
  DAEMON: (name) => `unable to find command for waitdaemon '${name}'`,
};

function missing({ section, name, file, line }: RawEntry, key: string): ConfigError {
  const text = missingTexts[section](name);
  return new ConfigError({ text, file, line, hint: `add ${key}="..." to the line` });
}

function serviceOf(raw: RawEntry, reader: ArgumentReader, services: Services): ServiceEntry {
  const entry = entryOf(raw);
  const listen = raw.args.get("listen") ?? "";
  if (listen === "") throw missing(raw, "listen");
  const proto = raw.args.get("proto") ?? "tcp";
  const transport = parseProto(proto);
  const endpoint = endpointOf(listen, proto, transport, services);
  const isUdp = transport?.protocol === "udp";
  const babysit = reader.toggle("babysit", false);
  const prefork = Math.max(reader.integer("prefork", 0), babysit ? 1 : 0);
  const maxchild = reader.integer("maxchild", -1);
  const maxforkrate = Math.max(reader.integer("maxforkrate", 0), 0);
  return {
    ...entry,
    section: "SERVICES",
    listen,
    proto,
    endpoint,
    prefork: isUdp ? Math.min(prefork, 1) : prefork,
    maxchild: isUdp ? 1 : maxchild < 0 ? undefined : maxchild,
    maxfds: Math.max(reader.integer("maxfds", 0), 0),
    maxforkrate: maxforkrate === 0 && babysit ? DEFAULT_FORK_RATE : maxforkrate,
    babysit,
  };
}

function endpointOf(listen: string, proto: string, transport: Transport | undefined, services: Services): Endpoint {
  if (!transport) return { disabled: `invalid proto '${proto}'` };
  const parsed = parseListen(listen, transport.protocol, services);
  return typeof parsed === "string" ? { disabled: parsed } : { listen: parsed, transport };
}

function eventOf(raw: RawEntry, reader: ArgumentReader): EventEntry {
  const entry = entryOf(raw);
  const period = Math.max(reader.integer("period", 0), 0);
  const text = raw.args.get("at");
  const [, hour, minute] = /^([01][0-9]|2[0-3])([0-5][0-9])$/.exec(text ?? "") ?? [];
  const at = hour === undefined || minute === undefined ? undefined : { hour: Number(hour), minute: Number(minute) };
  if (text !== undefined && !at) reader.warn(`at=${text} is no time of day from 0000 to 2359 and is ignored`);
  return { ...entry, section: "EVENTS", period, at };
}

function daemonOf(raw: RawEntry, reader: ArgumentReader): DaemonEntry {
  const entry = entryOf(raw);
  return {
    ...entry,
    section: "DAEMON",
    wait: reader.toggle("wait", false),
    maxfds: Math.max(reader.integer("maxfds", 0), 0),
    maxforkrate: Math.max(reader.integer("maxforkrate", 0), 0) || DEFAULT_FORK_RATE,
  };
}

const keysOf: Readonly<Record<SectionName, readonly string[]>> = {
  START: ["cmd"],
  SERVICES: ["cmd", "listen", "proto", "prefork", "maxchild", "maxfds", "maxforkrate", "babysit"],
  EVENTS: ["cmd", "period", "at"],
  DAEMON: ["cmd", "wait", "maxfds", "maxforkrate"],
};

/** Numbers and switches of one entry. A text that is neither gives the default, and a warning. */
class ArgumentReader {
  readonly #entry: RawEntry;
  readonly #warnings: Warning[];

  constructor(entry: RawEntry, warnings: Warning[]) {
    this.#entry = entry;
    this.#warnings = warnings;
  }

  integer(key: string, fallback: number): number {
    const text = this.#entry.args.get(key);
    if (text === undefined) return fallback;
    const [digits] = /^-?[0-9]+/.exec(text) ?? [];
    const value = Number(digits);
    if (digits === undefined || Math.abs(value) >= 2 ** 31) {
      this.warn(`${key}=${text} is no whole number; ${fallback} is used`);
      return fallback;
    }
    if (digits !== text) this.warn(`${key}=${text} is read as ${value}`);
    return value;
  }

  toggle(key: string, fallback: boolean): boolean {
    const text = this.#entry.args.get(key);
    if (text === undefined) return fallback;
    const value = parseSwitch(text);
    if (value === undefined) this.warn(`${key}=${text} is neither yes nor no; ${fallback ? "yes" : "no"} is used`);
    return value ?? fallback;
  }

  warn(text: string): void {
    const { file, line, name } = this.#entry;
    this.#warnings.push({ file, line, text: `${name}: ${text}` });
  }

  warnUnknown(): void {
    const known = keysOf[this.#entry.section];
    for (const key of this.#entry.args.keys()) {
      if (known.includes(key)) continue;
      const near = suggest(key, known);
      const hint = near === undefined ? "" : `; did you mean ${near}?`;
      this.warn(`argument '${key}' is unknown in ${this.#entry.section} and is ignored${hint}`);
    }
  }
}
