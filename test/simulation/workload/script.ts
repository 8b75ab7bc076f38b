/** Random actions, driven by a seed and by what the store has answered so far. */
import type { Random } from "../random.ts";
import type { Action, MessageSpec } from "./actions.ts";
import type { Expected, ExpectedMailbox } from "./expected.ts";
import type { InFlight } from "./progress.ts";

export interface ScriptOptions {
  readonly users: number;
  /** Besides the inboxes. */
  readonly mailboxesPerUser: number;
  /** Upper bound of most messages; one in twenty is up to ten times as large. */
  readonly messageOctets: number;
  readonly verbs?: readonly Action["verb"][] | undefined;
  /** Missing parents are made with a mailbox. */
  readonly parents?: boolean;
  /** Changes of several messages may be cut between them, and EXPUNGE takes only those with \Deleted. */
  readonly sliced?: boolean;
  /** Copies and moves stay with their owner, whose \Seen is the message's. */
  readonly sameOwner?: boolean;
  /** Whole users are renamed and deleted. */
  readonly wholeUsers?: boolean;
  /** Partitions for new mailboxes and moves. */
  readonly partitions?: readonly string[];
  /**
   * Copies, moves and work on trees may meet others in flight on the same mailboxes. Where power is cut they may not: which of
   * their slices went before which cannot always be told.
   */
  readonly overlap?: boolean;
  /** Some messages are so large: `largeChance` of them, default one in fifty. */
  readonly largeOctets?: number;
  readonly largeChance?: number;
}
export const defaultScript: ScriptOptions = { users: 3, mailboxesPerUser: 3, messageOctets: 3000 };

const systemFlags = ["\\Seen", "\\Deleted", "\\Answered", "\\Flagged", "\\Draft"];
const keywords = ["$Junk", "$Forwarded", "work"];
const weights: readonly (readonly [number, Action["verb"]])[] = [
  [30, "append"],
  [14, "deliver"],
  [16, "flags"],
  [7, "copy"],
  [7, "move"],
  [7, "expunge"],
  [4, "create"],
  [2, "rename"],
  [2, "delete"],
  [2, "quota"],
  [2, "acl"],
  [2, "relocate"],
  [4, "housekeeping"],
];

const optionalVerbs: ReadonlySet<Action["verb"]> = new Set(["acl", "relocate"]);
/** Everybody keeps the right to work here. */
const aclRights = ["lrswipkxtecda", "lrswipkxtecd"];

function ownerOf(name: string): string {
  return name.split(".")[1]!;
}

/** Proposals that meet others in flight before there is a pause. */
const maximumProposals = 50;
const inSlices: ReadonlySet<Action["verb"]> = new Set(["copy", "move", "rename", "delete", "relocate"]);

function namesOf(action: Action): string[] {
  const fields = ["name" in action && action.name, "from" in action && action.from, "to" in action && action.to];
  return fields.flat().filter((name) => typeof name === "string");
}
/** Two STOREs at once, of which one knows no keywords that the other brings; expiry of what is being copied. */
function cannotBeTold(one: Action, other: Action): boolean {
  const verbs = [one.verb, other.verb];
  if (verbs.includes("housekeeping")) return verbs.some((verb) => verb === "copy" || verb === "move");
  return one.verb === "flags" && other.verb === "flags" && one.name === other.name;
}
/** Whether two actions touch one mailbox, or one the tree of the other, and one of them works in slices that others may come between. */
function meet(one: Action, other: Action): boolean {
  if (!inSlices.has(one.verb) && !inSlices.has(other.verb)) return false;
  const others = namesOf(other);
  return namesOf(one).some((name) =>
    others.some((second) => name === second || name.startsWith(`${second}.`) || second.startsWith(`${name}.`)),
  );
}

export class Script {
  private readonly random: Random;
  private readonly options: ScriptOptions;
  private lastMessage: number;
  /** Actions that every run begins with: the inboxes. */
  readonly opening: readonly Extract<Action, { verb: "create" }>[];

  /** @param firstMessage messages are numbered from here, so that no two of a run are the same */
  constructor(random: Random, options: ScriptOptions, firstMessage = 0) {
    this.random = random;
    this.lastMessage = firstMessage;
    this.options = options;
    this.opening = Array.from({ length: options.users }, (_, i) => ({ verb: "create", name: `user.u${i}` }));
  }

  /** The next action. The names and uids in it were right a moment ago: others in flight may have changed them since. */
  next(expected: Expected, inFlight: readonly InFlight[] = []): Action {
    const { verbs, overlap } = this.options;
    const allowed = weights.filter(([, verb]) => (verbs ? verbs.includes(verb) : !optionalVerbs.has(verb)));
    for (let tries = 0; tries < maximumProposals; ) {
      const action = this.propose(this.random.weighted(allowed), [...expected.mailboxes.values()]);
      if (!action) continue;
      if (!inFlight.some((other) => cannotBeTold(action, other.action) || (!overlap && meet(action, other.action))))
        return action;
      tries++;
    }
    return { verb: "housekeeping", what: "checkpoint" };
  }

  private propose(verb: Action["verb"], mailboxes: readonly ExpectedMailbox[]): Action | undefined {
    const { random } = this;
    const { sliced, sameOwner, parents, partitions } = this.options;
    const missing = this.opening.filter((inbox) => !mailboxes.some((mailbox) => mailbox.name === inbox.name));
    if (mailboxes.length === 0 || (missing.length > 0 && random.chance(0.1))) return random.pick(this.opening);
    const { name, messages } = random.pick(mailboxes);
    const others = sameOwner ? mailboxes.filter((mailbox) => ownerOf(mailbox.name) === ownerOf(name)) : mailboxes;
    const other = random.pick(others).name;
    const ordinary = mailboxes.filter((mailbox) => mailbox.name.split(".").length > 2);
    switch (verb) {
      case "create":
        return {
          verb,
          name: this.freshName(),
          ...(parents ? { parents } : {}),
          ...(partitions && random.chance(0.5) ? { partition: random.pick(partitions) } : {}),
        };
      case "append":
        return {
          verb,
          name,
          message: this.message(),
          flags: this.flags(0.2),
          internaldate: 1_790_000_000 + random.below(1e6),
        };
      case "deliver":
        return { verb, to: this.recipients(), message: this.message() };
      case "flags":
        if (sliced && messages.size > 0) {
          const [add, remove] = random.chance(0.7) ? [this.flags(0.4), []] : [[], this.flags(0.4)];
          return { verb, name, uids: this.some(messages), add, remove, sliced };
        }
        return messages.size === 0
          ? undefined
          : {
              verb,
              name,
              uids: this.some(messages),
              add: this.flags(0.3),
              remove: this.flags(0.2),
            };
      case "copy":
      case "move":
        return messages.size === 0 || name === other
          ? undefined
          : { verb, from: name, uids: this.some(messages), to: other, ...(sliced ? { sliced } : {}) };
      case "expunge":
        if (messages.size < 3) return undefined;
        return { verb, name, uids: this.some(messages), ...(sliced ? { sliced, onlyDeleted: true } : {}) };
      case "rename": {
        if (this.options.wholeUsers && random.chance(0.3))
          return { verb, from: this.inbox(), to: `user.v${random.below(3)}` };
        if (ordinary.length === 0) return undefined;
        const [from, to] = [random.pick(ordinary).name, this.freshName()];
        if (to === from || to.startsWith(`${from}.`)) return undefined;
        return { verb, from, to, ...(parents ? { parents } : {}) };
      }
      case "delete":
        if (this.options.wholeUsers && random.chance(0.2))
          return { verb, name: random.pick(mailboxes).name.split(".", 2).join(".") };
        return ordinary.length < 3 ? undefined : { verb, name: random.pick(ordinary).name };
      case "quota":
        return { verb, root: this.inbox(), limitOctets: 1024 * random.pick([100, 1000, 10_000]) };
      case "acl":
        return { verb, name, identifier: random.pick(["bob", "ann", "anyone"]), rights: random.pick(aclRights) };
      case "relocate":
        return { verb, name, partition: random.pick(partitions ?? ["default"]) };
      case "housekeeping":
        return { verb, what: random.pick(["checkpoint", "expire"]) };
    }
  }
  private inbox(): string {
    return `user.u${this.random.below(this.options.users)}`;
  }
  private freshName(): string {
    const mailbox = `${this.inbox()}.m${this.random.below(this.options.mailboxesPerUser)}`;
    return this.random.chance(0.3) ? `${mailbox}.below` : mailbox;
  }
  private recipients(): string[] {
    const all = Array.from({ length: this.options.users }, (_, i) => `user.u${i}`);
    return this.random.shuffle(all).slice(0, this.random.between(1, Math.min(3, all.length)));
  }
  private message(): MessageSpec {
    const { messageOctets, largeOctets, largeChance = 0.02 } = this.options;
    if (largeOctets !== undefined && this.random.chance(largeChance))
      return { seed: ++this.lastMessage, sizeOctets: this.random.between(largeOctets, largeOctets + 5000) };
    const most = this.random.chance(0.05) ? messageOctets * 10 : messageOctets;
    return { seed: ++this.lastMessage, sizeOctets: this.random.between(220, most) };
  }
  private flags(probability: number): string[] {
    return [...systemFlags, ...keywords].filter(() => this.random.chance(probability));
  }
  /** One to eight uids, ascending. */
  private some(messages: ReadonlyMap<number, unknown>): number[] {
    const uids = this.random.shuffle([...messages.keys()]).slice(0, this.random.between(1, 8));
    return uids.toSorted((a, b) => a - b);
  }
}
