/**
 * One of several askers, each with mailboxes of its own in all shards, so that what must be there after its last answer is known exactly. A lane's log has
 * a line when it asks and a line when it is answered.
 */
import type { UniqueId } from "../../../src/formats/ids.ts";
import type { Random } from "../random.ts";
import { shards, userIn } from "./sharded-store.ts";

export interface Message {
  /** SHA-1 in hex. */
  readonly guid: string;
  readonly flagged: boolean;
}
export interface Box {
  readonly name: string;
  readonly messages: ReadonlyMap<number, Message>;
}

export type LaneAction =
  | { readonly verb: "create"; readonly name: string }
  | ({ readonly verb: "append" } & Arrival)
  | { readonly verb: "flag" | "expunge"; readonly box: UniqueId; readonly uids: readonly number[] }
  | { readonly verb: "copy" | "move"; readonly box: UniqueId; readonly to: UniqueId; readonly uids: readonly number[] }
  /** Tombstones go for good, and files after them. */
  | { readonly verb: "purge"; readonly box: UniqueId }
  /** A message comes meanwhile: it waits, and follows the mailbox. */
  | { readonly verb: "rename"; readonly from: string; readonly to: string; readonly beside?: Arrival };

export interface Arrival {
  readonly box: UniqueId;
  readonly seed: number;
  readonly guid: string;
}

/** What the answer said; `refused`: nothing was done. */
export interface LaneAnswer {
  readonly refused?: string;
  readonly created?: UniqueId;
  readonly uid?: number;
  /** Uids in the source and in the target, in order. */
  readonly source?: readonly number[];
  readonly target?: readonly number[];
}

/** Renames move everything at or below a name. */
export function renamedBox(name: string, from: string, to: string): string {
  return name === from || name.startsWith(`${from}.`) ? to + name.slice(from.length) : name;
}

export class Lane {
  readonly number: number;
  readonly boxes = new Map<UniqueId, Box>();
  /** Asked and not answered. */
  open: LaneAction | undefined;
  private counter = 0;

  constructor(number: number) {
    this.number = number;
  }

  take(line: { readonly ask?: LaneAction; readonly answer?: LaneAnswer }): void {
    if (line.ask) this.open = line.ask;
    else if (line.answer && this.open) {
      if (line.answer.refused === undefined) this.apply(this.open, line.answer);
      this.open = undefined;
    }
  }

  private apply(action: LaneAction, answer: LaneAnswer): void {
    switch (action.verb) {
      case "create":
        this.boxes.set(answer.created!, { name: action.name, messages: new Map() });
        return;
      case "append":
        this.arrived(action, answer);
        return;
      case "flag":
        this.change(action.box, (messages) => {
          for (const uid of action.uids) messages.set(uid, { ...messages.get(uid)!, flagged: true });
        });
        return;
      case "expunge":
        this.change(action.box, (messages) => action.uids.forEach((uid) => messages.delete(uid)));
        return;
      case "copy":
      case "move": {
        const source = this.boxes.get(action.box)!.messages;
        this.change(action.to, (messages) =>
          answer.source!.forEach((uid, n) => messages.set(answer.target![n]!, source.get(uid)!)),
        );
        if (action.verb === "move")
          this.change(action.box, (messages) => answer.source!.forEach((uid) => messages.delete(uid)));
        return;
      }
      case "rename":
        for (const [id, box] of this.boxes)
          this.boxes.set(id, { ...box, name: renamedBox(box.name, action.from, action.to) });
        if (action.beside) this.arrived(action.beside, answer);
        return;
      case "purge":
    }
  }

  private arrived({ box, guid }: Arrival, { uid }: LaneAnswer): void {
    this.change(box, (messages) => messages.set(uid!, { guid, flagged: false }));
  }

  private change(box: UniqueId, edit: (messages: Map<number, Message>) => void): void {
    const { name, messages } = this.boxes.get(box)!;
    const changed = new Map(messages);
    edit(changed);
    this.boxes.set(box, { name, messages: changed });
  }

  /** @param guidOf the digest of the message of a seed */
  next(random: Random, guidOf: (seed: number) => string): LaneAction {
    const n = ++this.counter;
    const ids = [...this.boxes.keys()];
    const create = this.missing();
    if (create !== undefined) return { verb: "create", name: create };
    const box = random.pick(ids);
    const uids = [...this.boxes.get(box)!.messages.keys()];
    const some = random
      .shuffle([...uids])
      .slice(0, random.between(1, 8))
      .toSorted((one, other) => one - other);
    const verb = random.weighted<LaneAction["verb"]>([
      [8, "append"],
      [2, "flag"],
      [2, "expunge"],
      [2, "purge"],
      [5, "copy"],
      [5, "move"],
      [4, "rename"],
    ]);
    const arrival = { box, seed: this.number * 1_000_000 + n, guid: guidOf(this.number * 1_000_000 + n) };
    if (verb === "rename") {
      const action = this.rename(random, n);
      return random.chance(0.6) ? { ...action, beside: arrival } : action;
    }
    if (verb === "purge") return { verb, box };
    if (verb === "append" || uids.length === 0) return { verb: "append", ...arrival };
    if (verb === "copy" || verb === "move")
      return { verb, box, to: random.pick(ids.filter((id) => id !== box)), uids: some };
    return { verb: verb === "flag" ? "flag" : "expunge", box, uids: some };
  }

  /** Mailboxes that the lane begins with: one below a common user of each shard, one with a child, and a user of its own with a child. */
  private missing(): string | undefined {
    const own = `user.${userIn(this.number % shards, 10 + 100 * this.number)}`;
    const wanted = Array.from({ length: shards }, (_, shard) => `user.${userIn(shard, 0)}.lane${this.number}`);
    wanted.push(`${wanted[0]!}.child`, own, `${own}.child`);
    return wanted[this.boxes.size];
  }

  private rename(random: Random, n: number): Extract<LaneAction, { readonly verb: "rename" }> {
    const tops = [...this.boxes.values()].map(({ name }) => name).filter((name) => !name.endsWith(".child"));
    const from = random.pick(tops);
    const shard = random.below(shards);
    const isUser = from.split(".").length === 2;
    const to = isUser
      ? `user.${userIn(shard, 10 + 100 * this.number + n)}`
      : `user.${userIn(shard, 0)}.lane${this.number}-${n}`;
    return { verb: "rename", from, to };
  }
}

/** A line of a log. */
export interface LaneLine {
  readonly lane: number;
  readonly ask?: LaneAction;
  readonly answer?: LaneAnswer;
}

/** All lanes' logs so far. */
export class Lanes {
  readonly lanes: readonly Lane[];
  answered = 0;

  constructor(count: number) {
    this.lanes = Array.from({ length: count }, (_, number) => new Lane(number));
  }

  take(text: string): void {
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const parsed = JSON.parse(line) as LaneLine;
      if (parsed.answer) this.answered++;
      this.lanes[parsed.lane]!.take(parsed);
    }
  }
}
