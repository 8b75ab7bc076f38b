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

export interface ListContext {
  readonly snapshot: Snapshot;
  readonly space: Namespace;
  readonly access: Access;
  readonly request: ListRequest;
  readonly patterns: Patterns;
}

/** Children looked at to find a visible one; a name with more invisible ones before it is said to have none. */
const CHILDREN_LOOKED_AT = 200;

export function listSubscribed(context: ListContext): Map<NameGroup, ListItem[]> {
  const { snapshot, space, access, request, patterns } = context;
  const { userId } = access.caller;
  const names = userId === undefined ? [] : snapshot.subscriptions(userId);
  const groups = new Map<NameGroup, Map<string, ListItem>>(groupOrder.map((group) => [group, new Map()]));
  for (const [at, name] of names.entries()) {
    const group = space.groupOf(name);
    const external = space.toExternal(name);
    if (group === undefined || external === undefined || request.hidden?.has(group)) continue;
    const items = groups.get(group)!;
    const isInbox = isInboxPart(external, group, space);
    const found = visibleEntry(context, name);
    if (request.lsub && found === undefined && !request.lsubMissing) continue;
    if (request.selectSpecialUse && (found === undefined || specialUse(access, found.entry) === "")) continue;
    const isMatch = patterns.matches(external, isInbox);
    if ((!isMatch || patterns.wantsLevels) && (request.lsub || request.recursiveMatch)) {
      for (const parent of patterns.parents(external, isInbox)) addParent(context, items, parent);
    }
    if (isMatch) {
      const hasChildren = request.lsub ? hasSubscribedChild(space, names, at) : hasVisibleChild(context, name);
      items.set(external, itemOf(context, external, found, hasChildren));
    }
  }
  return new Map([...groups].map(([group, items]) => [group, [...items.values()]]));
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

function hasVisibleChild(context: ListContext, name: MboxName): boolean {
  const { snapshot, space, access } = context;
  const { from, to } = childRange(keyOf(topOfChildren(space, name)));
  const children = snapshot.entries(from, to, CHILDREN_LOOKED_AT);
  return children.some((entry) => isListed(entry) && (access.rights(entry.name, entry.acl) & Right.lookup) !== 0);
}

function specialUse(access: Access, entry: ListEntry): string {
  return access.isOwner(entry.name) ? entry.specialUse : "";
}
