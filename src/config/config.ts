/** The configuration as code uses it: `config.delete_mode`, `config.timeout`, `config.partitions`. */
import { ConfigError } from "./error.ts";
import type { Option } from "./options/define.ts";
import { type CurrentOptionName, type OldOptionName, options, type OptionValues } from "./options/index.ts";
import { optionStates } from "./options/states.ts";
import {
  type AutocreateAcl,
  parseAutocreateAcl,
  type Partition,
  partitionsOf,
  settingsOf,
  valuesAfter,
} from "./patterns.ts";
import { defaultOf, parseValue, type Resolved, resolveOptions } from "./resolve.ts";
import type { Notice, Origin, Setting, Settings } from "./settings.ts";
import { suggest } from "./suggest.ts";

/** Options a replication channel may set for itself, as CHANNEL_sync_host. */
export type ChannelOptions = Pick<OptionValues, Extract<CurrentOptionName, `sync_${string}`>>;

export interface ConfigExtras {
  /** Required in every configuration. */
  readonly configdirectory: string;
  /** The main file. */
  readonly file: string;
  /** Entry name in cyrus.conf, or program name, whose own settings count. */
  readonly service: string | undefined;
  /** By name. */
  readonly partitions: ReadonlyMap<string, Partition>;
  /** `backuppartition-NAME`: path by name. */
  readonly backupPartitions: ReadonlyMap<string, string>;
  readonly autocreateAcls: readonly AutocreateAcl[];
  /** `xlist-FLAG: FOLDER`, special-use flag in lower case by folder name. */
  readonly autocreateSpecialUse: ReadonlyMap<string, string>;
  /**
   * What an administrator should know, a line each: old names, words and encodings; options set away from their default
   * that have no effect. A program logs them once when it starts.
   */
  readonly notices: readonly string[];
  /** The same with the place apart from the text, and without the guesses at misspelt names. */
  readonly settingNotices: readonly Notice[];
  /** `sasl_OPTION`, for OPTION such as `mech_list`. */
  sasl(option: string): string | undefined;
  /** Text of any setting, known or not, as the file gives it; the service's own form first. */
  raw(name: string): string | undefined;
  /** Where a setting was made; undefined when it was not, and the default counts. */
  origin(name: string): Origin | undefined;
  /** Text of an option as cyr_info prints it, also for a default. */
  text(name: string): string | undefined;
  /** The sync_ options of one replication channel; "" is the channel without a name. @throws ConfigError */
  channel(name: string): ChannelOptions;
  /** `HOST_mechs` and `HOST_password`, HOST being the name up to its first dot: how we log in to a backend. */
  backendLogin(host: string): { readonly mechs: string | undefined; readonly password: string | undefined };
  /** Every setting of the files by its full name, for cyr_info. */
  readonly settings: ReadonlyMap<string, Setting>;
}

/** Every option by name, and what cannot be one value by name. Durations are in seconds. */
export type Config = Readonly<Omit<OptionValues, "configdirectory">> & ConfigExtras;

/** @throws ConfigError */
export function makeConfig(settings: Settings, file: string, service: string | undefined): Config {
  const resolution = resolveOptions(settings, service);
  const own = settingsOf(settings, service);
  const values: Record<string, unknown> = {};
  for (const [name, resolved] of resolution.byName) {
    if (options.get(name)?.deprecated?.use === undefined) values[name] = resolved.value;
  }
  const directory = values["configdirectory"];
  if (typeof directory !== "string") {
    throw new ConfigError({
      text: "configdirectory option not specified in configuration file",
      file,
      hint: "add a line such as: configdirectory: /var/lib/cyrus",
    });
  }
  const defaultPartition = checkDefaultPartition(resolution.byName.get("defaultpartition"), file);
  const acls = autocreateAclsOf(settings, service);
  const notices = [...settings.notices, ...resolution.notices, ...effectNotices(resolution.byName)];
  const extras: ConfigExtras = {
    configdirectory: directory,
    file,
    service,
    partitions: partitionsOf(own),
    backupPartitions: valuesAfter(own, "backuppartition-"),
    autocreateAcls: acls,
    autocreateSpecialUse: new Map([...valuesAfter(own, "xlist-")].map(([flag, folder]) => [folder, flag])),
    notices: [...notices, ...typoNotices(settings)].map(({ text, file: where, line }) => `${text} (${where}:${line})`),
    settingNotices: notices,
    sasl: (option) => own.get(`sasl_${option.toLowerCase()}`)?.value,
    raw: (name) => own.get(name.toLowerCase())?.value,
    origin: (name) => {
      const key = name.toLowerCase();
      const resolved = resolution.byName.get(key);
      return resolved ? resolved.origin : originOf(own.get(key));
    },
    text: (name) => resolution.byName.get(name.toLowerCase())?.text,
    channel: (name) => channelOptions(name, resolution.byName, own.get),
    backendLogin: (host) => {
      const short = host.split(".", 1)[0]!.toLowerCase();
      return { mechs: own.get(`${short}_mechs`)?.value, password: own.get(`${short}_password`)?.value };
    },
    settings: settings.byName,
  };
  // The table gives every option its type, and resolveOptions one value of it: the compiler cannot see that in a loop.
  return Object.freeze({ ...values, defaultpartition: defaultPartition, ...extras }) as unknown as Config;
}

function originOf(setting: Setting | undefined): Origin | undefined {
  return setting && { file: setting.file, line: setting.line };
}

function checkDefaultPartition(resolved: Resolved | undefined, file: string): string | undefined {
  const name = resolved?.value;
  if (typeof name !== "string") return undefined;
  if (/^[A-Za-z0-9]+$/.test(name)) return name.toLowerCase();
  throw new ConfigError({
    text: "defaultpartition option contains non-alnum character",
    ...(resolved?.origin ?? { file }),
    hint: `'${name}' must be the NAME of a line partition-NAME, of letters and digits only`,
  });
}

function autocreateAclsOf(settings: Settings, service: string | undefined): readonly AutocreateAcl[] {
  const own = settings.repeated.filter(({ name }) => service !== undefined && name === `${service}_autocreate_acl`);
  const lines = own.length > 0 ? own : settings.repeated.filter(({ name }) => name === "autocreate_acl");
  return lines.map(({ value, file, line }) => {
    const acl = parseAutocreateAcl(value);
    if (acl) return acl;
    throw new ConfigError({
      text: `invalid value '${value}' for autocreate_acl in line ${line}`,
      file,
      line,
      hint: "write FOLDER IDENTIFIER RIGHTS, such as: autocreate_acl: Shared anyone lrs",
    });
  });
}

function channelOptions(
  channel: string,
  byName: ReadonlyMap<string, Resolved>,
  get: (name: string) => Setting | undefined,
): ChannelOptions {
  const values: Record<string, unknown> = {};
  for (const [name, option] of options) {
    if (!name.startsWith("sync_")) continue;
    const setting = channel === "" ? undefined : get(`${channel.toLowerCase()}_${name}`);
    values[name] = setting ? parseValue(setting, option, []).value : byName.get(name)!.value;
  }
  // One value for every option whose name begins with sync_, as the type says.
  return values as unknown as ChannelOptions;
}

/** True when the setting says what holds without it, be it in other words (1440 minutes for 24h). */
function isDefault({ value, text }: Resolved, option: Option): boolean {
  const standard = defaultOf(option, undefined);
  return text === standard.text || (option.type === "duration" && value === standard.value);
}

/** Options that the files set to something other than the default, and that nothing here obeys. */
function effectNotices(byName: ReadonlyMap<string, Resolved>): readonly Notice[] {
  const notices: Notice[] = [];
  for (const [name, resolved] of byName) {
    const { origin } = resolved;
    const option = options.get(name)!;
    if (!origin || option.deprecated?.use !== undefined || isDefault(resolved, option)) continue;
    const state = optionStates[name as Exclude<CurrentOptionName, OldOptionName>];
    if (state === "notYet")
      notices.push({ ...origin, text: `Option '${name}' is not supported yet and has no effect` });
    else if (state !== "done" && "partly" in state) {
      if (hasOnly(resolved.value, state.words)) continue;
      notices.push({ ...origin, text: `Option '${name}' is obeyed in part: ${state.partly}` });
    } else if (state !== "done" && state.quiet !== true) {
      notices.push({ ...origin, text: `Option '${name}' is accepted without effect: ${state.noEffect}` });
    }
  }
  return notices;
}

function hasOnly(value: Resolved["value"], words: readonly string[] = []): boolean {
  return value instanceof Set && [...value].every((word) => words.includes(word));
}

/** Names that are nothing we know, but very like an option. Cyrus keeps silent about unknown names; so do we otherwise. */
function typoNotices(settings: Settings): readonly Notice[] {
  const notices: Notice[] = [];
  for (const { name, file, line } of settings.byName.values()) {
    if (options.has(name) || isForSomeService(name) || isPattern(name)) continue;
    const near = suggest(name, options.keys());
    if (near !== undefined) notices.push({ file, line, text: `Option '${name}' is unknown; did you mean ${near}?` });
  }
  return notices;
}

/** True for ANYTHING_option: the setting of a service, whatever the services are called. */
export function isForSomeService(name: string): boolean {
  for (let at = name.indexOf("_"); at > 0; at = name.indexOf("_", at + 1)) {
    if (options.has(name.slice(at + 1))) return true;
  }
  return false;
}

/** True for the names that administrators make: partition-X, sasl_X, xlist-X, ... */
export function isPattern(name: string): boolean {
  return (
    /^(?:(?:meta|archive|backup|[a-z0-9]+search)?partition-.|sasl_.|xlist-.)/.test(name) || name === "autocreate_acl"
  );
}
