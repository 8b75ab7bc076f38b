/** The frame of a verb: what `cyr_stored` runs when somebody asks for it. One file each in messages/ and mailboxes/; the table is verbs.ts. */
import type { Tx } from "../store/index.ts";
import { Access, type Caller } from "./acl/index.ts";
import type { Rules } from "./rules.ts";

/** One audit line (imapd.conf `auditlog`), written after the commit. `sessionid` is added in front. */
export interface AuditNote {
  readonly audit: string;
  readonly fields: Readonly<Record<string, string | number | undefined>>;
  readonly sessionId: string;
}

export class VerbContext {
  readonly tx: Tx;
  readonly rules: Rules;
  readonly caller: Caller;
  /** The caller's rights on mailboxes. */
  readonly access: Access;

  constructor(tx: Tx, rules: Rules, caller: Caller) {
    this.tx = tx;
    this.rules = rules;
    this.caller = caller;
    this.access = new Access(caller, rules.acl, rules.names);
  }

  audit(event: string, fields: AuditNote["fields"]): void {
    if (!this.rules.config.auditlog) return;
    this.tx.note({ audit: event, fields, sessionId: this.caller.sessionId } satisfies AuditNote);
  }
}

/**
 * `run` executes inside the writer, synchronously, alone. It checks everything, rights first, then writes; or throws a MailError and has written nothing.
 * Work on more than about 1,000 rows is a generator that yields between slices. Arguments and results are plain data: they cross processes as JSON;
 * message octets come as attachments.
 */
export interface Verb<Args, Result> {
  readonly name: string;
  /** Whether these arguments do no harm when they are run again after a crash that kept the first answer from the asker. Saves a page in each commit. */
  repeatable?(args: Args): boolean;
  run(context: VerbContext, args: Args, octets: readonly Uint8Array[]): Result | Generator<void, Result, void>;
}

export type ArgsOf<V> = V extends { run(context: never, args: infer Args, octets: never): unknown } ? Args : never;
/** The result of a verb in slices is what its generator returns. */
export type ResultOf<V> = V extends { run(...args: never): infer R }
  ? Exclude<R, Generator<void, unknown, void>> | SlicedResult<R>
  : never;
type SlicedResult<R> = R extends Generator<void, infer Result, void> ? Result : never;
