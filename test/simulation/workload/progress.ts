/** The lines which the program under test writes, and what follows from them: the model, and what is in flight. */
import type { Action, Outcome } from "./actions.ts";
import { Expected } from "./expected.ts";

/**
 * `B id action`: about to ask. `A id outcome`: answered. `X id`: the store failed, nobody knows. `S 0 model`: the store was
 * opened again and its content explains which of the unknown took place. `P 0 problems`: it did not, something is lost.
 * One line, one write.
 */
export type ReportKind = "B" | "A" | "X" | "S" | "P";
export function reportLine(
  kind: ReportKind,
  id: number,
  value?: Action | Outcome | Expected | readonly string[],
): string {
  return `${kind} ${id}${value === undefined ? "" : ` ${JSON.stringify(value)}`}\n`;
}

export class Progress {
  expected: Expected;
  private readonly open = new Map<number, Action>();
  acknowledged = 0;

  constructor(expected = new Expected()) {
    this.expected = expected;
  }
  /** Actions that began and have no answer, in the order in which they began. */
  get inFlight(): Action[] {
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
        this.open.set(id, JSON.parse(value) as Action);
        return;
      case "A": {
        const action = this.open.get(id);
        if (!action) throw new Error(`answer to unknown action ${id}`);
        this.open.delete(id);
        this.acknowledged++;
        this.expected.apply(action, JSON.parse(value) as Outcome);
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
}
