/** What every program of ours does first: read imapd.conf, become the Cyrus user, open the log. */
import { createLog, type Log } from "../../base/log.ts";
import { becomeUser, findGroup, findUser } from "../../base/native/index.ts";
import {
  type Config,
  ConfigError,
  effectiveIdentity,
  effectiveSyslogPrefix,
  loadImapdConf,
  umaskOf,
} from "../../config/index.ts";

export interface ProgramStart {
  readonly config: Config;
  readonly log: Log;
}

/** sysexits.h */
export const exitCode = {
  ok: 0,
  usage: 64,
  dataErr: 65,
  noUser: 67,
  unavailable: 69,
  software: 70,
  osErr: 71,
  tempFail: 75,
  config: 78,
} as const;

/**
 * Prints `fatal error: TEXT` and ends the process when that fails, as Cyrus's tools do.
 * @param name the program's name: settings `NAME_option` are its own
 * @param configFile from -C; undefined: the default place
 */
export function startProgram(name: string, configFile: string | undefined): ProgramStart {
  let config: Config;
  try {
    config = loadImapdConf({
      service: name,
      env: process.env,
      ...(configFile === undefined ? {} : { path: configFile }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`fatal error: ${error.message}`);
    process.exit(exitCode.config);
  }
  becomeCyrus(config);
  process.umask(umaskOf(config));
  const prefix = effectiveSyslogPrefix(config, process.env);
  const log = createLog({ ident: name, facility: config.syslog_facility, prefix, debug: config.debug });
  return { config, log };
}

function becomeCyrus(config: Config): void {
  if (process.getuid!() !== 0) return;
  const { user, group } = effectiveIdentity(config, process.env);
  const entry = findUser(user);
  // No such user, as in a container: stay what we are.
  if (!entry || entry.uid === 0) return;
  const gid = group === undefined ? entry.gid : findGroup(group)?.gid;
  try {
    if (gid === undefined) throw new Error(`no group ${group}`);
    becomeUser(entry, gid);
  } catch (error) {
    console.error(`fatal error: must run as the Cyrus user: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(exitCode.usage);
  }
}
