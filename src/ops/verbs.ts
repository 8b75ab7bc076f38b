/** All verbs, by name. */
import type { IntentHandler, RefusalData, Tx, VerbFunction } from "../store/index.ts";
import type { Caller } from "./acl/index.ts";
import { MailError } from "./errors.ts";
import { append } from "./messages/append.ts";
import { claimRecent } from "./messages/claim-recent.ts";
import { copy, move } from "./messages/copy.ts";
import { deliver } from "./messages/deliver.ts";
import { expunge } from "./messages/expunge.ts";
import { storeFlags } from "./messages/store-flags.ts";
import type { Rules } from "./rules.ts";
import { type Verb, VerbContext } from "./verb.ts";

export const verbs = {
  "messages.append": append,
  "messages.claim-recent": claimRecent,
  "messages.copy": copy,
  "messages.deliver": deliver,
  "messages.expunge": expunge,
  "messages.move": move,
  "messages.store-flags": storeFlags,
};

export type Verbs = typeof verbs;
export type VerbName = keyof Verbs;

/** The table as the group engine wants it. */
export function verbTable(rules: Rules): ReadonlyMap<string, VerbFunction> {
  return new Map(
    Object.entries(verbs).map(([name, verb]) => {
      const { run } = verb as Verb<unknown, unknown>;
      const call: VerbFunction = (tx: Tx, args, octets, caller) =>
        run(new VerbContext(tx, rules, caller as Caller), args, octets);
      return [name, call] as const;
    }),
  );
}

/** Work in slices that recovery finishes, by kind. */
export function intentTable(_rules: Rules): ReadonlyMap<string, IntentHandler> {
  return new Map();
}

/** A refusal as data; undefined for anything that is a bug. */
export function refusalOf(thrown: unknown): RefusalData | undefined {
  return thrown instanceof MailError ? { code: thrown.code, detail: thrown.detail } : undefined;
}
