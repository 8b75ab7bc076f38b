/** Random actions for the soak run. Knows of each mailbox only which uids are there, so that 10,000 mailboxes fit in memory. */
import type { Random } from "../simulation/random.ts";
import type { Action, Outcome } from "../simulation/workload/actions.ts";

/** A mailbox is emptied by and by once it has more messages than this: the run reaches a steady state. */
const fullMailbox = 150;
const flags = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "$Forwarded"];
/** One in so many operations removes tombstones for good, everywhere. */
const expireEvery = 200_000;

interface Box {
  readonly name: string;
  uids: number[];
}

export class SoakScript {
  private readonly random: Random;
  private readonly boxes: Box[] = [];
  private readonly byName = new Map<string, Box>();
  private count = 0;
  liveMessages = 0;

  constructor(random: Random, mailboxes: number) {
    this.random = random;
    for (let i = 0; i < mailboxes; i++) {
      // Ten mailboxes a user, of which the first is the inbox.
      const user = `user.s${Math.floor(i / 10)}`;
      const box: Box = { name: i % 10 === 0 ? user : `${user}.m${i % 10}`, uids: [] };
      this.boxes.push(box);
      this.byName.set(box.name, box);
    }
  }
  creations(from: number, to: number): Action[] {
    return this.boxes.slice(from, to).map(({ name }) => ({ verb: "create", name }));
  }

  next(): Action {
    if (++this.count % expireEvery === 0) return { verb: "housekeeping", what: "expire" };
    const { random } = this;
    const box = random.pick(this.boxes);
    const { name, uids } = box;
    const verb = uids.length > fullMailbox ? "expunge" : random.weighted(weights);
    if (uids.length === 0 || verb === "append") return this.append(name);
    switch (verb) {
      case "deliver":
        return { verb, to: [this.inbox(), this.inbox()], message: this.message() };
      case "flags": {
        const [add, remove] = random.chance(0.6) ? [[random.pick(flags)], []] : [[], [random.pick(flags)]];
        return { verb, name, uids: this.some(uids, 8), add, remove };
      }
      case "expunge":
        return { verb, name, uids: this.some(uids, uids.length > fullMailbox ? 60 : 4) };
      case "copy":
      case "move":
        return { verb, from: name, uids: this.some(uids, 2), to: random.pick(this.boxes).name };
    }
  }
  answered(action: Action, outcome: Outcome): void {
    if (!outcome.ok) return;
    if (action.verb === "append") this.add(action.name, outcome.stored?.[0]?.uid);
    else if (action.verb === "deliver")
      for (const [i, name] of action.to.entries()) this.add(name, outcome.stored?.[i]?.uid);
    else if (action.verb === "expunge") this.remove(action.name, new Set(outcome.changed?.map(({ uid }) => uid)));
    else if (action.verb === "copy" || action.verb === "move") {
      for (const { to } of outcome.copied ?? []) this.add(action.to, to);
      if (action.verb === "move") this.remove(action.from, new Set(outcome.copied?.map(({ from }) => from)));
    }
  }

  private append(name: string): Action {
    const marked = this.random.chance(0.3) ? ["\\Seen"] : [];
    return { verb: "append", name, message: this.message(), flags: marked, internaldate: 1_790_000_000 + this.count };
  }
  private message(): { seed: number; sizeOctets: number } {
    return { seed: this.count, sizeOctets: this.random.between(300, 1200) };
  }
  private inbox(): string {
    return this.boxes[this.random.below(Math.ceil(this.boxes.length / 10)) * 10]!.name;
  }
  private some(uids: readonly number[], most: number): number[] {
    const at = this.random.below(uids.length);
    return uids.slice(at, at + this.random.between(1, most));
  }
  private add(name: string, uid: number | undefined): void {
    if (uid === undefined) return;
    const { uids } = this.byName.get(name)!;
    // Answers may overtake one another here.
    let place = uids.length;
    while (place > 0 && uids[place - 1]! > uid) place--;
    uids.splice(place, 0, uid);
    this.liveMessages++;
  }
  private remove(name: string, gone: ReadonlySet<number>): void {
    const box = this.byName.get(name)!;
    const left = box.uids.filter((uid) => !gone.has(uid));
    this.liveMessages -= box.uids.length - left.length;
    box.uids = left;
  }
}

const weights: readonly (readonly [number, "append" | "deliver" | "flags" | "expunge" | "copy" | "move"])[] = [
  [34, "append"],
  [8, "deliver"],
  [38, "flags"],
  [10, "expunge"],
  [5, "copy"],
  [5, "move"],
];
