/** Reading imapd.conf. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, makeConfig } from "./config.ts";
import { ConfigError } from "./error.ts";
import { cannotOpen, readSettings } from "./settings.ts";

export const defaultImapdConf = "/etc/imapd.conf";

/** The part of the environment that a program passes on; process.env fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadOptions {
  /** Default /etc/imapd.conf; `-C` of every program. */
  readonly path?: string;
  /** Entry name in cyrus.conf (CYRUS_SERVICE), or the program's name: SERVICE_option then counts before option. */
  readonly service?: string | undefined;
  /** CYRUS_PREFIX is tried in front of every path. */
  readonly env?: Environment;
}

/** @throws ConfigError when a file cannot be read or says something that cannot be */
export function loadImapdConf({ path = defaultImapdConf, service, env = process.env }: LoadOptions = {}): Config {
  let octets: Uint8Array;
  try {
    octets = readWithPrefix(path, env);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw cannotOpen(path, error, { file: path });
  }
  return parseImapdConf(octets, { file: path, readInclude: (include) => readWithPrefix(include, env), service });
}

export interface ParseOptions {
  readonly file?: string;
  readonly readInclude?: (path: string) => Uint8Array;
  readonly service?: string | undefined;
}

/** @throws ConfigError; never anything else, whatever the octets */
export function parseImapdConf(text: string | Uint8Array, parseOptions: ParseOptions = {}): Config {
  const { file = "imapd.conf", readInclude = noInclude, service } = parseOptions;
  const octets = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  const settings = readSettings(octets, { file, readInclude, mayRepeat });
  return makeConfig(settings, file, service?.toLowerCase());
}

/** For tests: a configuration from its lines alone. `configdirectory` is /var/lib/cyrus unless the text sets it. */
export function configFromText(text = "", service?: string): Config {
  const hasDirectory = /^\s*configdirectory:/im.test(text);
  return parseImapdConf(hasDirectory ? text : `${text}\nconfigdirectory: /var/lib/cyrus\n`, { service });
}

/** Documented as repeatable by Cyrus, whose check for settings made twice then forbids it. */
function mayRepeat(name: string): boolean {
  return name === "autocreate_acl" || name.endsWith("_autocreate_acl");
}

function noInclude(path: string): Uint8Array {
  throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
}

/** $CYRUS_PREFIX and the path, when that exists; else the path, seen from the working directory. */
export function readWithPrefix(path: string, env: Environment): Uint8Array {
  const prefix = env["CYRUS_PREFIX"];
  if (prefix !== undefined && prefix !== "") {
    try {
      return readFileSync(join(prefix, path));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  return readFileSync(path);
}
