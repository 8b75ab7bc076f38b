/** The configuration: imapd.conf, cyrus.conf, /etc/services, and the version. */
export type { Config, ConfigExtras, ChannelOptions } from "./config.ts";
export {
  type CyrusConf,
  type CyrusConfOptions,
  type DaemonEntry,
  DEFAULT_FORK_RATE,
  defaultCyrusConf,
  type Endpoint,
  type Entry,
  type EventEntry,
  loadCyrusConf,
  parseCyrusConf,
  type ServiceEntry,
  type StartEntry,
} from "./cyrus-conf.ts";
export type { RawEntry, SectionName, Warning } from "./cyrus-conf-lines.ts";
export { effectiveIdentity, effectiveSyslogPrefix, type Identity, umaskOf, verbosity } from "./environment.ts";
export { ConfigError, exitConfig } from "./error.ts";
export {
  configFromText,
  defaultImapdConf,
  type Environment,
  loadImapdConf,
  type LoadOptions,
  parseImapdConf,
  type ParseOptions,
} from "./imapd-conf.ts";
export { type Listen, MAX_SOCKET_PATH_OCTETS, parseListen, parseProto, type Transport } from "./listen.ts";
export type { CurrentOptionName, OptionName, OptionValues } from "./options/index.ts";
export type { AutocreateAcl, Partition } from "./patterns.ts";
export { loadServices, makeServices, parseServices, type PortProtocol, type Services } from "./services.ts";
export type { Origin, Setting } from "./settings.ts";
export { isFrontend, MAX_SHARDS, requireAbsolutePaths, requireMailStore } from "./start-checks.ts";
export { suggest } from "./suggest.ts";
export { cyrusVersion, productVersion, version, versionLine } from "./version.ts";
