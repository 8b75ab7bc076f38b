/** What must be in the store, from the answers it gave. Answers arrive in commit order. */
import { createHash } from "node:crypto";
import {
  messageOctets,
  type Action,
  type ChangedAnswer,
  type CopiedAnswer,
  type MailboxAnswer,
  type MessageSpec,
  type Outcome,
  type StoredAnswer,
} from "./actions.ts";

export interface ExpectedMessage {
  readonly digest: string;
  readonly sizeOctets: number;
  readonly flags: ReadonlySet<string>;
  /** A copy in flight, whose source's flags may have changed meanwhile. */
  readonly anyFlags?: boolean;
  /** Undefined: the store chose it. */
  readonly internaldate: number | undefined;
  /** Undefined: a change in flight may have given it any modseq above `modseqAtLeast`. */
  readonly modseq: number | undefined;
  readonly modseqAtLeast: number;
}
export interface ExpectedMailbox {
  readonly name: string;
  /** Undefined: the creation was in flight. */
  readonly uniqueid: string | undefined;
  readonly uidvalidity: number | undefined;
  /** Undefined: not known. */
  readonly acl?: string | undefined;
  readonly lastUid: number;
  readonly highestModseq: number;
  readonly messages: ReadonlyMap<number, ExpectedMessage>;
}

const digests = new Map<string, string>();
/** SHA-1 of the octets of a message, in hex. */
export function messageDigest(spec: MessageSpec): string {
  const key = `${spec.seed} ${spec.sizeOctets}`;
  let digest = digests.get(key);
  if (digest === undefined) digests.set(key, (digest = createHash("sha1").update(messageOctets(spec)).digest("hex")));
  return digest;
}

type MailboxJson = Omit<ExpectedMailbox, "messages"> & {
  readonly messages: readonly (readonly [
    number,
    Omit<ExpectedMessage, "flags"> & { readonly flags: readonly string[] },
  ])[];
};
function mailboxToJson(mailbox: ExpectedMailbox): MailboxJson {
  const messages = [...mailbox.messages].map(
    ([uid, message]) => [uid, { ...message, flags: [...message.flags] }] as const,
  );
  return { ...mailbox, messages };
}
function mailboxFromJson({ messages, ...mailbox }: MailboxJson): ExpectedMailbox {
  // JSON drops fields that are undefined.
  const map = new Map(messages.map(([uid, message]) => [uid, { ...message, flags: new Set(message.flags) }]));
  return { ...mailbox, messages: map };
}

export interface DeletedMailbox {
  readonly mailbox: ExpectedMailbox;
  readonly certain: boolean;
  /** Work that had begun before goes on in it. */
  readonly loose?: boolean;
}

interface ExpectedJson {
  readonly mailboxes: readonly MailboxJson[];
  readonly deleted: readonly (readonly [
    string,
    { readonly mailbox: MailboxJson; readonly certain: boolean; readonly loose?: boolean },
  ])[];
  readonly quotas: readonly (readonly [string, number])[];
  readonly everStored: readonly (readonly [string, string])[];
  readonly uidvalidities: readonly (readonly [string, number])[];
  readonly problems: readonly string[];
}

/** Mailboxes are never changed in place, so a copy of the whole is a copy of one map. */
export class Expected {
  readonly mailboxes: Map<string, ExpectedMailbox>;
  /** By uniqueid: deleted ones that are kept below DELETED; not certain: or gone for good. */
  readonly deleted: Map<string, DeletedMailbox>;
  readonly quotas: Map<string, number>;
  /** Everything ever acknowledged, for "no uid reused with other content": `uniqueid uid` to digest. */
  readonly everStored: Map<string, string>;
  /** The greatest uidvalidity that any mailbox of a name had. */
  readonly uidvalidities: Map<string, number>;
  /** Contradictions among the answers themselves. */
  readonly problems: string[];

  constructor(from?: Expected) {
    this.mailboxes = new Map(from?.mailboxes);
    this.deleted = new Map(from?.deleted);
    this.quotas = new Map(from?.quotas);
    this.everStored = new Map(from?.everStored);
    this.uidvalidities = new Map(from?.uidvalidities);
    this.problems = [...(from?.problems ?? [])];
  }

  /** As JSON values, to be written to the log. */
  toJSON(): ExpectedJson {
    return {
      mailboxes: [...this.mailboxes.values()].map(mailboxToJson),
      deleted: [...this.deleted].map(([id, deleted]) => [id, { ...deleted, mailbox: mailboxToJson(deleted.mailbox) }]),
      quotas: [...this.quotas],
      everStored: [...this.everStored],
      uidvalidities: [...this.uidvalidities],
      problems: this.problems,
    };
  }
  static fromJSON(json: ExpectedJson): Expected {
    const expected = new Expected();
    for (const mailbox of json.mailboxes) expected.mailboxes.set(mailbox.name, mailboxFromJson(mailbox));
    for (const [id, deleted] of json.deleted)
      expected.deleted.set(id, { ...deleted, mailbox: mailboxFromJson(deleted.mailbox) });
    for (const [root, limit] of json.quotas) expected.quotas.set(root, limit);
    for (const [key, digest] of json.everStored) expected.everStored.set(key, digest);
    for (const [name, uidvalidity] of json.uidvalidities) expected.uidvalidities.set(name, uidvalidity);
    expected.problems.push(...json.problems);
    return expected;
  }

  /** Takes an acknowledged action. */
  apply(asked: Action, outcome: Outcome): void {
    if (!outcome.ok) return;
    const action = { ...asked, ...outcome.now } as Action;
    if (outcome.closed) {
      if (action.verb === "rename") this.renameQuotas(action.from, action.to);
      return;
    }
    switch (action.verb) {
      case "create":
        for (const mailbox of outcome.mailboxes ?? []) this.create(mailbox);
        return;
      case "append":
        this.store(action.name, action.message, action.flags, action.internaldate, outcome.stored?.[0]);
        return;
      case "deliver":
        for (const [i, name] of action.to.entries())
          this.store(name, action.message, [], undefined, outcome.stored?.[i]);
        return;
      case "flags":
        this.changeFlags(action, outcome.changed ?? []);
        return;
      case "copy":
      case "move": {
        const copied = outcome.copied ?? [];
        this.copy(action.from, action.to, copied, outcome.anyFlags);
        if (action.verb === "move")
          this.expunge(
            action.from,
            copied.map(({ from }) => ({ uid: from, modseq: outcome.sourceModseq })),
          );
        return;
      }
      case "expunge":
        this.expunge(action.name, outcome.changed ?? []);
        return;
      case "rename":
        this.rename(action.from, action.to, outcome);
        return;
      case "delete":
        if (!outcome.mailboxes) this.mailboxes.delete(action.name);
        for (const { name, kept } of outcome.mailboxes ?? []) this.delete(name, kept);
        return;
      case "acl": {
        const mailbox = this.mailboxes.get(action.name);
        if (mailbox) this.put({ ...mailbox, acl: outcome.acl });
        return;
      }
      case "relocate":
        return;
      case "quota":
        this.quotas.set(action.root, action.limitOctets);
        return;
      case "housekeeping":
        return;
    }
  }

  private create({ name, uniqueid, uidvalidity, acl }: MailboxAnswer): void {
    const before = this.uidvalidities.get(name) ?? 0;
    if (uidvalidity !== undefined && uidvalidity <= before && !this.mailboxes.has(name))
      this.problems.push(`${name} made again with uidvalidity ${uidvalidity}, had ${before}`);
    this.put({ name, uniqueid, uidvalidity, acl, lastUid: 0, highestModseq: 0, messages: new Map() });
  }
  private delete(name: string, kept: boolean | undefined): void {
    const mailbox = this.mailboxes.get(name);
    if (!mailbox) this.problems.push(`${name} was deleted, which does not exist`);
    else if (kept !== false && mailbox.uniqueid !== undefined)
      this.deleted.set(mailbox.uniqueid, { mailbox, certain: kept === true });
    this.mailboxes.delete(name);
    this.quotas.delete(name);
  }
  /** The mailboxes that a DELETE is about to put below DELETED, in which work that has begun goes on. */
  loosen(names: ReadonlySet<string>): void {
    for (const [id, deleted] of this.deleted)
      if (names.has(deleted.mailbox.name)) this.deleted.set(id, { ...deleted, loose: true });
  }
  private put(mailbox: ExpectedMailbox): void {
    this.mailboxes.set(mailbox.name, mailbox);
    const known = this.uidvalidities.get(mailbox.name) ?? 0;
    this.uidvalidities.set(mailbox.name, Math.max(known, mailbox.uidvalidity ?? 0));
  }
  private store(
    name: string,
    spec: MessageSpec,
    flags: readonly string[],
    internaldate: number | undefined,
    stored: StoredAnswer | null | undefined,
  ): void {
    if (!stored) return;
    const mailbox = this.mailboxes.get(name);
    if (!mailbox) {
      this.problems.push(`a message was stored in ${name}, which does not exist`);
      return;
    }
    const { uid, modseq } = stored;
    if (stored.uidvalidity !== undefined && stored.uidvalidity !== mailbox.uidvalidity)
      this.problems.push(`${name} answered uidvalidity ${stored.uidvalidity}, had ${mailbox.uidvalidity}`);
    const digest = messageDigest(spec);
    const { sizeOctets } = spec;
    const message = { digest, sizeOctets, flags: new Set(flags), internaldate, modseq, modseqAtLeast: modseq ?? 0 };
    this.add(mailbox, new Map([[uid, message]]));
  }
  private add(mailbox: ExpectedMailbox, added: ReadonlyMap<number, ExpectedMessage>): void {
    let { lastUid } = mailbox;
    for (const [uid, { digest, modseq }] of added) {
      if (uid <= lastUid) this.problems.push(`${mailbox.name} gave out uid ${uid} after ${lastUid}`);
      lastUid = Math.max(lastUid, uid);
      if (mailbox.uniqueid !== undefined) this.everStored.set(`${mailbox.uniqueid} ${uid}`, digest);
      this.checkModseq(mailbox, modseq);
    }
    const messages = new Map([...mailbox.messages, ...added]);
    this.put({ ...mailbox, lastUid, messages, highestModseq: highest(mailbox, added.values()) });
  }
  private checkModseq({ name, highestModseq }: ExpectedMailbox, modseq: number | undefined): void {
    if (modseq !== undefined && modseq <= highestModseq)
      this.problems.push(`${name} gave out modseq ${modseq} after ${highestModseq}`);
  }
  private changeFlags(
    { name, uids, add, remove, sliced }: Extract<Action, { verb: "flags" }>,
    changed: readonly ChangedAnswer[],
  ): void {
    const mailbox = this.mailboxes.get(name);
    if (!mailbox) return;
    const messages = new Map(mailbox.messages);
    for (const uid of uids) {
      const message = messages.get(uid);
      if (!message || (sliced && !changed.some((one) => one.uid === uid))) continue;
      const flags = new Set([...message.flags, ...add].filter((flag) => !remove.includes(flag)));
      messages.set(uid, { ...message, flags });
    }
    for (const { uid, modseq } of changed) {
      const message = messages.get(uid);
      this.checkModseq(mailbox, modseq);
      if (message) messages.set(uid, { ...message, ...newModseq(message, modseq) });
    }
    this.put({ ...mailbox, messages, highestModseq: highest(mailbox, changed) });
  }
  private copy(from: string, to: string, copied: readonly CopiedAnswer[], anyFlags?: boolean): void {
    const source = this.mailboxes.get(from);
    const target = this.mailboxes.get(to);
    if (copied.length === 0 || (!target && to.startsWith("DELETED."))) return;
    if ((!source && !from.startsWith("DELETED.")) || !target) {
      this.problems.push(`messages were copied from ${from} to ${to}, one of which does not exist`);
      return;
    }
    const added = new Map<number, ExpectedMessage>();
    for (const { from: uid, to: newUid, modseq, message: told } of copied) {
      const message = told ? { ...told, flags: new Set(told.flags) } : source?.messages.get(uid);
      if (message) added.set(newUid, { ...message, anyFlags: anyFlags === true, modseq, modseqAtLeast: modseq ?? 0 });
      else this.problems.push(`uid ${uid} of ${from} was copied, which is not there`);
    }
    this.add(target, added);
  }
  private expunge(name: string, gone: readonly ChangedAnswer[]): void {
    const mailbox = this.mailboxes.get(name);
    if (!mailbox) return;
    const messages = new Map(mailbox.messages);
    for (const { uid, modseq } of gone) {
      this.checkModseq(mailbox, modseq);
      messages.delete(uid);
    }
    this.put({ ...mailbox, messages, highestModseq: highest(mailbox, gone) });
  }
  private renameQuotas(from: string, to: string): void {
    for (const [root, limit] of this.quotas) {
      if (root !== from && !root.startsWith(`${from}.`)) continue;
      this.quotas.delete(root);
      this.quotas.set(to + root.slice(from.length), limit);
    }
  }
  /** A part of it: the mailboxes that it names. */
  private renameSome(answers: readonly MailboxAnswer[]): void {
    for (const answer of answers) {
      const mailbox = answer.from === undefined ? undefined : this.mailboxes.get(answer.from);
      if (!mailbox) {
        this.create(answer);
        continue;
      }
      const { name, uniqueid, uidvalidity, acl } = answer;
      if (mailbox.uniqueid !== undefined && uniqueid !== mailbox.uniqueid)
        this.problems.push(`rename changed the uniqueid of ${name}`);
      this.mailboxes.delete(mailbox.name);
      this.put({ ...mailbox, name, uidvalidity, acl });
    }
  }
  private rename(from: string, to: string, outcome: Extract<Outcome, { ok: true }>): void {
    if (outcome.mailboxes?.some((answer) => answer.from !== undefined)) {
      this.renameSome(outcome.mailboxes);
      return;
    }
    this.renameQuotas(from, to);
    for (const { name } of outcome.mailboxes ?? [])
      if (isAbove(name, to)) this.create({ name, uniqueid: undefined, uidvalidity: undefined });
    const answers = new Map(outcome.mailboxes?.map((answer) => [answer.name, answer]));
    for (const mailbox of this.mailboxes.values().toArray()) {
      if (mailbox.name !== from && !mailbox.name.startsWith(`${from}.`)) continue;
      const name = to + mailbox.name.slice(from.length);
      this.mailboxes.delete(mailbox.name);
      const answer = answers.get(name);
      if (answer && mailbox.uniqueid !== undefined && answer.uniqueid !== mailbox.uniqueid)
        this.problems.push(`rename changed the uniqueid of ${name}`);
      this.put({ ...mailbox, name, acl: undefined, uidvalidity: answer?.uidvalidity ?? mailbox.uidvalidity });
    }
  }
}

function highest(
  { highestModseq }: ExpectedMailbox,
  changed: Iterable<{ readonly modseq: number | undefined }>,
): number {
  return Math.max(highestModseq, ...Array.from(changed, ({ modseq }) => modseq ?? 0));
}

function newModseq(
  message: ExpectedMessage,
  modseq: number | undefined,
): Pick<ExpectedMessage, "modseq" | "modseqAtLeast"> {
  // In flight: a message whose flags were so already may have kept its modseq.
  return { modseq, modseqAtLeast: modseq ?? message.modseqAtLeast };
}

function isAbove(parent: string, name: string): boolean {
  return name.startsWith(`${parent}.`);
}

/**
 * The parts of an action which are atomic on their own, each with the ways in which it may have taken place: a delivery is one change for each owner,
 * a change in slices has reached some uid.
 */
export function atoms(action: Action): (readonly Action[])[] {
  if (action.verb === "deliver") return action.to.map((name) => [{ ...action, to: [name] }]);
  if ((action.verb === "flags" || action.verb === "move" || action.verb === "expunge") && action.sliced)
    return [action.uids.map((_, i) => ({ ...action, uids: action.uids.slice(0, i + 1) }))];
  return [[action]];
}

/**
 * The outcome that an action in flight has if it took place, as far as that can be told; undefined when it can only have been
 * refused. What cannot be told is undefined in it, and the comparison accepts what it finds there.
 */
export function foretell(expected: Expected, action: Action): Outcome | undefined {
  const has = (name: string): boolean => expected.mailboxes.has(name);
  const stored = (name: string): StoredAnswer => ({
    uid: expected.mailboxes.get(name)!.lastUid + 1,
    uidvalidity: undefined,
    modseq: undefined,
  });
  switch (action.verb) {
    case "create":
      return has(action.name)
        ? undefined
        : { ok: true, mailboxes: [...missingParents(expected, action), action.name].map(unknownMailbox) };
    case "append":
      return has(action.name) ? { ok: true, stored: [stored(action.name)] } : undefined;
    case "deliver":
      return action.to.some(has)
        ? { ok: true, stored: action.to.map((name) => (has(name) ? stored(name) : null)) }
        : undefined;
    case "copy":
    case "move": {
      const source = expected.mailboxes.get(action.from);
      const target = expected.mailboxes.get(action.to);
      if (!source || !target) return undefined;
      const uids = action.uids.filter((uid) => source.messages.has(uid));
      const copied = uids.map((uid, i) => ({ from: uid, to: target.lastUid + 1 + i, modseq: undefined }));
      return { ok: true, copied, anyFlags: action.sliced === true };
    }
    case "flags":
    case "expunge": {
      const mailbox = expected.mailboxes.get(action.name);
      if (!mailbox) return undefined;
      const deletedOnly = action.verb === "expunge" && action.onlyDeleted;
      const uids = action.uids.filter((uid) => {
        const message = mailbox.messages.get(uid);
        return message && (!deletedOnly || message.flags.has("\\Deleted"));
      });
      return { ok: true, changed: uids.map((uid) => ({ uid, modseq: undefined })) };
    }
    case "rename": {
      const parents = missingParents(expected, { name: action.to, parents: action.parents ?? false });
      return has(action.from) && !has(action.to) ? { ok: true, mailboxes: parents.map(unknownMailbox) } : undefined;
    }
    case "delete": {
      const isInbox = action.name.split(".").length === 2;
      const names = [...expected.mailboxes.keys()].filter(
        (name) => name === action.name || (isInbox && isAbove(action.name, name)),
      );
      return names.length > 0
        ? { ok: true, mailboxes: names.map((name) => ({ ...unknownMailbox(name), kept: undefined })) }
        : undefined;
    }
    default:
      return { ok: true };
  }
}

function unknownMailbox(name: string): MailboxAnswer {
  return { name, uniqueid: undefined, uidvalidity: undefined };
}
/** The highest first. A user's inbox is never made on the way. */
function missingParents(expected: Expected, { name, parents }: { name: string; parents?: boolean }): string[] {
  const missing: string[] = [];
  if (!parents) return missing;
  for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1)) {
    const parent = name.slice(0, at);
    if (parent.split(".").length < 3 || expected.mailboxes.has(parent)) break;
    missing.unshift(parent);
  }
  return missing;
}
