/** Who asks, and which rights that gives on a mailbox. */
import type { Config } from "../../config/config.ts";
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  domainOf,
  inboxOf,
  isBelow,
  isDeletedName,
  type NameSettings,
  ownerOfName,
  undeletedName,
} from "../names/index.ts";
import { parseAcl } from "./acl.ts";
import { defaultLegacyRights, type LegacyRights, legacyRights, parseRights, Right, type Rights } from "./rights.ts";

/** Sent with each request to the writer; plain data. */
export interface Caller {
  /** Canonical userid; undefined for anonymous. */
  readonly userId: UserId | undefined;
  /** Groups as they are named in ACLs, without `group:`. */
  readonly groups: readonly string[];
  readonly isAdmin: boolean;
  /** For audit lines; "" for programs run by hand. */
  readonly sessionId: string;
}

export interface AclSettings {
  readonly legacy: LegacyRights;
  /** `implicit_owner_rights`: on every mailbox below one's own INBOX, whatever the ACL says. */
  readonly implicitOwnerRights: Rights;
  /** `acl_admin_implies_write`: whether "a" gives "w". */
  readonly adminImpliesWrite: boolean;
}

export const defaultAclSettings: AclSettings = {
  legacy: defaultLegacyRights,
  implicitOwnerRights: Right.lookup | Right.createMailbox | Right.deleteMailbox | Right.admin | Right.annotate,
  adminImpliesWrite: false,
};

export type AclOptions = Pick<Config, "deleteright" | "implicit_owner_rights" | "acl_admin_implies_write">;

export function aclSettings(config: AclOptions): AclSettings {
  const legacy = legacyRights(config.deleteright);
  const implicit = parseRights(config.implicit_owner_rights, legacy);
  return {
    legacy,
    implicitOwnerRights: typeof implicit === "number" ? implicit : defaultAclSettings.implicitOwnerRights,
    adminImpliesWrite: config.acl_admin_implies_write,
  };
}

/** Different ACLs whose rights are remembered for one access; a site has a handful. */
const MAX_REMEMBERED = 1000;

/** Unions over the entries that match a caller: positive ones, negative ones. */
interface Sums {
  readonly given: Rights;
  readonly taken: Rights;
}

/** One caller's view of ACLs. Cheap to make; remembers the rights that an ACL gives, so a LIST of thousands of mailboxes reads each ACL once. */
export class Access {
  readonly caller: Caller;
  readonly settings: AclSettings;
  private readonly names: NameSettings;
  private readonly inbox: MboxName | undefined;
  private readonly domain: string;
  private readonly remembered = new Map<string, Sums>();

  constructor(caller: Caller, settings: AclSettings, names: NameSettings) {
    this.caller = caller;
    this.settings = settings;
    this.names = names;
    this.inbox = caller.userId === undefined ? undefined : inboxOf(caller.userId, names);
    this.domain = this.inbox === undefined ? "" : domainOf(this.inbox);
  }

  /**
   * Rights on the mailbox `name` with that stored ACL: what its entries and an owner's implicit rights give, less what negative entries take (RFC 4314 §2);
   * and an administrator's "la", which nothing takes.
   */
  rights(name: MboxName, acl: string): Rights {
    const { given, taken } = this.fromAcl(acl);
    let rights = (this.isOwner(name) ? given | this.settings.implicitOwnerRights : given) & ~taken;
    if (this.isAdminOf(name)) rights |= Right.lookup | Right.admin;
    if (this.settings.adminImpliesWrite && rights & Right.admin) rights |= Right.write;
    return rights;
  }

  /** Whether the mailbox is the caller's own. Deleted ones are nobody's until an administrator brings them back. */
  isOwner(name: MboxName): boolean {
    return this.inbox !== undefined && (name === this.inbox || isBelow(name, this.inbox));
  }

  /** Whether the caller administers the mailbox; the administrator of a domain that domain's only. */
  isAdminOf(name: MboxName): boolean {
    return this.caller.isAdmin && (this.domain === "" || domainOf(name) === this.domain);
  }

  /** Whether the mailbox is not there for the caller, whatever its ACL says: deleted ones are seen by administrators only. */
  isHidden(name: MboxName): boolean {
    return isDeletedName(name, this.names.deletedPrefix) && !this.isAdminOf(name);
  }

  /** The owner of a mailbox, also of a deleted one. */
  ownerOf(name: MboxName): UserId | undefined {
    return ownerOfName(undeletedName(name, this.names.deletedPrefix), this.names.deletedPrefix);
  }

  private fromAcl(acl: string): Sums {
    let sums = this.remembered.get(acl);
    if (sums === undefined) {
      sums = this.computed(acl);
      if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
      this.remembered.set(acl, sums);
    }
    return sums;
  }

  private computed(acl: string): Sums {
    let given = 0;
    let taken = 0;
    for (const { identifier, rights } of parseAcl(acl, this.settings.legacy)) {
      if (identifier.startsWith("-")) {
        if (this.isMember(identifier.slice(1))) taken |= rights;
      } else if (this.isMember(identifier)) given |= rights;
    }
    return { given, taken };
  }

  private isMember(identifier: string): boolean {
    const { userId, groups } = this.caller;
    if (identifier === "anyone") return true;
    if (userId === undefined) return identifier === "anonymous";
    if (identifier.startsWith("group:")) return groups.includes(identifier.slice(6));
    return identifier === userId;
  }
}
