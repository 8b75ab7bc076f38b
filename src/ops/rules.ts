/** What imapd.conf says to the rules, worked out once for a process. */
import type { Config } from "../config/config.ts";
import { type AclSettings, aclSettings } from "./acl/index.ts";
import { type NameSettings, nameSettings } from "./names/index.ts";

export interface Rules {
  readonly config: Config;
  readonly names: NameSettings;
  readonly acl: AclSettings;
}

export function rulesOf(config: Config): Rules {
  return { config, names: nameSettings(config), acl: aclSettings(config) };
}
