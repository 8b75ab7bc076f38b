/** The store under test, as the simulation sees it: one module for each, with a `subject` exported. */
import type { Observed } from "../checker/observed.ts";
import type { Action, Outcome } from "./actions.ts";
import type { ScriptOptions } from "./script.ts";

export interface OpenStore {
  /**
   * Asks for an action. Resolves when the store acknowledges it, in commit order among all that are in flight; a refusal
   * resolves too. `part` hears of parts that are committed before the whole is answered, in commit order too. @throws when the store has failed (disk error): whether the action took place is then unknown
   */
  run(action: Action, part: (outcome: Outcome) => void): Promise<Outcome>;
  /** Waits until all work behind acknowledged actions is done (message files written and synced). */
  settle(): Promise<void>;
  close(): Promise<void>;
  /** Before the process exits with the store open; also after `close`. */
  abandon?(): Promise<void>;
}
export interface Subject {
  readonly name: string;
  /** Opens the store below `root`, which may be empty or what a power cut left: recovery happens here. */
  open(root: string): Promise<OpenStore>;
  /** Reads everything below `root` with code of its own, the store being closed. Must not change anything. */
  observe(root: string): Observed;
  /** What is wrong before recovery has seen it: files that must never be found half. */
  inspect?(root: string): string[];
  /** Files below the root that are memory and not disk (the WAL-index). */
  excluded(path: string): boolean;
  /** What the script may ask of it. */
  readonly script?: Partial<ScriptOptions>;
}
