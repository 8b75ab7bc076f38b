/** LSUB, and LIST of subscribed names: walks the caller's subscriptions, not the mailbox list. */
import type { MboxName } from "../../formats/ids.ts";
import { childRange, isIntermediate, keyOf, type ListEntry, type Snapshot } from "../../store/index.ts";
import { type Access, Right, type Rights } from "../acl/index.ts";
import { isBelow, type NameGroup, type Namespace } from "../names/index.ts";
import {
  groupOrder,
  isInboxPart,
  isListed,
  type ListItem,
  type ListRequest,
  parentItem,
  type Patterns,
} from "./list-request.ts";

export interface SubscribedRequest {
  readonly space: Namespace;
  readonly access: Access;
  readonly request: ListRequest;
  readonly patterns: Patterns;
}

interface ListContext extends SubscribedRequest {
  readonly snapshot: Snapshot;
}

/** Children looked at to find a visible one; a name with more invisible ones before it is said to have none. */
const CHILDREN_LOOKED_AT = 200;
/** Most often the first child is visible. */
const FIRST_CHILDREN = 4;

/** The subscriptions as they were at the beginning, a limited number a step. */
export class SubscribedLister {
  /** What was found so far, by the name that is shown. */
  readonly groups: ReadonlyMap<NameGroup, Map<string, ListItem>> = new Map(
    groupOrder.map((group) => [group, new Map()]),
  );
  private readonly wanted: SubscribedRequest;
  private readonly names: readonly MboxName[];
  private at = 0;

  constructor(wanted: SubscribedRequest, snapshot: Snapshot) {
    const { userId } = wanted.access.caller;
    this.wanted = wanted;
    this.names = userId === undefined ? [] : snapshot.subscriptions(userId);
  }

  /**
   * Goes on.
   * @param entries of the mailbox list that the step may cost
   * @returns true when all have been seen
   */
  step(snapshot: Snapshot, entries: number): boolean {
    const context: ListContext = { ...this.wanted, snapshot };
    for (let budget = entries; this.at < this.names.length; this.at++) {
      if (budget <= 0) return false;
      budget -= context.patterns.weight + this.see(context, this.names[this.at]!);
    }
    return true;
  }

  /** @returns entries read beside the name's own */
  private see(context: ListContext, name: MboxName): number {
    const { space, access, request, patterns } = context;
    const group = space.groupOf(name);
    const external = space.toExternal(name);
    if (group === undefined || external === undefined || request.hidden?.has(group)) return 0;
    const items = this.groups.get(group)!;
    const isInbox = isInboxPart(external, group, space);
    const found = visibleEntry(context, name);
    if (request.lsub && found === undefined && !request.lsubMissing) return 0;
    if (request.selectSpecialUse && (found === undefined || specialUse(access, found.entry) === "")) return 0;
    const isMatch = patterns.matches(external, isInbox);
    if ((!isMatch || patterns.wantsLevels) && (request.lsub || request.recursiveMatch)) {
      for (const parent of patterns.parents(external, isInbox)) addParent(context, items, parent);
    }
    if (!isMatch) return 0;
    const { isThere, read } = request.lsub
      ? { isThere: hasSubscribedChild(space, this.names, this.at), read: 0 }
      : visibleChild(context, name);
    items.set(external, itemOf(context, external, found, isThere));
    return read;
  }
}

interface Found {
  readonly entry: ListEntry;
  readonly rights: Rights;
}

function visibleEntry({ snapshot, access }: ListContext, name: MboxName): Found | undefined {
  const entry = snapshot.entry(name);
  if (entry === undefined || !isListed(entry)) return undefined;
  const rights = access.rights(name, entry.acl);
  return rights & Right.lookup ? { entry, rights } : undefined;
}

function itemOf(context: ListContext, name: string, found: Found | undefined, hasChildren: boolean): ListItem {
  const { space, access } = context;
  if (found === undefined) {
    return { ...parentItem(name), hasChildren, nonExistent: true, subscribed: true };
  }
  const { entry, rights } = found;
  const noInferiors = space.isNoInferiors(entry.name);
  return {
    name,
    entry,
    rights,
    hasChildren: hasChildren && !noInferiors,
    noInferiors,
    noSelect: isIntermediate(entry),
    nonExistent: false,
    subscribed: true,
    specialUse: specialUse(access, entry),
    childInfo: false,
  };
}

/** A parent of a subscribed name, which matches the pattern when the name does not. */
function addParent(context: ListContext, items: Map<string, ListItem>, parent: string): void {
  const { space, request } = context;
  const known = items.get(parent);
  if (request.lsub) {
    // RFC 3501 §6.3.9: with "%" a parent that is not subscribed is shown as \Noselect.
    if (known === undefined) items.set(parent, parentItem(parent));
    else if (!known.hasChildren) items.set(parent, { ...known, hasChildren: true });
    return;
  }
  if (known !== undefined) {
    items.set(parent, { ...known, childInfo: true });
    return;
  }
  const name = space.toInternal(parent);
  const found = name === undefined ? undefined : visibleEntry(context, name);
  const isShownThere = name !== undefined && space.toExternal(name) === parent;
  const item =
    found && isShownThere
      ? { ...itemOf(context, parent, found, true), subscribed: false }
      : { ...parentItem(parent), nonExistent: true };
  items.set(parent, { ...item, childInfo: true });
}

/** Where the mailboxes are that are shown below `name`: under altnamespace those of INBOX are below an own mailbox of that name. */
function topOfChildren(space: Namespace, name: MboxName): MboxName {
  const isAltInbox = space.settings.altNamespace && !space.viewer.adminView && name === space.inbox;
  return isAltInbox ? (`${name}.INBOX` as MboxName) : name;
}

/** `names` are in name order, so children come right after their parent. */
function hasSubscribedChild(space: Namespace, names: readonly MboxName[], at: number): boolean {
  const name = names[at]!;
  const top = topOfChildren(space, name);
  if (top !== name) return names.some((other) => isBelow(other, top));
  const next = names[at + 1];
  return next !== undefined && isBelow(next, name);
}

/** Whether there is a child that the caller may look up, and how many entries it took to find out. */
function visibleChild(
  { snapshot, space, access }: ListContext,
  name: MboxName,
): { readonly isThere: boolean; readonly read: number } {
  const { from, to } = childRange(keyOf(topOfChildren(space, name)));
  const isVisible = (entry: ListEntry): boolean =>
    isListed(entry) && (access.rights(entry.name, entry.acl) & Right.lookup) !== 0;
  const first = snapshot.entries(from, to, FIRST_CHILDREN);
  if (first.some(isVisible)) return { isThere: true, read: first.length };
  if (first.length < FIRST_CHILDREN) return { isThere: false, read: first.length };
  const children = snapshot.entries(from, to, CHILDREN_LOOKED_AT);
  return { isThere: children.some(isVisible), read: children.length };
}

function specialUse(access: Access, entry: ListEntry): string {
  return access.isOwner(entry.name) ? entry.specialUse : "";
}
