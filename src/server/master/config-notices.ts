/** What imapd.conf says without effect, once for the whole server: its workers, which all read it, leave it to master. */
import { type Config, ConfigError, loadImapdConf } from "../../config/index.ts";

/** A program of ours that reads imapd.conf. */
export interface ConfigReader {
  /** Settings `NAME_option` are its own. */
  readonly name: string;
  readonly args: readonly string[];
}

/** The lines about what master's own file says and about what each reader finds besides. Readers without a readable file have none. */
export function configNotices(config: Config, readers: Iterable<ConfigReader>): Set<string> {
  const notices = new Set(config.notices);
  for (const { name, args } of readers) {
    const path = configFlag(args);
    try {
      const own = loadImapdConf({ service: name, ...(path !== undefined && { path }) });
      for (const notice of own.notices) notices.add(notice);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error; // the program itself says it, and does not start
    }
  }
  return notices;
}

/** The value of the last `-C FILE`, `-CFILE` or `-sC FILE`. */
function configFlag(args: readonly string[]): string | undefined {
  const at = args.findLastIndex((word) => /^-[A-Za-z]*C/.test(word));
  if (at < 0) return undefined;
  return args[at]!.slice(args[at]!.indexOf("C") + 1) || args[at + 1];
}
