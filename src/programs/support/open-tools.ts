/** Opens the store for an administration program, or ends it as Cyrus's programs end when they cannot read their databases. */
import type { Log } from "../../base/log.ts";
import { type Config, ConfigError, requireMailStore } from "../../config/index.ts";
import { Tools } from "../../ops/maintenance/index.ts";
import { exitCode } from "../../server/program/start-program.ts";

export function openTools(config: Config, log: Log, name: string): Tools {
  try {
    requireMailStore(config);
    return Tools.open(config, log, name);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    console.error(`fatal error: ${error instanceof ConfigError ? text : `can't read mailboxes file: ${text}`}`);
    log.err(`Fatal error: ${text}`);
    process.exit(error instanceof ConfigError ? exitCode.config : exitCode.tempFail);
  }
}
