/** Random actions, driven by a seed and by what the store has answered so far. */
import type { Random } from "../random.ts";
import type { Action, MessageSpec } from "./actions.ts";
import type { Expected, ExpectedMailbox } from "./expected.ts";

export interface ScriptOptions {
  readonly users: number;
  /** Besides the inboxes. */
  readonly mailboxesPerUser: number;
  /** Upper bound of most messages; one in twenty is up to ten times as large. */
  readonly messageOctets: number;
  readonly verbs?: readonly Action["verb"][] | undefined;
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
  [4, "housekeeping"],
];

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
  next(expected: Expected): Action {
    const { verbs } = this.options;
    const allowed = weights.filter(([, verb]) => !verbs || verbs.includes(verb));
    for (;;) {
      const action = this.propose(this.random.weighted(allowed), [...expected.mailboxes.values()]);
      if (action) return action;
    }
  }

  private propose(verb: Action["verb"], mailboxes: readonly ExpectedMailbox[]): Action | undefined {
    const { random } = this;
    if (mailboxes.length === 0) return { verb: "create", name: this.inbox() };
    const { name, messages } = random.pick(mailboxes);
    const other = random.pick(mailboxes).name;
    const ordinary = mailboxes.filter((mailbox) => mailbox.name.split(".").length > 2);
    switch (verb) {
      case "create":
        return { verb, name: this.freshName() };
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
        return messages.size === 0
          ? undefined
          : { verb, name, uids: this.some(messages), add: this.flags(0.3), remove: this.flags(0.2) };
      case "copy":
      case "move":
        return messages.size === 0 || name === other
          ? undefined
          : { verb, from: name, uids: this.some(messages), to: other };
      case "expunge":
        return messages.size < 3 ? undefined : { verb, name, uids: this.some(messages) };
      case "rename": {
        if (ordinary.length === 0) return undefined;
        const [from, to] = [random.pick(ordinary).name, this.freshName()];
        return to === from || to.startsWith(`${from}.`) ? undefined : { verb, from, to };
      }
      case "delete":
        return ordinary.length < 3 ? undefined : { verb, name: random.pick(ordinary).name };
      case "quota":
        return { verb, root: this.inbox(), limitOctets: 1024 * random.pick([100, 1000, 10_000]) };
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
    const { messageOctets } = this.options;
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
