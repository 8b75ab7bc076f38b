/** Table `reply`: answers that a client may ask for again when its writer was restarted before it heard them. */
import type { Database } from "../database.ts";

/** A refusal in a form that crosses processes. `code` is one of the closed list of ops/errors.ts. */
export interface RefusalData {
  readonly code: string;
  readonly detail?: string | undefined;
}

export type Answer = { readonly result: unknown } | { readonly refusal: RefusalData };

/** A request of a client: what its answer is kept under. */
export interface Asking {
  readonly client: string;
  /** 0: nobody asks for the answer again. */
  readonly id: number;
}

/**
 * Part of the transaction that does what is answered. Answers up to id `confirmed` have arrived and are dropped.
 * @param now epoch seconds
 */
export function keepAnswers(
  db: Database,
  client: string,
  confirmed: number,
  answers: readonly (readonly [id: number, answer: Answer])[],
  now: number,
): void {
  const kept = [...answersOf(db, client).filter(([id]) => id > confirmed), ...answers];
  db.run("INSERT OR REPLACE INTO reply(client, answers, at) VALUES (?,?,?)", client, JSON.stringify(kept), now);
}

export function keptAnswer(db: Database, { client, id }: Asking): Answer | undefined {
  return answersOf(db, client).find(([kept]) => kept === id)?.[1];
}

function answersOf(db: Database, client: string): [number, Answer][] {
  const row = db.get("SELECT answers FROM reply WHERE client=?", client);
  return row ? (JSON.parse(row[0] as string) as [number, Answer][]) : [];
}
