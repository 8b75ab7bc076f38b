/**
 * How a verb of this folder is written, and how it becomes a function of the writer. A verb runs inside the writer, alone and synchronously. It checks
 * everything first, then writes; or refuses, and has written nothing. One that may change more than a slice holds is a generator.
 */
import type { MboxName } from "../../formats/ids.ts";
import { Busy, type ListEntry, type Tx, type VerbFunction } from "../../store/index.ts";
import { Access, type Caller, Right, type Rights } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import type { AuditNote } from "../verb.ts";
import type { AuditLine } from "./audit.ts";
import type { MailboxRules } from "./rules.ts";

export interface VerbContext {
  readonly tx: Tx;
  readonly caller: Caller;
  readonly access: Access;
  readonly rules: MailboxRules;
  /** Says what was done, for the audit log; it is told after the commit, or never. */
  audit(this: void, line: AuditLine): void;
}

export type Sliced<R> = Generator<void, R, void>;

export interface MailboxVerb<A, R> {
  readonly name: string;
  run(context: VerbContext, args: A): R | Sliced<R>;
}

/** Entries that one slice moves or removes: each costs a few rows, and a slice is to change at most 1,000. */
export const ENTRIES_A_SLICE = 100;

/**
 * Runs the first slice of a verb at once. What it throws is then thrown by the verb itself, before anything is committed: a mailbox in other hands (Busy)
 * makes the writer try the whole verb again later.
 */
export function startSlices<R>(slices: Sliced<R>): R | Sliced<R> {
  const first = slices.next();
  return first.done ? first.value : remaining(slices);
}

function* remaining<R>(slices: Sliced<R>): Sliced<R> {
  yield;
  return yield* slices;
}

/** Whether no other verb holds one of the mailboxes. A later slice asks before it writes: it cannot begin again. */
export function areFree(tx: Tx, entries: readonly ListEntry[]): boolean {
  try {
    for (const { mbox } of entries) if (mbox !== undefined) tx.mailbox(mbox);
    return true;
  } catch (error) {
    if (error instanceof Busy) return false;
    throw error;
  }
}

export function verbFunction<A, R>(verb: MailboxVerb<A, R>, rules: MailboxRules): VerbFunction {
  return (tx, args, _octets, caller) => verb.run(contextOf(tx, caller as Caller, rules), args as A);
}

export function contextOf(tx: Tx, caller: Caller, rules: MailboxRules): VerbContext {
  const access = new Access(caller, rules.acl, rules.names);
  const audit = ({ event, fields }: AuditLine): void => {
    if (rules.auditLog) tx.note({ audit: event, fields, sessionId: caller.sessionId } satisfies AuditNote);
  };
  return { tx, caller, access, rules, audit };
}

/** A mailbox that is here and whole. */
export type LocalEntry = ListEntry & { readonly mbox: number };

/**
 * The entry, for somebody who may do what `right` allows. Without the right it is as if the mailbox did not exist, unless the caller may look it up.
 * @throws MailError mailboxNonexistent, permissionDenied, mailboxMoved, mailboxReserved
 */
export function requireEntry(context: VerbContext, name: MboxName, right: Rights): LocalEntry {
  const entry = context.tx.entry(name) ?? refuse("mailboxNonexistent");
  const rights = context.access.rights(name, entry.acl);
  if ((rights & right) !== right) refuse(rights & Right.lookup ? "permissionDenied" : "mailboxNonexistent");
  return requireLocal(entry);
}

/** @throws MailError for an entry that has no messages here */
export function requireLocal(entry: ListEntry): LocalEntry {
  if (entry.mbox !== undefined) return entry as LocalEntry;
  const flags = entry.type.slice(1);
  if (flags.includes("r")) refuse("mailboxMoved", entry.server);
  if (flags.includes("z") || flags.includes("m")) refuse("mailboxReserved");
  return refuse("mailboxNonexistent");
}
