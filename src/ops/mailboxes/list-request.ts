/** What LIST, LSUB, XLIST and RLIST ask for and get, without the syntax. */
import { ListPattern } from "../../formats/imap/index.ts";
import { isReserved, isTombstone, type Snapshot } from "../../store/index.ts";
import type { Rights } from "../acl/index.ts";
import type { NameGroup, Namespace } from "../names/index.ts";

/** What LIST reads of an entry. */
export type ListedEntry = ReturnType<Snapshot["listed"]>[number];

export interface ListRequest {
  readonly reference: string;
  readonly patterns: readonly string[];
  /** The client used RFC 5258's syntax: parents that are no mailboxes are \NonExistent then, else \Noselect. */
  readonly extended?: boolean;
  /** Only names that are subscribed, whether there are such mailboxes or not (RFC 5258 §3.1). */
  readonly selectSubscribed?: boolean;
  /** With it, also parents that are not selected but have descendants that are (RFC 5258 §3.1, CHILDINFO). */
  readonly recursiveMatch?: boolean;
  /** Only mailboxes with a special use (RFC 6154 §5.2). */
  readonly selectSpecialUse?: boolean;
  /** Whether `subscribed` is to be filled in. */
  readonly returnSubscribed?: boolean;
  /** LSUB's rules (RFC 3501 §6.3.9): only existing mailboxes, and `hasChildren` speaks of subscriptions. */
  readonly lsub?: boolean;
  /** `allowallsubscribe`: LSUB shows what does not exist, too. */
  readonly lsubMissing?: boolean;
  /** Parts of the list that are not shown: `disable_user_namespace`, `disable_shared_namespace`. */
  readonly hidden?: ReadonlySet<NameGroup>;
}

export interface ListItem {
  /** As the viewer sees it. */
  readonly name: string;
  /** Undefined for a name that is only a parent, or only subscribed. */
  readonly entry: ListedEntry | undefined;
  /** The caller's, 0 without entry. */
  readonly rights: Rights;
  /** Exactly one of \HasChildren and \HasNoChildren is shown. */
  readonly hasChildren: boolean;
  readonly noInferiors: boolean;
  readonly noSelect: boolean;
  /** RFC 5258: there is no such mailbox; says \Noselect too. */
  readonly nonExistent: boolean;
  readonly subscribed: boolean;
  /** Blank-separated, of the caller's own mailboxes. */
  readonly specialUse: string;
  /** CHILDINFO ("SUBSCRIBED"). */
  readonly childInfo: boolean;
}

/** Order of the parts of the list. */
export const groupOrder: readonly NameGroup[] = ["own", "ownAlt", "users", "shared", "deleted"];

/** Characters of a pattern that are matched at once. */
const CHARACTERS_A_WORD = 31;
/** So many of these cost, with a long name, no more than reading the entry. */
const PATTERN_WORDS_AN_ENTRY = 4;

/** All patterns of a request as one. */
export class Patterns {
  /** Without wildcard: at most one name matches. */
  readonly isLiteral: boolean;
  /** The pattern is "*". */
  readonly matchesAll: boolean;
  /** Literal text at the start of the only pattern; "" when there are several. */
  readonly prefix: string;
  /** RFC 3501 §6.3.8: with "%" at the end matching levels of hierarchy are returned besides the names that match. */
  readonly wantsLevels: boolean;
  /** What matching a name costs: 1 for a pattern as clients send it, hundreds for a hundred long ones. Walks make steps so much shorter. */
  readonly weight: number;
  private readonly patterns: readonly ListPattern[];

  constructor({ reference, patterns }: ListRequest, separator: string) {
    const texts = patterns.map((pattern) => joined(reference, pattern, separator));
    this.patterns = texts.map((text) => new ListPattern(text, separator));
    this.wantsLevels = texts.some((text) => text.endsWith("%"));
    const words = texts.reduce((sum, text) => sum + 1 + Math.floor(text.length / CHARACTERS_A_WORD), 0);
    this.weight = Math.ceil(words / PATTERN_WORDS_AN_ENTRY);
    const [only] = this.patterns;
    this.prefix = texts.length === 1 ? only!.prefix : "";
    this.matchesAll = texts.length === 1 && texts[0] === "*";
    this.isLiteral = texts.length === 1 && only!.prefix === texts[0];
  }

  matches(name: string, isInbox: boolean): boolean {
    if (this.matchesAll) return true;
    return this.patterns.some((pattern) => pattern.matches(name, isInbox));
  }

  /** Parents of `name` that match, shortest first. */
  parents(name: string, isInbox: boolean): string[] {
    const [first, ...rest] = this.patterns;
    const lengths = first?.matchingParents(name, isInbox) ?? [];
    const others = rest.flatMap((pattern) => pattern.matchingParents(name, isInbox));
    const all = others.length === 0 ? lengths : [...new Set([...lengths, ...others])].sort((a, b) => a - b);
    return all.map((length) => name.slice(0, length));
  }
}

/** A reference is put in front (RFC 3501 §6.3.8 leaves it to servers); one separator is enough between. */
function joined(reference: string, pattern: string, separator: string): string {
  const isDoubled = reference.endsWith(separator) && pattern.startsWith(separator);
  return reference + (isDoubled ? pattern.slice(1) : pattern);
}

/** Whether the name is INBOX or below, in the caller's own namespace: case does not count there. */
export function isInboxPart(name: string, group: NameGroup, space: Namespace): boolean {
  return group === "own" && name.startsWith("INBOX") && (name.length === 5 || name[5] === space.settings.separator);
}

/** Mail, or a place for mail. Calendars and the like are not for mail clients, and names held for a rename are not there yet. */
export function isListed(entry: Pick<ListedEntry, "type">): boolean {
  const { type } = entry;
  if (type === "e") return true;
  return (type[0] === "e" || type[0] === "n") && !isTombstone(entry) && !isReserved(entry);
}

/** A name that is shown only because something below it exists. */
export function parentItem(name: string): ListItem {
  return {
    name,
    entry: undefined,
    rights: 0,
    hasChildren: true,
    noInferiors: false,
    noSelect: true,
    nonExistent: false,
    subscribed: false,
    specialUse: "",
    childInfo: false,
  };
}
