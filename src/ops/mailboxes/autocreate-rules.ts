/** The `autocreate_` options in the form the verb uses. */
import type { Config } from "../../config/config.ts";
import { splitUses } from "./special-use.ts";

export interface AutocreateRules {
  /** KiB; 0: no limit. */
  readonly quotaKib: number;
  /** 0: no limit. */
  readonly quotaMessages: number;
  /** Users and `group:NAME`s for whom it is done, or `anyone`. */
  readonly users: readonly string[];
  /** Below INBOX, as the user writes them. */
  readonly folders: readonly string[];
  readonly subscribed: readonly string[];
  readonly sharedSubscribed: readonly string[];
  readonly allSharedSubscribed: boolean;
  readonly acls: Config["autocreateAcls"];
  /** By folder. */
  readonly specialUses: ReadonlyMap<string, string>;
}

export type AutocreateOptions = Pick<
  Config,
  | "autocreate_quota"
  | "autocreate_quota_messages"
  | "autocreate_users"
  | "autocreate_inbox_folders"
  | "autocreate_subscribe_folders"
  | "autocreate_subscribe_sharedfolders"
  | "autocreate_subscribe_sharedfolders_all"
  | "autocreateAcls"
  | "autocreateSpecialUse"
>;

/** Undefined when it is switched off. */
export function autocreateRules(config: AutocreateOptions): AutocreateRules | undefined {
  if (config.autocreate_quota < 0) return undefined;
  return {
    quotaKib: config.autocreate_quota,
    quotaMessages: Math.max(0, config.autocreate_quota_messages),
    users: splitUses(config.autocreate_users),
    folders: barred(config.autocreate_inbox_folders),
    subscribed: barred(config.autocreate_subscribe_folders),
    sharedSubscribed: barred(config.autocreate_subscribe_sharedfolders),
    allSharedSubscribed: config.autocreate_subscribe_sharedfolders_all,
    acls: config.autocreateAcls,
    specialUses: config.autocreateSpecialUse,
  };
}

/** Names with "|" between; blanks around them do not count. */
function barred(text: string | undefined): string[] {
  return (text ?? "")
    .split("|")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
