/**
 * LIST over snapshots: walks the part of the mailbox list that the caller may see, in name order, a limited number of entries a step, and keeps the ones
 * that match. Parents come before children in that order, so a mailbox has children when the next visible name is below it; nothing is looked up twice.
 */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, isIntermediate, keyBefore, keyOf, LAST_KEY, type Snapshot } from "../../store/index.ts";
import { type Access, Right, type Rights } from "../acl/index.ts";
import { isBelow, type NameGroup, type Namespace } from "../names/index.ts";
import {
  groupOrder,
  isInboxPart,
  isListed,
  type ListedEntry,
  type ListItem,
  type ListRequest,
  parentItem,
  Patterns,
} from "./list-request.ts";
import { SubscribedLister } from "./list-subscribed.ts";

/** Entries looked at in a step, with an ordinary pattern: about 2 ms. */
const ENTRIES_A_STEP = 500;
/** The one name and whether it has children take two; tombstones may be between. */
const LITERAL_ENTRIES = 16;
/** Entries read at once where names lie close together. */
const STRETCH = 32;

interface Held {
  readonly entry: ListedEntry;
  readonly rights: Rights;
  readonly name: string;
}

/** A part of the list still to be walked: a range of keys, or names one by one. */
type Part =
  | { kind: "range"; after: string; readonly to: string }
  /** `single`: so many more names are read one by one. */
  | {
      kind: "names";
      readonly names: readonly { readonly name: MboxName; readonly key: string }[];
      at: number;
      single: number;
    };

/**
 * One LIST. Call `step` with one snapshot after the other until it says that it is done, then take `items`. What a step has seen stays as it was then;
 * mailboxes made or renamed between steps may be missed or seen under both names, as RFC 3501 allows.
 */
export class MailboxLister {
  private readonly space: Namespace;
  private readonly access: Access;
  private readonly request: ListRequest;
  private readonly patterns: Patterns;
  private parts: Part[] | undefined;
  private subscribed: SubscribedLister | undefined;
  private readonly groups: Map<NameGroup, ListItem[]> = new Map(groupOrder.map((group) => [group, []]));
  /** The last visible entry of each group; whether it has children is known when the next one comes. */
  private readonly held = new Map<NameGroup, Held>();
  private readonly shown = new Set<string>();
  private subscriptions: ReadonlySet<MboxName> = new Set();
  private inboxHasAltChildren = false;
  /** Where own mailboxes are seen whose names collide with something else. */
  private readonly altTop: string;

  constructor(space: Namespace, access: Access, request: ListRequest) {
    this.space = space;
    this.access = access;
    this.request = request;
    this.patterns = new Patterns(request, space.settings.separator);
    this.altTop = space.settings.altPrefix + space.settings.separator;
  }

  /** Goes on. @returns true when the whole list has been seen */
  step(snapshot: Snapshot): boolean {
    if (this.request.selectSubscribed) return this.stepSubscribed(snapshot);
    this.parts ??= this.begin(snapshot);
    for (let budget = ENTRIES_A_STEP; ; ) {
      const [part] = this.parts;
      if (part === undefined || (this.patterns.isLiteral && this.shown.size > 0)) break;
      if (budget <= 0) return false;
      const { weight } = this.patterns;
      const limit = Math.max(1, Math.floor(budget / weight));
      budget -=
        weight *
        (part.kind === "range" ? this.walkRange(snapshot, part, limit) : this.walkNames(snapshot, part, limit));
    }
    for (const group of groupOrder) this.release(group, undefined);
    return true;
  }

  private stepSubscribed(snapshot: Snapshot): boolean {
    const { space, access, request, patterns } = this;
    this.subscribed ??= new SubscribedLister({ space, access, request, patterns }, snapshot);
    if (!this.subscribed.step(snapshot, ENTRIES_A_STEP)) return false;
    for (const [group, items] of this.subscribed.groups) this.groups.get(group)!.push(...items.values());
    return true;
  }

  /** What was found, in LIST's order. */
  get items(): ListItem[] {
    return groupOrder.flatMap((group) => this.groups.get(group)!);
  }

  private begin(snapshot: Snapshot): Part[] {
    const { space, access, request } = this;
    const { userId, groups } = access.caller;
    if (request.returnSubscribed && userId !== undefined) this.subscriptions = new Set(snapshot.subscriptions(userId));
    const base = this.baseName();
    if (space.viewer.adminView) {
      return [base === undefined ? { kind: "range", after: "", to: LAST_KEY } : treeOf(base)];
    }
    const parts: Part[] = [];
    const { inbox } = space;
    const isOwnBase = base !== undefined && inbox !== undefined && (base === inbox || isBelow(base, inbox));
    if (inbox !== undefined && (base === undefined || isOwnBase)) {
      parts.push(treeOf(isOwnBase ? base : inbox));
      // Under altnamespace children of the INBOX are shown that are none; the walk may not have come to them.
      const { from, to } = childRange(keyOf(`${inbox}.INBOX` as MboxName));
      this.inboxHasAltChildren = space.settings.altNamespace && snapshot.listed(from, to, 50).some(isListed);
    }
    if (isOwnBase) return parts;
    const identifiers = ["anyone", userId ?? "anonymous", ...groups.map((group) => `group:${group}`)];
    // Most ACLs that name a user are those of the user's own mailboxes, which the range has.
    const names = new Set(identifiers.flatMap((identifier) => snapshot.namesByRightsIdentifier(identifier, inbox)));
    const keyed = [...names]
      .filter((name) => !access.isOwner(name))
      .map((name) => ({ name, key: keyOf(name) as string }));
    keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
    parts.push({ kind: "names", names: keyed, at: 0, single: 0 });
    return parts;
  }

  /** The mailbox above everything that can match, from the literal start of the pattern; undefined when that says nothing. */
  private baseName(): MboxName | undefined {
    const { space, patterns } = this;
    const { separator, virtualDomains } = space.settings;
    // There the end of a name decides about its place in the list.
    if (space.viewer.adminView && virtualDomains !== "off") return undefined;
    const text = patterns.isLiteral
      ? patterns.prefix
      : patterns.prefix.slice(0, Math.max(0, patterns.prefix.lastIndexOf(separator)));
    return text === "" ? undefined : space.toInternal(text);
  }

  private walkRange(snapshot: Snapshot, part: Part & { kind: "range" }, limit: number): number {
    const wanted = this.patterns.isLiteral ? Math.min(limit, LITERAL_ENTRIES) : limit;
    const entries = snapshot.listed(part.after, part.to, wanted);
    for (const entry of entries) this.see(entry);
    if (entries.length < wanted) this.parts!.shift();
    else part.after = keyOf(entries.at(-1)!.name);
    return Math.max(1, entries.length);
  }

  /**
   * Names that an ACL lets the caller see often lie side by side, as the mailboxes of one shared tree do; then reading a stretch of the list is half as
   * dear as reading each. Where a stretch holds mostly others' mailboxes, names are read one by one for a while.
   */
  private walkNames(snapshot: Snapshot, part: Part & { kind: "names" }, limit: number): number {
    const { names } = part;
    let cost = 0;
    while (cost < limit && part.at < names.length) {
      // Of a stretch all is matched in one go, which a heavy pattern has no time for.
      if (part.single > 0 || this.patterns.weight > 1) {
        const entry = snapshot.entry(names[part.at]!.name);
        if (entry) this.see(entry);
        part.single = Math.max(0, part.single - 1);
        part.at += 1;
        cost += 3;
        continue;
      }
      const entries = snapshot.listed(keyBefore(names[part.at]!.key), LAST_KEY, STRETCH);
      let hits = 0;
      for (const entry of entries) {
        const key = keyOf(entry.name);
        while (part.at < names.length && names[part.at]!.key < key) part.at += 1;
        if (names[part.at]?.key !== key) continue;
        hits += 1;
        part.at += 1;
        this.see(entry);
      }
      if (entries.length === 0) part.at = names.length;
      if (hits < STRETCH / 2) part.single = STRETCH;
      cost += STRETCH;
    }
    if (part.at >= names.length) this.parts!.shift();
    return Math.max(1, cost);
  }

  private see(entry: ListedEntry): void {
    if (!isListed(entry)) return;
    const rights = this.access.rights(entry.name, entry.acl);
    if (!(rights & Right.lookup)) return;
    const name = this.space.toExternal(entry.name);
    if (name === undefined) return;
    const group = this.groupOf(entry.name, name);
    if (group === undefined || this.request.hidden?.has(group)) return;
    this.release(group, entry.name);
    this.held.set(group, { entry, rights, name });
  }

  /** As the namespace says; of the viewer's own mailboxes their external names tell without making them once more. */
  private groupOf(name: MboxName, external: string): NameGroup | undefined {
    const { inbox, settings, viewer } = this.space;
    if (viewer.adminView || inbox === undefined || !isBelow(name, inbox)) return this.space.groupOf(name);
    return settings.altNamespace && external.startsWith(this.altTop) ? "ownAlt" : "own";
  }

  /** Decides about the held entry of the group, now that the name after it is known. */
  private release(group: NameGroup, next: MboxName | undefined): void {
    const held = this.held.get(group);
    if (held === undefined) return;
    this.held.delete(group);
    const { entry, rights, name } = held;
    const isInbox = isInboxPart(name, group, this.space);
    const isMatch = this.patterns.matches(name, isInbox);
    if ((!isMatch || this.patterns.wantsLevels) && !this.request.selectSpecialUse) {
      for (const parent of this.patterns.parents(name, isInbox)) {
        if (this.shown.has(parent)) continue;
        this.show(group, { ...parentItem(parent), nonExistent: this.request.extended === true });
      }
    }
    if (!isMatch) return;
    const noInferiors = this.space.isNoInferiors(entry.name);
    const isBeforeChild = next !== undefined && isBelow(next, entry.name);
    this.show(group, {
      name,
      entry,
      rights,
      hasChildren: this.hasChildren(entry, isBeforeChild, noInferiors),
      noInferiors,
      noSelect: isIntermediate(entry),
      nonExistent: false,
      subscribed: this.subscriptions.has(entry.name),
      specialUse: entry.specialUse !== "" && this.access.isOwner(entry.name) ? entry.specialUse : "",
      childInfo: false,
    });
  }

  private hasChildren(entry: ListedEntry, isBeforeChild: boolean, noInferiors: boolean): boolean {
    if (noInferiors) return false;
    const { space } = this;
    if (space.settings.altNamespace && !space.viewer.adminView && entry.name === space.inbox)
      return this.inboxHasAltChildren;
    return isBeforeChild;
  }

  private show(group: NameGroup, item: ListItem): void {
    if (!this.patterns.matchesAll) this.shown.add(item.name);
    if (this.request.selectSpecialUse && item.specialUse === "") return;
    this.groups.get(group)!.push(item);
  }
}

/** A mailbox and everything below it. Ranges begin after a key, so this one begins after the last possible key before the mailbox's. */
function treeOf(name: MboxName): Part {
  const key = keyOf(name);
  return { kind: "range", after: keyBefore(key), to: childRange(key).to };
}
