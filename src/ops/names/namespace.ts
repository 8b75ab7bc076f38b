/**
 * Names as one viewer sees them. With the separator "/":
 *
 *                       altnamespace off       altnamespace on           administrator
 *     own               INBOX, INBOX/Work      INBOX, Work               user/fred, user/fred/Work
 *     other users       user/bob/X             Other Users/bob/X         user/bob/X
 *     shared            lists                  Shared Folders/lists      lists
 *
 * Under altnamespace own mailboxes whose name would collide with something else (spellings of INBOX, the prefixes) are seen below `altprefix`.
 * With virtual domains an administrator sees `user/jane/A@example.org`; users see their own domain only, without its name.
 *
 * `toExternal` gives one spelling for each name, and `toInternal` takes that one back to the same name. Besides, `toInternal` takes these
 * spellings: INBOX in any case, an own mailbox through the other users' namespace, empty levels ("a//b", "a/"), an explicit domain.
 */
import type { MboxName, UserId } from "../../formats/ids.ts";
import { canonicalDomain, domainOf, inboxOf, isDeletedName, joinName, pathOf } from "./internal.ts";
import type { NameSettings } from "./settings.ts";
import { isPossibleName, MAX_MAILBOX_NAME } from "./validate.ts";

export interface Viewer {
  /** Canonical userid; undefined for anonymous. */
  readonly userId: UserId | undefined;
  /** Whether names are shown as administrators see them. */
  readonly adminView: boolean;
}

/** Part of the mailbox list, in the order in which LIST shows them. */
export type NameGroup = "own" | "ownAlt" | "users" | "shared" | "deleted";

/** One line of NAMESPACE each: prefix with its separator; undefined prints NIL (RFC 2342 §5). */
export interface NamespaceReply {
  readonly separator: string;
  readonly personal: string | undefined;
  readonly otherUsers: string | undefined;
  readonly shared: string | undefined;
}

export class Namespace {
  readonly settings: NameSettings;
  readonly viewer: Viewer;
  /** The viewer's INBOX, whether it exists or not; undefined for those who can have none. */
  readonly inbox: MboxName | undefined;
  private readonly separator: "/" | ".";
  private readonly isAlt: boolean;
  /** Domain of the viewer, "" for the default one. */
  private readonly domain: string;
  private readonly ownBelow: string | undefined;
  /** Where others' and shared mailboxes begin in the list, "Other Users/"; and where own ones begin whose names collide. */
  private readonly usersTop: string;
  private readonly sharedTop: string;
  private readonly altTop: string;

  constructor(settings: NameSettings, viewer: Viewer) {
    this.settings = settings;
    this.viewer = viewer;
    this.separator = settings.separator;
    this.isAlt = settings.altNamespace && !viewer.adminView;
    this.inbox = viewer.userId === undefined ? undefined : inboxOf(viewer.userId, settings);
    this.domain = this.inbox === undefined ? "" : domainOf(this.inbox);
    this.ownBelow = this.inbox && `${this.inbox}.`;
    this.usersTop = (this.isAlt ? settings.userPrefix : "user") + this.separator;
    this.sharedTop = this.isAlt ? settings.sharedPrefix + this.separator : "";
    this.altTop = settings.altPrefix + this.separator;
  }

  /** Which part of the list a mailbox is in; undefined when the viewer cannot see it whatever its ACL says. */
  groupOf(name: MboxName): NameGroup | undefined {
    if (!this.viewer.adminView && this.ownBelow !== undefined) {
      if (name === this.inbox) return "own";
      if (name.startsWith(this.ownBelow)) {
        return this.isAlt && this.isShadowed(this.externalPath(name.slice(this.ownBelow.length))) ? "ownAlt" : "own";
      }
    }
    const start = name.indexOf("!") + 1;
    const isUsers = name.startsWith("user.", start);
    // Nobody can name these, so nobody can make them.
    if (!isUsers && isUnnameable(name.slice(start))) return undefined;
    if (this.viewer.adminView) {
      if (this.domain !== "" && domainOf(name) !== this.domain) return undefined;
      return isUsers ? "users" : isDeletedName(name, this.settings.deletedPrefix) ? "deleted" : "shared";
    }
    if (isDeletedName(name, this.settings.deletedPrefix)) return undefined;
    if (start === 0 ? this.domain !== "" : domainOf(name) !== this.domain) {
      return isUsers && this.settings.crossDomains ? "users" : undefined;
    }
    return isUsers ? "users" : "shared";
  }

  /** The name as the viewer sees it; undefined when it cannot be seen. */
  toExternal(name: MboxName): string | undefined {
    const group = this.groupOf(name);
    switch (group) {
      case undefined:
        return undefined;
      case "own":
      case "ownAlt": {
        if (name === this.inbox) return "INBOX";
        const path = this.externalPath(name.slice(this.ownBelow!.length));
        if (group === "ownAlt") return this.altTop + path;
        return this.isAlt ? path : `INBOX${this.separator}${path}`;
      }
      default:
        break;
    }
    const path = this.externalPath(pathOf(name));
    if (this.viewer.adminView) return path + this.domainSuffix(name, path);
    if (group === "shared") return this.sharedTop + path;
    const belowUser = path.slice(5);
    if (!this.settings.crossDomains) return this.usersTop + belowUser;
    return this.usersTop + this.withUserDomain(belowUser, domainOf(name));
  }

  /**
   * The internal name; undefined when no mailbox can be meant: a lookup answers that it does not exist, a creation that the name is invalid.
   * Nothing is said about whether it exists, may be seen, or may be created (`isValidNewName`).
   */
  toInternal(external: string): MboxName | undefined {
    // An external name can be longer than the internal one by a prefix and a domain only.
    if (external.length > 2 * MAX_MAILBOX_NAME) return undefined;
    let text = external;
    let domain = this.domain;
    if (this.viewer.adminView && this.settings.virtualDomains !== "off") {
      const at = text.lastIndexOf("@");
      if (at >= 0) {
        const given = canonicalDomain(text.slice(at + 1));
        if (given === undefined) return undefined;
        domain = given === this.settings.defaultDomain ? "" : given;
        if (this.domain !== "" && domain !== this.domain) return undefined;
        text = text.slice(0, at);
      }
    }
    // "^" is how a dot is kept internally, and "/" is no character of names where it does not separate levels.
    if (text.includes(this.separator === "/" ? "^" : "/") || text.includes("!")) return undefined;
    const levels = text.split(this.separator).filter((level) => level !== "");
    if (levels.length === 0) return undefined;
    const name = this.fromLevels(levels, domain);
    return name !== undefined && isPossibleName(name) ? name : undefined;
  }

  /** What NAMESPACE answers. */
  get namespaceReply(): NamespaceReply {
    const { separator } = this;
    if (this.viewer.adminView) return { separator, personal: undefined, otherUsers: `user${separator}`, shared: "" };
    const personal = this.isAlt ? "" : `INBOX${separator}`;
    return { separator, personal, otherUsers: this.usersTop, shared: this.sharedTop };
  }

  /** LIST marks the one own mailbox that no child can be seen below (`Alt Folders/INBOX`): its children are `INBOX/...`. */
  isNoInferiors(name: MboxName): boolean {
    return this.isAlt && this.ownBelow !== undefined && name === `${this.ownBelow}INBOX`;
  }

  private fromLevels(levels: readonly string[], domain: string): MboxName | undefined {
    const [first = ""] = levels;
    if (isInboxSpelling(first)) {
      if (this.inbox === undefined) return undefined;
      if (levels.length === 1) return this.inbox;
      // Under altnamespace INBOX/foo is no child of the INBOX, but of an own mailbox called INBOX.
      return this.ownName(this.isAlt ? ["INBOX", ...levels.slice(1)] : levels.slice(1));
    }
    if (!this.isAlt) {
      if (first === "user") return this.usersName(levels.slice(1), domain);
      return this.sharedName(levels, domain);
    }
    const text = levels.join(this.separator) + this.separator;
    if (text.startsWith(this.usersTop)) return this.usersName(this.levelsBelow(text, this.usersTop), domain);
    if (text.startsWith(this.sharedTop)) return this.sharedName(this.levelsBelow(text, this.sharedTop), domain);
    if (text.startsWith(this.altTop)) {
      const below = this.levelsBelow(text, this.altTop);
      return below.length > 0 && this.isShadowed(below.join(this.separator)) ? this.ownName(below) : undefined;
    }
    return this.ownName(levels);
  }

  private levelsBelow(text: string, top: string): string[] {
    return text
      .slice(top.length)
      .split(this.separator)
      .filter((level) => level !== "");
  }

  private ownName(levels: readonly string[]): MboxName | undefined {
    return this.ownBelow === undefined ? undefined : ((this.ownBelow + this.internalPath(levels)) as MboxName);
  }

  /** `levels` after "user/". An own mailbox may be named this way too. */
  private usersName(levels: readonly string[], domain: string): MboxName | undefined {
    const [user, ...rest] = levels;
    if (user === undefined) return undefined;
    let localpart = user;
    let userDomain = domain;
    if (this.settings.crossDomains && !this.viewer.adminView) {
      const at = user.lastIndexOf("@");
      if (at >= 0) {
        const shown = user.slice(at + 1);
        const given = canonicalDomain(this.separator === "." ? shown.replaceAll("^", ".") : shown);
        if (given === undefined) return undefined;
        localpart = user.slice(0, at);
        userDomain = given === this.settings.defaultDomain ? "" : given;
      }
    }
    return joinName(userDomain, `user.${this.internalPath([localpart, ...rest])}`);
  }

  private sharedName(levels: readonly string[], domain: string): MboxName | undefined {
    const [first] = levels;
    // What is below "user" is no shared mailbox, and a shared INBOX could not be named by anybody.
    if (first === undefined || first === "user" || isInboxSpelling(first)) return undefined;
    const name = joinName(domain, this.internalPath(levels));
    return !this.viewer.adminView && isDeletedName(name, this.settings.deletedPrefix) ? undefined : name;
  }

  private internalPath(levels: readonly string[]): string {
    const path = levels.join(".");
    return this.separator === "/" ? levels.map((level) => level.replaceAll(".", "^")).join(".") : path;
  }

  private externalPath(path: string): string {
    if (this.separator === ".") return path;
    const text = path.replaceAll(".", "/");
    return text.includes("^") ? text.replaceAll("^", ".") : text;
  }

  /** Whether an own mailbox cannot be shown beside INBOX under its own name, because that name means something else. */
  private isShadowed(path: string): boolean {
    const { separator } = this;
    const end = path.indexOf(separator);
    const first = end < 0 ? path : path.slice(0, end);
    if (isInboxSpelling(first)) return first !== "INBOX" || end < 0;
    const text = path + separator;
    return text.startsWith(this.usersTop) || text.startsWith(this.sharedTop) || text.startsWith(this.altTop);
  }

  /** Administrators see the domain at the end; it is written out too where the name itself holds an "@". */
  private domainSuffix(name: MboxName, path: string): string {
    if (this.settings.virtualDomains === "off") return "";
    const domain = domainOf(name);
    if (domain !== "") return `@${domain}`;
    return path.includes("@") ? `@${this.settings.defaultDomain}` : "";
  }

  private withUserDomain(belowUser: string, domain: string): string {
    const isOwnDomain = domain === this.domain;
    const end = belowUser.indexOf(this.separator);
    const user = end < 0 ? belowUser : belowUser.slice(0, end);
    if (isOwnDomain && this.settings.crossDomainsOnlyOther && !user.includes("@")) return belowUser;
    const shown = domain === "" ? this.settings.defaultDomain : domain;
    const suffix = this.separator === "." ? shown.replaceAll(".", "^") : shown;
    return `${user}@${suffix}${end < 0 ? "" : belowUser.slice(end)}`;
  }
}

function isInboxSpelling(level: string): boolean {
  return level.length === 5 && level.toUpperCase() === "INBOX";
}

/** A shared mailbox whose name means somebody's own INBOX, or all users. */
function isUnnameable(path: string): boolean {
  return path === "user" || (path.length === 5 || path[5] === "." ? isInboxSpelling(path.slice(0, 5)) : false);
}
