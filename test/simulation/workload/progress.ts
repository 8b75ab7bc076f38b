/** The lines which the program under test writes, and what follows from them: the model, and what is in flight. */
import type { Action, MailboxAnswer, Outcome } from "./actions.ts";
import { Expected } from "./expected.ts";

/**
 * `B id action`: about to ask. `C id outcome`: a part of it is committed. `A id outcome`: answered. `X id`: the store failed, nobody knows. `S 0 model`: the store was
 * opened again and its content explains which of the unknown took place. `P 0 problems`: it did not, something is lost.
 * One line, one write.
 */
export type ReportKind = "B" | "C" | "A" | "X" | "S" | "P";
export function reportLine(
  kind: ReportKind,
  id: number,
  value?: Action | Outcome | Expected | readonly string[],
): string {
  return `${kind} ${id}${value === undefined ? "" : ` ${JSON.stringify(value)}`}\n`;
}

const nameFields: ReadonlySet<string> = new Set(["name", "from", "to"]);

/** An action without an answer. */
export interface InFlight {
  readonly action: Action;
  /** Parts of it are committed. Work on a tree is then finished by recovery. */
  readonly begun: boolean;
}

export class Progress {
  expected: Expected;
  private readonly open = new Map<number, InFlight>();
  acknowledged = 0;

  constructor(expected = new Expected()) {
    this.expected = expected;
  }
  /** Actions that began and have no answer, in the order in which they began. */
  get inFlight(): InFlight[] {
    return [...this.open.values()];
  }
  take(text: string): void {
    for (const line of text.split("\n")) if (line !== "") this.takeLine(line);
  }
  private takeLine(line: string): void {
    const [kind, idText = ""] = line.split(" ", 2);
    const id = Number(idText);
    const value = line.slice(line.indexOf(" ", 2) + 1);
    switch (kind) {
      case "B":
        this.open.set(id, { action: JSON.parse(value) as Action, begun: false });
        return;
      case "C": {
        const { action } = this.opened(id);
        const part = JSON.parse(value) as Outcome;
        this.expected.apply(action, part);
        this.open.set(id, { action: remaining(action, part), begun: true });
        if (part.ok && action.verb === "rename") this.followRename(part.mailboxes ?? []);
        if (part.ok && action.verb === "delete") this.expected.loosen(this.namesAtWork());
        return;
      }
      case "A": {
        const { action, begun } = this.opened(id);
        const outcome = JSON.parse(value) as Outcome;
        this.acknowledged++;
        this.expected.apply(action, outcome);
        // Work on a tree that failed half way is finished by the next recovery.
        if (outcome.ok || !begun || !isTreeWork(action)) this.open.delete(id);
        return;
      }
      case "X":
        return;
      case "S":
        this.expected = Expected.fromJSON(JSON.parse(value) as ReturnType<Expected["toJSON"]>);
        this.open.clear();
        return;
      case "P":
        this.expected.problems.push(...(JSON.parse(value) as string[]));
        return;
      default:
        throw new Error(`unknown report: ${line}`);
    }
  }
  /** What has begun goes on with the same mailboxes, under their new names. */
  private followRename(renamed: readonly MailboxAnswer[]): void {
    const names = new Map(renamed.flatMap(({ from, name }) => (from === undefined ? [] : [[from, name] as const])));
    for (const [id, { action, begun }] of this.open) {
      if (!begun || isTreeWork(action)) continue;
      const now = Object.fromEntries(
        Object.entries(action).map(([field, value]) => [
          field,
          nameFields.has(field) && typeof value === "string" ? (names.get(value) ?? value) : value,
        ]),
      );
      this.open.set(id, { action: now as unknown as Action, begun });
    }
  }
  private namesAtWork(): Set<string> {
    const works = [...this.open.values()].filter(({ action, begun }) => begun && !isTreeWork(action));
    return new Set(
      works.flatMap(({ action }) =>
        Object.entries(action).flatMap(([field, value]) => (nameFields.has(field) ? [String(value)] : [])),
      ),
    );
  }
  private opened(id: number): InFlight {
    const open = this.open.get(id);
    if (!open) throw new Error(`answer to unknown action ${id}`);
    return open;
  }
}

export function isTreeWork({ verb }: Action): boolean {
  return verb === "rename" || verb === "delete";
}

/** What is left of an action after a part of it. */
function remaining(action: Action, part: Outcome): Action {
  if (!("uids" in action) || !part.ok) return action;
  const { now } = part;
  const done = new Set([...(part.changed ?? []).map(({ uid }) => uid), ...(part.copied ?? []).map(({ from }) => from)]);
  return { ...action, ...now, uids: action.uids.filter((uid) => !done.has(uid)) };
}
