/** From the settings of the files to one value for every option, as one service sees it. */
import { ConfigError } from "./error.ts";
import type { Option } from "./options/define.ts";
import { options } from "./options/index.ts";
import type { Notice, Origin, Setting, Settings } from "./settings.ts";
import { suggest } from "./suggest.ts";
import { defaultText, foldOnOff, parseBitfield, parseDuration, parseInteger, parseSwitch } from "./values.ts";

export type OptionValue = string | number | boolean | ReadonlySet<string> | undefined;

/** The value of one option, with the text cyr_info shows for it and the place it was set; no origin for a default. */
export interface Resolved {
  readonly value: OptionValue;
  readonly text: string;
  readonly origin?: Origin;
}

export interface Resolution {
  /** Every option, old names as well. */
  readonly byName: ReadonlyMap<string, Resolved>;
  readonly notices: readonly Notice[];
}

/** How a setting of the file is meant, for one service. */
export interface Target {
  readonly option: string;
  readonly forService: boolean;
}

/**
 * The option a name of the file stands for: itself, or for `imap_timeout` in the service imap, timeout. A name that is an
 * option by itself is always that one (`sync_timeout`, also in a service called sync). Undefined: not an option.
 */
export function targetOf(name: string, service: string | undefined): Target | undefined {
  if (options.has(name)) return { option: name, forService: false };
  if (service === undefined || !name.startsWith(`${service}_`)) return undefined;
  const option = name.slice(service.length + 1);
  return options.has(option) ? { option, forService: true } : undefined;
}

/** Old name to the name that takes its value over, as long as there is one. */
const successors: ReadonlyMap<string, string> = new Map(
  [...options].flatMap(([name, { deprecated }]) => (deprecated?.use ? [[name, deprecated.use] as const] : [])),
);

/** @throws ConfigError for the first setting, in the order of the files, whose text is no value of its option */
export function resolveOptions({ byName }: Settings, service: string | undefined): Resolution {
  const notices: Notice[] = [];
  const generic = new Map<string, Resolved>();
  const specific = new Map<string, Resolved>();
  const directory = configDirectory(byName, service);
  for (const setting of byName.values()) {
    const target = targetOf(setting.name, service);
    if (!target) continue;
    const option = options.get(target.option)!;
    const value = target.option === "configdirectory" ? setting.value : substitute(setting.value, option, directory);
    const resolved = parseValue({ ...setting, value }, option, notices);
    (target.forService ? specific : generic).set(target.option, resolved);
    const deprecation = deprecationNotice(setting.name, option);
    if (deprecation !== undefined) notices.push({ text: deprecation, file: setting.file, line: setting.line });
  }
  for (const set of [specific, generic]) {
    for (const [old, use] of successors) {
      const value = set.get(old);
      if (value && !set.has(use)) set.set(use, value);
    }
  }
  const all = new Map<string, Resolved>();
  for (const [name, option] of options) {
    all.set(name, specific.get(name) ?? generic.get(name) ?? defaultOf(option, directory));
  }
  return { byName: all, notices };
}

function configDirectory(byName: ReadonlyMap<string, Setting>, service: string | undefined): string | undefined {
  const own = service === undefined ? undefined : byName.get(`${service}_configdirectory`);
  return (own ?? byName.get("configdirectory"))?.value;
}

/** `{configdirectory}`, in any case, at the start of the value of a string option. */
function substitute(text: string, option: Option, directory: string | undefined): string {
  if (option.type !== "string" || directory === undefined) return text;
  return text.replace(/^\{configdirectory\}/i, () => directory);
}

/** The value of an option that no file sets. */
export function defaultOf(option: Option, directory: string | undefined): Resolved {
  const text = defaultText(option);
  if (text === undefined) return { value: undefined, text: "" };
  switch (option.type) {
    case "string": {
      const value = substitute(text, option, directory);
      return { value, text: value };
    }
    case "bitfield":
      return { value: new Set(option.default), text };
    case "duration":
      return { value: parseDuration(text, option.unit), text };
    default:
      return { value: option.default, text };
  }
}

/** @throws ConfigError when the text of the setting is no value of the option */
export function parseValue(setting: Setting, option: Option, notices: Notice[]): Resolved {
  const { name, value: text, file, line } = setting;
  const origin: Origin = { file, line };
  const fail = (message: string, hint: string): never => {
    throw new ConfigError({ text: `${message} for ${name} in line ${line}`, ...origin, hint });
  };
  switch (option.type) {
    case "string":
      return { value: text, text, origin };
    case "int": {
      const value = parseInteger(text);
      if (value === undefined)
        return fail("non-integer value", "write a whole number below 2147483648, without a unit");
      return { value, text: String(value), origin };
    }
    case "switch": {
      const value = parseSwitch(text);
      if (value === undefined) return fail("non-switch value", "write yes or no, in lower case");
      return { value, text: value ? "yes" : "no", origin };
    }
    case "enum":
    case "stringlist": {
      const value = option.type === "enum" ? foldOnOff(text) : text;
      if (!option.words.includes(value)) return fail(`invalid value '${value}'`, wordHint(value, option.words));
      return { value, text: value, origin };
    }
    case "bitfield": {
      const { words, replaced, unknown } = parseBitfield(text, option);
      if (unknown.length > 0) return fail(`invalid value '${unknown[0]}'`, wordHint(unknown[0]!, option.words));
      for (const { old, word } of replaced) {
        notices.push({
          ...origin,
          text: `Value '${old}' for option '${name}' is deprecated in favor of value '${word}'`,
        });
      }
      return { value: words, text: option.words.filter((word) => words.has(word)).join(" "), origin };
    }
    case "duration": {
      const value = parseDuration(text, option.unit);
      if (value === undefined) {
        return fail(`unparsable duration '${text}'`, "write it like 90s, 15m, 1h30m or 7d, without blanks");
      }
      return { value, text, origin };
    }
  }
}

function wordHint(word: string, words: readonly string[]): string {
  const near = suggest(word, words);
  const allowed = `allowed: ${words.join(" ")}`;
  return near === undefined ? allowed : `did you mean ${near}? ${allowed}`;
}

function deprecationNotice(name: string, { deprecated }: Option): string | undefined {
  if (!deprecated) return undefined;
  const { since, use } = deprecated;
  if (use === undefined) return `Option '${name}' is deprecated in version ${since}.`;
  return `Option '${name}' is deprecated in favor of '${use}' since version ${since}.`;
}
