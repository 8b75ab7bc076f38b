/** What imapd.conf says about mailboxes as wholes: creation, deletion, renaming, rights, subscriptions. */
import type { Config } from "../../config/config.ts";
import type { Tx } from "../../store/index.ts";
import { type AclOptions, type AclSettings, aclFromOption, aclSettings } from "../acl/index.ts";
import { type NameOptions, type NameSettings, nameSettings } from "../names/index.ts";
import { type AutocreateOptions, type AutocreateRules, autocreateRules } from "./autocreate-rules.ts";
import { type SpecialUses, specialUses } from "./special-use.ts";

export interface MailboxRules {
  readonly names: NameSettings;
  readonly acl: AclSettings;
  /** Names of partitions. */
  readonly partitions: ReadonlySet<string>;
  /** For a mailbox without parent whose creator names none. Called once for each. */
  readonly choosePartition: () => string;
  /** `mailbox_legacy_dirs`: a mailbox without parent gets a directory by its name. */
  readonly legacyDirectories?: boolean;
  /** `auditlog`. */
  readonly auditLog: boolean;
  readonly deleteMode: "immediate" | "delayed";
  readonly deleteUnsubscribe: boolean;
  readonly allowUserMoves: boolean;
  readonly allowAllSubscribe: boolean;
  readonly allowSetAcl: boolean;
  readonly anyoneUserAcl: boolean;
  /** Stored form. */
  readonly defaultAcl: string;
  readonly specialUses: SpecialUses;
  /** User flags that a new mailbox knows from the start. */
  readonly initialFlags: readonly string[];
  /** `username_tolower`: identifiers in ACLs are folded like login names. */
  readonly toLower: boolean;
  /** Undefined: users have to be created. */
  readonly autocreate: AutocreateRules | undefined;
  /** Moves all messages of one mailbox to another, for RENAME INBOX; undefined: refused. */
  readonly moveAllMessages: ((tx: Tx, fromMbox: number, toMbox: number) => Generator<void, void, void>) | undefined;
  /** Whether a group exists; undefined where nothing can tell, then every group may be named in an ACL. */
  readonly groupExists: ((group: string) => boolean) | undefined;
}

export type MailboxOptions = NameOptions &
  AclOptions &
  AutocreateOptions &
  Pick<
    Config,
    | "defaultpartition"
    | "partitions"
    | "mailbox_legacy_dirs"
    | "store_shards"
    | "auditlog"
    | "delete_mode"
    | "delete_unsubscribe"
    | "allowusermoves"
    | "allowallsubscribe"
    | "allowsetacl"
    | "anyoneuseracl"
    | "defaultacl"
    | "specialuse_extra"
    | "specialuse_protect"
    | "specialuse_nochildren"
    | "mailbox_initial_flags"
    | "username_tolower"
  >;

export interface RuleHooks {
  readonly moveAllMessages?: MailboxRules["moveAllMessages"];
  /** Picks among the partitions by free space (`partition_select_mode`), when `defaultpartition` is not set. */
  readonly choosePartition?: () => string;
  readonly groupExists?: (group: string) => boolean;
}

export function mailboxRules(config: MailboxOptions, hooks: RuleHooks = {}): MailboxRules {
  const names = nameSettings(config);
  const acl = aclSettings(config);
  const [first = "default"] = config.partitions.keys();
  const fallback = config.defaultpartition ?? first;
  return {
    names,
    acl,
    partitions: new Set(config.partitions.keys()),
    choosePartition:
      config.defaultpartition === undefined && hooks.choosePartition ? hooks.choosePartition : () => fallback,
    // A directory by name and its mailbox change together, which takes one writer.
    legacyDirectories: config.mailbox_legacy_dirs && config.store_shards === 1,
    auditLog: config.auditlog,
    deleteMode: config.delete_mode,
    deleteUnsubscribe: config.delete_unsubscribe,
    allowUserMoves: config.allowusermoves,
    allowAllSubscribe: config.allowallsubscribe,
    allowSetAcl: config.allowsetacl,
    anyoneUserAcl: config.anyoneuseracl,
    defaultAcl: aclFromOption(config.defaultacl, acl.legacy),
    specialUses: specialUses({
      extra: config.specialuse_extra ?? "",
      protect: config.specialuse_protect,
      noChildren: config.specialuse_nochildren ?? "",
    }),
    initialFlags: words(config.mailbox_initial_flags ?? ""),
    toLower: config.username_tolower,
    autocreate: autocreateRules(config),
    moveAllMessages: hooks.moveAllMessages,
    groupExists: hooks.groupExists,
  };
}

function words(text: string): string[] {
  return text.split(/[ \t]+/).filter((word) => word !== "");
}
