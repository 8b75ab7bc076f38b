/** Settings of imapd.conf that nothing reads. */
import type { Config } from "../config.ts";
import type { CyrusConf } from "../cyrus-conf.ts";
import { ConfigError } from "../error.ts";
import { options } from "../options/index.ts";
import { parseValue } from "../resolve.ts";
import type { Setting } from "../settings.ts";
import { suggest } from "../suggest.ts";
import type { Finding } from "./finding.ts";

/** Programs whose own settings count when they run from a shell, besides the services of cyrus.conf. */
const tools: readonly string[] = [
  "arbitron",
  "calalarmd",
  "chk_cyrus",
  "ctl_backups",
  "ctl_conversationsdb",
  "ctl_cyrusdb",
  "ctl_deliver",
  "ctl_mboxlist",
  "ctl_zoneinfo",
  "cvt_cyrusdb",
  "cyr_buildinfo",
  "cyr_dbtool",
  "cyr_deny",
  "cyr_df",
  "cyr_expire",
  "cyr_info",
  "cyr_ls",
  "cyr_synclog",
  "cyr_userseen",
  "cyr_virusscan",
  "cyrdump",
  "dav_reconstruct",
  "deliver",
  "fetchnews",
  "idled",
  "ipurge",
  "master",
  "mbexamine",
  "mbpath",
  "mbtool",
  "promstatsd",
  "ptdump",
  "ptexpire",
  "quota",
  "reconstruct",
  "relocate_by_id",
  "sievec",
  "sieved",
  "squatter",
  "sync_client",
  "sync_reset",
  "tls_prune",
  "unexpunge",
];
/** Under these names only, whatever the program's file is called: `quota_OPTION`, not `cyr_quota_OPTION`. */
const toolNames: ReadonlySet<string> = new Set(tools);

export function unknownSettings(config: Config, cyrusConf: CyrusConf): readonly Finding[] {
  const names = [...cyrusConf.services, ...cyrusConf.daemons].map(({ name }) => name.toLowerCase());
  const services = new Set([...names, ...toolNames]);
  const findings: Finding[] = [];
  for (const setting of config.settings.values()) {
    if (options.has(setting.name)) continue;
    const finding = lintSetting(setting, config, services);
    if (finding) findings.push(finding);
  }
  return findings;
}

function lintSetting(setting: Setting, config: Config, services: ReadonlySet<string>): Finding | undefined {
  const { name } = setting;
  const reason = whyNotPattern(name, config);
  if (reason === undefined) return undefined;
  for (const [service, option] of splits(name)) {
    const isService = services.has(service);
    const isChannel = option.startsWith("sync_") && channelsOf(config).has(service);
    const known = options.get(option);
    if (known && (isService || isChannel)) return valueFinding(setting, known);
    if (isService && whyNotPattern(option, config) === undefined) return undefined;
    if (isBackendLogin(service, option, config)) return undefined;
  }
  return unknown(setting, reason || explain(name, services));
}

/** undefined: it is one of the names administrators make; otherwise the reason, "" when it has no such shape. */
function whyNotPattern(name: string, config: Config): string | undefined {
  if (/^(?:partition|backuppartition|xlist)-./.test(name) || /^sasl_./.test(name)) return undefined;
  if (name === "autocreate_acl") return undefined;
  const [, partition] = /^(?:meta|archive|[a-z0-9]+search)partition-(.+)$/.exec(name) ?? [];
  if (partition === undefined) return "";
  return config.partitions.has(partition) ? undefined : `there is no partition-${partition}`;
}

/** Every way to read a name as SERVICE_option. */
function* splits(name: string): Generator<readonly [string, string]> {
  for (let at = name.indexOf("_"); at > 0; at = name.indexOf("_", at + 1)) {
    yield [name.slice(0, at), name.slice(at + 1)];
  }
}

function channelsOf(config: Config): ReadonlySet<string> {
  const words = `${config.sync_log_channels ?? ""} ${config.sync_rightnow_channel ?? ""}`.split(/\s+/);
  return new Set(words.map((word) => word.toLowerCase()).filter((word) => word !== "" && word !== '""'));
}

/** HOST_mechs and HOST_password, for hosts that are named as backends. */
function isBackendLogin(host: string, key: string, config: Config): boolean {
  if (key !== "mechs" && key !== "password") return false;
  const lists = [config.serverlist, config.defaultserver, config.mupdate_server, config.sync_host];
  const hosts = lists.flatMap((text) => (text ?? "").split(/[\s,]+/));
  // A frontend learns its backends from the mupdate server, so any host may be one.
  return config.mupdate_server !== undefined || hosts.some((name) => name.split(".", 1)[0]!.toLowerCase() === host);
}

/** A setting that other services or channels read: its value is checked here, before they fail to start. */
function valueFinding(setting: Setting, option: Parameters<typeof parseValue>[1]): Finding | undefined {
  try {
    parseValue(setting, option, []);
    return undefined;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { file: setting.file, line: setting.line, text: `${error.text}: ${error.hint}` };
  }
}

function explain(name: string, services: ReadonlySet<string>): string {
  for (const [service, option] of splits(name)) {
    if (options.has(option)) return `there is no service '${service}' in cyrus.conf`;
    const meant = services.has(service) ? suggest(option, options.keys()) : undefined;
    if (meant !== undefined) return `did you mean ${service}_${meant}?`;
  }
  const near = suggest(name, options.keys());
  return near === undefined ? "Cyrus 3.6 has no such option" : `did you mean ${near}?`;
}

function unknown({ name, value, file, line }: Setting, reason: string): Finding {
  return { file, line, text: `option '${name}' is unknown and has no effect; ${reason}`, unknown: { name, value } };
}
