/** Environment variables that win over imapd.conf. */
import type { Config } from "./config.ts";
import type { Environment } from "./imapd-conf.ts";

export interface Identity {
  readonly user: string;
  /** Undefined: the primary group of the user. */
  readonly group: string | undefined;
}

/** The user that runs when nothing names one. */
const defaultUser = "cyrus";

/** User and group to run as: CYRUS_USER and CYRUS_GROUP, else cyrus_user and cyrus_group, else cyrus. */
export function effectiveIdentity(config: Config, env: Environment): Identity {
  return {
    user: env["CYRUS_USER"] || config.cyrus_user || defaultUser,
    group: env["CYRUS_GROUP"] || config.cyrus_group,
  };
}

/** Log lines begin with PREFIX/NAME. Without a configuration, before imapd.conf is read, the environment alone. */
export function effectiveSyslogPrefix(config: Config | undefined, env: Environment): string | undefined {
  return env["CYRUS_SYSLOG_PREFIX"] || config?.syslog_prefix;
}

/** CYRUS_VERBOSE=n gives n+1; without it 0. */
export function verbosity(env: Environment): number {
  const text = env["CYRUS_VERBOSE"];
  return text !== undefined && /^[0-9]{1,4}$/.test(text) ? Number(text) + 1 : 0;
}

/** The `umask` option: octal digits, other characters passed over. At most 0777. */
export function umaskOf(config: Config): number {
  return Number.parseInt(config.umask.replace(/[^0-7]/g, "").slice(-3) || "77", 8);
}
