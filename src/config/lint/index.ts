/** What `cyr_info conf-lint` finds in a pair of imapd.conf and cyrus.conf that both can be read. */
import type { Config } from "../config.ts";
import type { CyrusConf } from "../cyrus-conf.ts";
import { ConfigError } from "../error.ts";
import type { Services } from "../services.ts";
import { requireMailStore } from "../start-checks.ts";
import { absentPrograms, type Installed } from "./absent-programs.ts";
import { lintEvents, lintServices, lintStart } from "./entries.ts";
import type { Finding } from "./finding.ts";
import { otherImapdConf } from "./other-imapd-conf.ts";
import { mismatchedSockets, overlappingPartitions } from "./places.ts";
import { unknownSettings } from "./unknown-settings.ts";

export type { Installed } from "./absent-programs.ts";
export { type Finding, formatFinding } from "./finding.ts";

/**
 * @param config loaded without a service
 * @param cyrusConf parsed in mode "reload", so that all errors are at hand
 * @param installed undefined: programs are not looked for
 * @returns in the order of the files and of their lines, imapd.conf first
 */
export function lintConfiguration(
  config: Config,
  cyrusConf: CyrusConf,
  services: Services,
  installed?: Installed,
): readonly Finding[] {
  const findings = [
    ...unknownSettings(config, cyrusConf),
    ...config.settingNotices.map(({ text, file, line }) => ({ text, file, line })),
    ...startFindings(config),
    ...overlappingPartitions(config),
    ...cyrusConf.errors.map(({ file, line, text, hint }) => ({ file, line, text: `${text}: ${hint}` })),
    ...cyrusConf.warnings,
    ...(installed ? absentPrograms(cyrusConf, installed) : []),
    ...otherImapdConf(cyrusConf, config.file),
    ...lintStart(cyrusConf, config),
    ...lintServices(cyrusConf, services),
    ...lintEvents(cyrusConf),
    ...mismatchedSockets(config, cyrusConf),
  ];
  const files = [config.file, ...[...config.settings.values()].map(({ file }) => file), cyrusConf.file];
  const rank = new Map([...new Set(files)].map((file, index) => [file, index]));
  return findings.toSorted((a, b) => (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) || a.line - b.line);
}

function startFindings(config: Config): readonly Finding[] {
  try {
    requireMailStore(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [{ file: error.file, line: error.line, text: `${error.text}: ${error.hint}` }];
  }
}
