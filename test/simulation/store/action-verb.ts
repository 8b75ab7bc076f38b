/**
 * The script's actions as the real verbs of `src/ops`. One verb, "action", runs inside the writer, finds the mailboxes by name, calls the verb that the
 * action asks for, and leaves after each slice a note of what that slice did: so the notes of a store tell, in commit order, what is durable.
 */
import type { MboxName, UserId } from "../../../src/formats/ids.ts";
import { type Caller, type Rules, verbTable } from "../../../src/ops/index.ts";
import { takeIn } from "../../../src/ops/messages/incoming.ts";
import { namesOfUserBits, systemFlagBit, systemFlagNames } from "../../../src/ops/messages/flags.ts";
import { parseQuotaLimits } from "../../../src/ops/quota/index.ts";
import { MailError } from "../../../src/ops/errors.ts";
import {
  Flag,
  type ListEntry,
  type MailboxWriter,
  type MessageBox,
  type Tx,
  type VerbFunction,
} from "../../../src/store/index.ts";
import {
  type Action,
  type AppendAction,
  type ChangedAnswer,
  type CopiedAnswer,
  type MailboxAnswer,
  messageOctets,
  type MessageSpec,
  type Outcome,
  type StoredAnswer,
} from "../workload/actions.ts";

/** What the asker sends. */
export interface ActionRequest {
  readonly id: number;
  readonly action: Action;
  /** Name of the staged file of a large message, on every partition. */
  readonly staged?: string | undefined;
}
/** What a slice leaves. */
export interface ActionNote {
  readonly actionId: number;
  readonly outcome: Outcome;
  /** Partitions on which a staged file is now the store's. */
  readonly partitions?: readonly string[];
}

type Of<V extends Action["verb"]> = Extract<Action, { readonly verb: V }>;
type Slices = Generator<void, unknown, void>;

const admin: Caller = { userId: "cyrus" as UserId, groups: [], isAdmin: true, sessionId: "simulation" };
const everybodysRights = "lrswipkxtecda";

function ownerCaller(name: string): Caller {
  return { userId: name.split(".")[1] as UserId, groups: [], isAdmin: false, sessionId: "simulation" };
}
function refuse(text: string): never {
  throw new MailError("mailboxNonexistent", text);
}
function boxOf(tx: Tx, name: string): MessageBox {
  const entry = tx.entry(name as MboxName);
  return entry?.mbox === undefined ? refuse(name) : (entry as MessageBox);
}
function isSlices(value: unknown): value is Slices {
  return typeof value === "object" && value !== null && typeof (value as { next?: unknown }).next === "function";
}
function flagArgs(names: readonly string[]): { system: number; user: string[] } {
  return {
    system: names.reduce((bits, name) => bits | (systemFlagBit(name) ?? 0), 0),
    user: names.filter((name) => systemFlagBit(name) === undefined),
  };
}
const rangesOf = (uids: readonly number[]): { first: number; last: number }[] =>
  uids.map((uid) => ({ first: uid, last: uid }));

/** Looks at what an action may change, before and after each slice. */
interface Watcher {
  /** Whether other verbs hold what the action works on: nothing can have changed then. */
  isBusy(): boolean;
  before(): void;
  /** What the slice did; undefined: nothing. */
  after(result: unknown): Outcome | undefined;
}

class ActionVerb {
  private readonly table: ReadonlyMap<string, VerbFunction>;
  private readonly tx: Tx;
  private readonly request: ActionRequest;
  private readonly octets: readonly Uint8Array[];
  private sourceModseqs: ReadonlyMap<number, number> = new Map();
  private readonly found = new Map<"name" | "from" | "to", MessageBox>();

  constructor(table: ReadonlyMap<string, VerbFunction>, tx: Tx, request: ActionRequest, octets: readonly Uint8Array[]) {
    this.table = table;
    this.tx = tx;
    this.request = request;
    this.octets = octets;
  }

  *run(): Generator<void, Outcome, void> {
    const { action } = this.request;
    this.find(action);
    const watcher = this.watcherOf(action);
    watcher.before();
    let result = this.start(action);
    if (isSlices(result)) {
      const slices = result;
      // From now on it works on the mailboxes that it has found, whatever they are called.
      if ("uids" in action) this.tell({ ok: true });
      this.tell(watcher.after(undefined));
      for (;;) {
        // The verb looks itself whether somebody holds its mailboxes; we may not even look at them then.
        const isBusy = watcher.isBusy();
        if (!isBusy) watcher.before();
        const step = slices.next();
        result = step.value;
        if (step.done) break;
        if (!isBusy) this.tell(watcher.after(undefined));
        yield;
      }
    }
    this.tell(watcher.after(result));
    return { ok: true, closed: true };
  }

  private tell(outcome: Outcome | undefined): void {
    if (!outcome?.ok) return;
    const { id, action } = this.request;
    const targets = action.verb === "deliver" ? action.to : action.verb === "append" ? [action.name] : [];
    const stored = targets.filter((_, i) => outcome.ok && outcome.stored?.[i]);
    const partitions = stored.map((name) => boxOf(this.tx, name).partition);
    const now = this.presentNames();
    this.tx.note({ actionId: id, outcome: now ? { ...outcome, now } : outcome, partitions } satisfies ActionNote);
  }
  private find(action: Action): void {
    if (!("uids" in action)) return;
    for (const [field, name] of Object.entries(action))
      if ((field === "name" || field === "from" || field === "to") && typeof name === "string")
        this.found.set(field, boxOf(this.tx, name));
  }
  /** Where they are called otherwise than in the action. */
  private presentNames(): Record<string, string> | undefined {
    const changed = [...this.found].flatMap(([field, { uniqueId, name }]) => {
      const present = this.tx.entryByUniqueId(uniqueId)?.name ?? name;
      return present === name ? [] : [[field, present] as const];
    });
    return changed.length > 0 ? Object.fromEntries(changed) : undefined;
  }
  private isDeleted(field: "from"): boolean {
    const name = this.tx.entryByUniqueId(this.found.get(field)!.uniqueId)?.name;
    return name === undefined || name.startsWith("DELETED.");
  }
  private call(verb: string, args: unknown, caller: Caller, octets: readonly Uint8Array[] = []): unknown {
    return this.table.get(verb)!(this.tx, args, octets, caller);
  }

  private start(action: Action): unknown {
    const { tx } = this;
    if (action.verb === "copy") this.sourceModseqs = liveModseqs(tx, boxOf(tx, action.from), action.uids);
    switch (action.verb) {
      case "create":
        return this.create(action);
      case "append":
        return this.append(action);
      case "deliver":
        return this.deliver(action);
      case "flags":
        return this.flags(action);
      case "copy":
      case "move": {
        const args = {
          from: boxOf(tx, action.from).uniqueId,
          uids: rangesOf(action.uids),
          to: boxOf(tx, action.to).uniqueId,
        };
        return this.call(`messages.${action.verb}`, args, ownerCaller(action.from));
      }
      case "expunge": {
        if (!action.onlyDeleted) this.flags({ ...action, verb: "flags", add: ["\\Deleted"], remove: [] });
        const args = { box: boxOf(tx, action.name).uniqueId, uids: rangesOf(action.uids) };
        return this.call("messages.expunge", args, ownerCaller(action.name));
      }
      case "rename":
        return this.call("mailboxes.rename", { from: action.from, to: action.to }, admin);
      case "delete":
        return this.call("mailboxes.delete", { name: action.name }, admin);
      case "acl": {
        const { name, identifier, rights } = action;
        return this.call("acl.set", { name, identifier, rights, change: "replace" }, admin);
      }
      case "relocate":
        return this.call(
          "mailboxes.rename",
          { from: action.name, to: action.name, partition: action.partition },
          admin,
        );
      case "quota": {
        const limits = parseQuotaLimits([{ resource: "STORAGE", limit: action.limitOctets / 1024 }]);
        return this.call("quota.set", { root: action.root, limits }, admin);
      }
      case "housekeeping":
        if (action.what === "expire") expire(tx);
        return undefined;
    }
  }

  private create({ name, partition }: Of<"create">): unknown {
    const result = this.call("mailboxes.create", { name, partition }, admin);
    if (name.split(".").length === 2)
      this.call("acl.set", { name, identifier: "anyone", rights: everybodysRights, change: "replace" }, admin);
    return result;
  }
  private messageOf(spec: MessageSpec, seconds: number): { args: object; attachments: Uint8Array[] } {
    const { args, attachments } = takeIn(this.octets[0] ?? messageOctets(spec), { seconds, nanos: 0 });
    const { staged } = this.request;
    return staged === undefined
      ? { args, attachments }
      : { args: { ...args, staged }, attachments: attachments.slice(0, 1) };
  }
  private append({ name, message, flags, internaldate }: AppendAction): unknown {
    const { args, attachments } = this.messageOf(message, internaldate);
    const box = boxOf(this.tx, name).uniqueId;
    return this.call(
      "messages.append",
      { box, messages: [{ ...args, flags: flagArgs(flags) }] },
      ownerCaller(name),
      attachments,
    );
  }
  private deliver({ to, message }: Of<"deliver">): unknown {
    const { args, attachments } = this.messageOf(message, this.tx.now);
    const targets = to.map((name) => ({
      box: this.tx.entry(name as MboxName)?.uniqueId ?? "nowhere",
      flags: flagArgs([]),
      quota: "strict",
      needsPost: false,
    }));
    return this.call("messages.deliver", { message: args, targets }, admin, attachments);
  }
  private flags({ name, uids, add, remove }: Of<"flags">): unknown {
    if (add.length > 0 && remove.length > 0) throw new Error("one STORE adds or removes");
    const change = add.length > 0 ? { mode: "add", flags: flagArgs(add) } : { mode: "remove", flags: flagArgs(remove) };
    const args = { box: boxOf(this.tx, name).uniqueId, uids: rangesOf(uids), ...change };
    return this.call("messages.store-flags", args, ownerCaller(name));
  }

  private watcherOf(action: Action): Watcher {
    const { tx } = this;
    switch (action.verb) {
      case "create":
        return new CreateWatcher(tx, action.name);
      case "flags":
        return new FlagWatcher(tx, boxOf(tx, action.name), action.uids);
      case "expunge":
        return new GoneWatcher(tx, boxOf(tx, action.name), action.uids);
      case "move":
        return new GoneWatcher(tx, boxOf(tx, action.from), action.uids, boxOf(tx, action.to));
      case "rename":
      case "delete":
        return new TreeWatcher(tx, action);
      default:
        return { isBusy: () => false, before: () => {}, after: (result) => this.resultOf(action, result) };
    }
  }
  private resultOf(action: Action, result: unknown): Outcome | undefined {
    const { tx } = this;
    switch (action.verb) {
      case "append": {
        const { uids } = result as { uids: { first: number } };
        return { ok: true, stored: [storedAnswer(boxOf(tx, action.name), uids.first, tx)] };
      }
      case "deliver": {
        const delivered = result as readonly { uid?: number }[];
        const stored = delivered.map(({ uid }, i) =>
          uid === undefined ? null : storedAnswer(boxOf(tx, action.to[i]!), uid, tx),
        );
        return { ok: true, stored };
      }
      case "copy":
        return result === undefined ? undefined : this.copied(result);
      case "acl":
        return { ok: true, acl: boxOf(tx, action.name).acl };
      case "quota":
        return { ok: true };
      default:
        return undefined;
    }
  }
  private copied(result: unknown): Outcome {
    const { source, target } = result as Record<"source" | "target", readonly { first: number; last: number }[]>;
    const targets = uidsOf(target);
    const writer = this.tx.mailbox(this.found.get("to")!.mbox);
    const present = liveModseqs(this.tx, this.found.get("from")!, uidsOf(source));
    const copied = uidsOf(source).map((from, i) => {
      const row = writer.hotRow(targets[i]!)!;
      const told = { from, to: targets[i]!, modseq: row.modseq };
      if (present.get(from) === this.sourceModseqs.get(from) && !this.isDeleted("from")) return told;
      return { ...told, message: messageAt(writer, told.to) };
    });
    return { ok: true, copied };
  }
}

function uidsOf(ranges: readonly { first: number; last: number }[]): number[] {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}
function storedAnswer(box: MessageBox, uid: number, tx: Tx): StoredAnswer {
  return { uid, uidvalidity: box.uidValidity, modseq: tx.mailbox(box.mbox).hotRow(uid)!.modseq };
}
function answerOf({ name, uniqueId, uidValidity, acl }: ListEntry): MailboxAnswer {
  return { name, uniqueid: uniqueId, uidvalidity: uidValidity, acl };
}
/** What is in a mailbox under a uid. */
function messageAt(writer: MailboxWriter, uid: number): NonNullable<CopiedAnswer["message"]> {
  const row = writer.hotRow(uid)!;
  const { guid, sizeOctets, internalDate } = writer.coldRow(uid)!;
  const system = systemFlagNames.flatMap(([bit, name]) => (row.flags & bit ? [name] : []));
  const flags = [...system, ...namesOfUserBits(writer.header.flagNames, row.user)];
  return { flags, digest: Buffer.from(guid).toString("hex"), sizeOctets, internaldate: internalDate };
}

/** Names above `name`, up to the inbox, that are not there: the highest first. */
function missingAbove(tx: Tx, name: string): MboxName[] {
  const missing: MboxName[] = [];
  for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1)) {
    const parent = name.slice(0, at) as MboxName;
    if (parent.split(".").length < 3 || tx.entry(parent)) break;
    missing.unshift(parent);
  }
  return missing;
}

class CreateWatcher implements Watcher {
  private readonly tx: Tx;
  private readonly name: string;
  private missing: MboxName[] = [];

  constructor(tx: Tx, name: string) {
    this.tx = tx;
    this.name = name;
  }
  isBusy(): boolean {
    return false;
  }
  before(): void {
    this.missing = missingAbove(this.tx, this.name);
  }
  after(): Outcome {
    return { ok: true, mailboxes: [...this.missing, this.name].map((name) => answerOf(boxOf(this.tx, name))) };
  }
}

class FlagWatcher implements Watcher {
  private readonly tx: Tx;
  private readonly box: MessageBox;
  private readonly uids: readonly number[];
  private modseqs = new Map<number, number>();

  constructor(tx: Tx, box: MessageBox, uids: readonly number[]) {
    this.tx = tx;
    this.box = box;
    this.uids = uids;
  }
  isBusy(): boolean {
    return this.tx.isBusy(this.box.mbox);
  }
  before(): void {
    this.modseqs = liveModseqs(this.tx, this.box, this.uids);
  }
  after(): Outcome | undefined {
    const changed = [...liveModseqs(this.tx, this.box, this.uids)]
      .filter(([uid, modseq]) => modseq !== this.modseqs.get(uid))
      .map(([uid, modseq]): ChangedAnswer => ({ uid, modseq }));
    return changed.length > 0 ? { ok: true, changed } : undefined;
  }
}

/** EXPUNGE, and MOVE when there is a target. */
class GoneWatcher implements Watcher {
  private readonly tx: Tx;
  private readonly box: MessageBox;
  private readonly uids: readonly number[];
  private readonly target: MessageBox | undefined;
  private live = new Map<number, number>();
  private lastUid = 0;

  constructor(tx: Tx, box: MessageBox, uids: readonly number[], target?: MessageBox) {
    this.tx = tx;
    this.box = box;
    this.uids = uids;
    this.target = target;
  }
  isBusy(): boolean {
    return this.tx.isBusy(this.box.mbox) || (this.target !== undefined && this.tx.isBusy(this.target.mbox));
  }
  before(): void {
    this.live = liveModseqs(this.tx, this.box, this.uids);
    if (this.target && exists(this.tx, this.target)) this.lastUid = this.tx.mailbox(this.target.mbox).header.lastUid;
  }
  after(): Outcome | undefined {
    if (!exists(this.tx, this.box)) return undefined;
    const left = liveModseqs(this.tx, this.box, this.uids);
    const gone = [...this.live.keys()].filter((uid) => !left.has(uid));
    if (gone.length === 0) return undefined;
    const writer = this.tx.mailbox(this.box.mbox);
    if (!this.target) return { ok: true, changed: gone.map((uid) => ({ uid, modseq: writer.hotRow(uid)!.modseq })) };
    const target = this.tx.mailbox(this.target.mbox);
    const isDeleted = this.tx.entryByUniqueId(this.box.uniqueId)!.name.startsWith("DELETED.");
    const copied = gone.map((from, i) => {
      const to = this.lastUid + 1 + i;
      const told = { from, to, modseq: target.hotRow(to)!.modseq };
      return isDeleted ? { ...told, message: messageAt(target, to) } : told;
    });
    return { ok: true, copied, sourceModseq: writer.header.highestModseq };
  }
}
function exists(tx: Tx, { uniqueId }: MessageBox): boolean {
  return tx.entryByUniqueId(uniqueId) !== undefined;
}
function liveModseqs(tx: Tx, box: MessageBox, uids: readonly number[]): Map<number, number> {
  const live = new Map<number, number>();
  if (!exists(tx, box)) return live;
  const writer = tx.peek(box.mbox);
  for (const uid of uids) {
    const row = writer?.hotRow(uid);
    if (row && (row.flags & Flag.expunged) === 0) live.set(uid, row.modseq);
  }
  return live;
}

/** RENAME and DELETE: which mailboxes of the tree have another name now, or none. */
class TreeWatcher implements Watcher {
  private readonly tx: Tx;
  private readonly action: Of<"rename" | "delete">;
  private names = new Map<ListEntry["uniqueId"], string>();
  private missing: MboxName[] | undefined;

  constructor(tx: Tx, action: Of<"rename" | "delete">) {
    this.tx = tx;
    this.action = action;
  }
  isBusy(): boolean {
    return false;
  }
  before(): void {
    const { tx, action } = this;
    if (action.verb === "rename") this.missing ??= missingAbove(tx, action.to);
    const top = (action.verb === "rename" ? action.from : action.name) as MboxName;
    const entries = [tx.entry(top), ...tx.children(top)].filter((entry) => entry?.mbox !== undefined);
    this.names = new Map(entries.map((entry) => [entry!.uniqueId, entry!.name]));
  }
  after(): Outcome | undefined {
    const mailboxes: MailboxAnswer[] = [];
    for (const [uniqueId, name] of this.names) {
      const entry = this.tx.entryByUniqueId(uniqueId);
      if (entry?.name === name) continue;
      if (this.action.verb === "delete")
        mailboxes.push({ name, uniqueid: uniqueId, uidvalidity: undefined, kept: entry !== undefined });
      else if (entry) mailboxes.push({ ...answerOf(entry), from: name });
    }
    if (mailboxes.length === 0) return undefined;
    const made = this.missing?.splice(0) ?? [];
    mailboxes.unshift(...made.map((name) => answerOf(boxOf(this.tx, name))));
    return { ok: true, mailboxes };
  }
}

/** Tombstones go for good, their files follow; the hour of grace is over. */
function expire(tx: Tx): void {
  tx.db.run("UPDATE doomed SET not_before=0");
  for (const entry of tx.children("user" as MboxName)) {
    if (entry.mbox === undefined || tx.isBusy(entry.mbox)) continue;
    const writer = tx.mailbox(entry.mbox);
    const removed: { uid: number; guid: Uint8Array }[] = [];
    writer.removeTombstones(1, Number.MAX_SAFE_INTEGER, tx.now, removed);
    for (const { uid, guid } of removed) {
      const { owner } = writer.header;
      tx.db.run("DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?", owner, guid, entry.mbox, uid);
      tx.doom(entry.uniqueId, entry.partition, uid, tx.now);
    }
  }
}

/** The table of a writer: all real verbs, and "action". */
export function actionVerbTable(rules: Rules): ReadonlyMap<string, VerbFunction> {
  const table = verbTable(rules);
  const run: VerbFunction = (tx, args, octets) => new ActionVerb(table, tx, args as ActionRequest, octets).run();
  return new Map([...table, ["action", run]]);
}
