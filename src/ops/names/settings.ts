/** What imapd.conf says about names, in the form the rest of this folder uses. */
import type { Config } from "../../config/config.ts";

export interface NameSettings {
  /** Hierarchy separator on the wire (`unixhierarchysep`). Internally it is always ".". */
  readonly separator: "/" | ".";
  /** Whether users see their own mailboxes beside INBOX, not below it. */
  readonly altNamespace: boolean;
  /** Seen by users under altnamespace: where others' mailboxes, shared ones, and own ones with an unreachable name are. */
  readonly userPrefix: string;
  readonly sharedPrefix: string;
  readonly altPrefix: string;
  readonly virtualDomains: "off" | "userid" | "on";
  /** Users of this domain are written without it. Lower case. */
  readonly defaultDomain: string;
  /** Whether users see other users of other domains, as `user@domain`. */
  readonly crossDomains: boolean;
  /** Then the domain is written only where it is not the viewer's own. */
  readonly crossDomainsOnlyOther: boolean;
  /** Top of the tree of mailboxes whose deletion is delayed. */
  readonly deletedPrefix: string;
}

/** As upstream's defaults are. */
export const defaultNameSettings: NameSettings = {
  separator: "/",
  altNamespace: true,
  userPrefix: "Other Users",
  sharedPrefix: "Shared Folders",
  altPrefix: "Alt Folders",
  virtualDomains: "off",
  defaultDomain: "internal",
  crossDomains: false,
  crossDomainsOnlyOther: false,
  deletedPrefix: "DELETED",
};

export type NameOptions = Pick<
  Config,
  | "unixhierarchysep"
  | "altnamespace"
  | "userprefix"
  | "sharedprefix"
  | "altprefix"
  | "virtdomains"
  | "defaultdomain"
  | "crossdomains"
  | "crossdomains_onlyother"
  | "deletedprefix"
>;

export function nameSettings(config: NameOptions): NameSettings {
  return {
    separator: config.unixhierarchysep ? "/" : ".",
    altNamespace: config.altnamespace,
    userPrefix: config.userprefix || defaultNameSettings.userPrefix,
    sharedPrefix: config.sharedprefix || defaultNameSettings.sharedPrefix,
    altPrefix: config.altprefix || defaultNameSettings.altPrefix,
    virtualDomains: config.virtdomains,
    defaultDomain: config.defaultdomain.toLowerCase(),
    crossDomains: config.crossdomains && config.virtdomains !== "off",
    crossDomainsOnlyOther: config.crossdomains_onlyother,
    deletedPrefix: config.deletedprefix || defaultNameSettings.deletedPrefix,
  };
}
