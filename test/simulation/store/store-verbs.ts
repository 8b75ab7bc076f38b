/** The script's actions as verbs of the real writer, written on its transaction alone: no rights, no names, no protocols. */
import { createHash } from "node:crypto";
import type { MboxName } from "../../../src/formats/ids.ts";
import {
  appendMessage,
  beginHidden,
  copyMessage,
  Flag,
  type FlagChange,
  type IncomingMessage,
  type ListEntry,
  type MailboxWriter,
  type MessageBox,
  showHidden,
  type Tx,
  userFlagBits,
  type VerbFunction,
} from "../../../src/store/index.ts";
import {
  messageOctets,
  type Action,
  type ChangedAnswer,
  type CopiedAnswer,
  type MessageSpec,
  type Outcome,
  type StoredAnswer,
} from "../workload/actions.ts";

export class Refused extends Error {}

const systemFlags: ReadonlyMap<string, number> = new Map([
  ["\\Answered", Flag.answered],
  ["\\Flagged", Flag.flagged],
  ["\\Deleted", Flag.deleted],
  ["\\Draft", Flag.draft],
  ["\\Seen", Flag.seen],
]);
/** Copies of more messages than this go in slices, hidden until the last. */
const slicedFrom = 3;
const everyUid = Number.MAX_SAFE_INTEGER;

type Of<V extends Action["verb"]> = Extract<Action, { readonly verb: V }>;

function box(tx: Tx, name: string): MessageBox {
  const entry = tx.entry(name as MboxName);
  if (entry?.mbox === undefined) throw new Refused(`no mailbox ${name}`);
  return entry as MessageBox;
}
function chargeQuota(tx: Tx, name: MboxName, { header }: MailboxWriter, sign: 1 | -1): void {
  const root = tx.quotaRoot(name);
  if (root) tx.addQuotaUse(root, sign * header.sizeOctets, sign * header.exists, 0, 0);
}
function checkQuota(tx: Tx, name: MboxName): void {
  const root = tx.quotaRoot(name);
  const quota = root && tx.quota(root);
  if (quota?.storageLimit !== undefined && quota.storageUsed > quota.storageLimit * 1024)
    throw new Refused(`${quota.root} is over quota`);
}
function systemBits(flags: readonly string[]): number {
  return flags.reduce((bits, flag) => bits | (systemFlags.get(flag) ?? 0), 0);
}
function userBits(tx: Tx, writer: MailboxWriter, flags: readonly string[]): [number, number, number, number] {
  const names = flags.filter((flag) => !systemFlags.has(flag));
  const bits = userFlagBits(tx, writer, names);
  if (!bits) throw new Refused("too many flags");
  return bits;
}
function liveUids(writer: MailboxWriter, uids: readonly number[]): number[] {
  return uids.filter((uid) => {
    const row = writer.hotRow(uid);
    return row !== undefined && (row.flags & Flag.expunged) === 0;
  });
}

function create(tx: Tx, { name }: Of<"create">): Outcome {
  if (tx.entry(name as MboxName)) throw new Refused(`${name} exists`);
  const mailbox = name as MboxName;
  const uniqueId = tx.newUniqueId();
  const uidValidity = tx.nextUidValidity(mailbox);
  const createdModseq = tx.nextFolderModseq(mailbox);
  const { header } = tx.createMailbox({ name: mailbox, uniqueId, uidValidity, createdModseq, options: "P" });
  tx.putEntry({
    name: mailbox,
    uniqueId,
    mbox: header.mbox,
    type: "e",
    partition: "default",
    server: "",
    acl: `${name.split(".")[1]}\tlrswipkxtecdan\tanyone\tp\t`,
    uidValidity,
    createdModseq,
    folderModseq: createdModseq,
    mtime: tx.now,
    specialUse: "",
    history: [],
  });
  return { ok: true, mailboxes: [{ name, uniqueid: uniqueId, uidvalidity: uidValidity }] };
}

function incoming(tx: Tx, { octets }: { octets: Buffer }, internalDate: number): IncomingMessage {
  return {
    sizeOctets: octets.length,
    headerSizeOctets: octets.indexOf("\r\n\r\n") + 4,
    guid: createHash("sha1").update(octets).digest(),
    internalDate,
    internalDateNanos: tx.nowNanos,
    sentDate: internalDate,
    gmTime: internalDate,
    cacheVersion: 1,
    cache: Buffer.concat([Buffer.from("cache record of "), octets.subarray(0, 120)]),
    content: { octets },
  };
}
function stored(tx: Tx, target: MessageBox, uid: number): StoredAnswer {
  return { uid, uidvalidity: target.uidValidity, modseq: tx.mailbox(target.mbox).hotRow(uid)!.modseq };
}
function append(tx: Tx, { name, message, flags, internaldate }: Of<"append">): Outcome {
  const target = box(tx, name);
  const user = userBits(tx, tx.mailbox(target.mbox), flags);
  const incomingMessage = incoming(tx, { octets: messageOctets(message) }, internaldate);
  const uid = appendMessage(tx, target, incomingMessage, { system: systemBits(flags), user });
  checkQuota(tx, target.name);
  return { ok: true, stored: [stored(tx, target, uid)] };
}
function deliver(tx: Tx, { to, message }: { to: readonly string[]; message: MessageSpec }): Outcome {
  const incomingMessage = incoming(tx, { octets: messageOctets(message) }, tx.now);
  let lastCopy: { box: MessageBox; uid: number } | undefined;
  const answers = to.map((name) => {
    const target = box(tx, name);
    const uid = appendMessage(tx, target, incomingMessage, { system: 0, user: [0, 0, 0, 0] }, lastCopy);
    lastCopy = { box: target, uid };
    checkQuota(tx, target.name);
    return stored(tx, target, uid);
  });
  return { ok: true, stored: answers };
}

function flags(tx: Tx, { name, uids, add, remove }: Of<"flags">): Outcome {
  const writer = tx.mailbox(box(tx, name).mbox);
  const live = liveUids(writer, uids);
  const before = new Map(live.map((uid) => [uid, writer.hotRow(uid)!.modseq]));
  const ranges = live.map((uid) => ({ first: uid, last: uid }));
  const change = (mode: FlagChange["mode"], names: readonly string[]): void => {
    const user = userBits(tx, writer, names);
    const system = systemBits(names);
    const all = { mode, system, user, systemMask: 0x1f, userAllowed: true, unchangedSince: undefined };
    writer.storeFlags(ranges, 1, everyUid, all, []);
  };
  change(
    "add",
    add.filter((flag) => !remove.includes(flag)),
  );
  change("remove", remove);
  const changed = live
    .map((uid): ChangedAnswer => ({ uid, modseq: writer.hotRow(uid)!.modseq }))
    .filter(({ uid, modseq }) => modseq !== before.get(uid));
  return { ok: true, changed };
}

function flagsOf(tx: Tx, source: MessageBox, target: MessageBox, uid: number): Parameters<typeof copyMessage>[5] {
  const from = tx.mailbox(source.mbox);
  const row = from.hotRow(uid)!;
  const names = from.header.flagNames.filter(
    (name, place) => name !== null && ((row.user[place >> 5]! >>> (place & 31)) & 1) === 1,
  );
  return { system: row.flags & 0x1f, user: userBits(tx, tx.mailbox(target.mbox), names as string[]) };
}
function* copy(tx: Tx, { from, uids, to, verb }: Of<"copy" | "move">): Generator<void, Outcome, void> {
  const source = box(tx, from);
  const target = box(tx, to);
  const live = liveUids(tx.mailbox(source.mbox), uids);
  const first = tx.mailbox(target.mbox).header.lastUid + 1;
  const last = first + live.length - 1;
  const sliced = verb === "copy" && live.length >= slicedFrom;
  if (sliced) tx.lock(source.mbox);
  const intent = sliced ? beginHidden(tx, { mbox: target.mbox, first, last }) : 0;
  for (const [i, uid] of live.entries()) {
    const cold = tx.mailbox(source.mbox).coldRow(uid)!;
    copyMessage(tx, source, cold, target, first + i, flagsOf(tx, source, target, uid));
    if (sliced) yield;
  }
  if (sliced) {
    showHidden(tx, intent, target.mbox, last);
    tx.unlock(source.mbox);
  }
  checkQuota(tx, target.name);
  const writer = tx.mailbox(target.mbox);
  const copied = live.map(
    (uid, i): CopiedAnswer => ({ from: uid, to: first + i, modseq: writer.hotRow(first + i)!.modseq }),
  );
  if (verb === "copy") return { ok: true, copied };
  const sourceWriter = tx.mailbox(source.mbox);
  remove(sourceWriter, live);
  return { ok: true, copied, sourceModseq: sourceWriter.header.highestModseq };
}

function remove(writer: MailboxWriter, uids: readonly number[]): ChangedAnswer[] {
  const gone: number[] = [];
  writer.expunge(
    uids.map((uid) => ({ first: uid, last: uid })),
    1,
    everyUid,
    0,
    gone,
  );
  return gone.map((uid) => ({ uid, modseq: writer.hotRow(uid)!.modseq }));
}
function expunge(tx: Tx, { name, uids }: Of<"expunge">): Outcome {
  return { ok: true, changed: remove(tx.mailbox(box(tx, name).mbox), uids) };
}
/** Tombstones go for good, their files follow. */
function expire(tx: Tx): Outcome {
  for (const entry of tx.children("user" as MboxName)) {
    if (entry.mbox === undefined) continue;
    const writer = tx.mailbox(entry.mbox);
    const removed: { uid: number; guid: Uint8Array }[] = [];
    writer.removeTombstones(1, everyUid, tx.now, removed);
    for (const { uid, guid } of removed) {
      tx.db.run(
        "DELETE FROM guid WHERE owner=? AND guid=? AND mbox=? AND uid=?",
        writer.header.owner,
        guid,
        entry.mbox,
        uid,
      );
      tx.doom(entry.uniqueId, entry.partition, uid, tx.now);
    }
  }
  return { ok: true };
}

function rename(tx: Tx, { from, to }: Of<"rename">): Outcome {
  const moved = [box(tx, from), ...(tx.children(from as MboxName) as MessageBox[])];
  const target = (entry: ListEntry): MboxName => (to + entry.name.slice(from.length)) as MboxName;
  for (const entry of moved) if (tx.entry(target(entry))) throw new Refused(`${target(entry)} exists`);
  const mailboxes = moved.map((entry) => {
    const name = target(entry);
    const writer = tx.mailbox(entry.mbox);
    chargeQuota(tx, entry.name, writer, -1);
    tx.removeEntry(entry.name);
    tx.changeOwner(entry.mbox, name);
    tx.putEntry({ ...entry, name, folderModseq: tx.nextFolderModseq(name), mtime: tx.now });
    chargeQuota(tx, name, writer, 1);
    return { name, uniqueid: entry.uniqueId, uidvalidity: entry.uidValidity };
  });
  return { ok: true, mailboxes };
}
function deleteMailbox(tx: Tx, { name }: Of<"delete">): Outcome {
  const entry = box(tx, name);
  chargeQuota(tx, entry.name, tx.mailbox(entry.mbox), -1);
  tx.destroyMailbox(entry);
  tx.removeEntry(entry.name);
  return { ok: true };
}
function quota(tx: Tx, { root, limitOctets }: Of<"quota">): Outcome {
  const name = root as MboxName;
  const old = tx.quota(name);
  const quotaRow = old ?? {
    root: name,
    messageLimit: undefined,
    annotLimit: undefined,
    folderLimit: undefined,
    storageUsed: 0,
    messageUsed: 0,
    annotUsed: 0,
    folderUsed: 0,
    modseq: 0,
  };
  tx.putQuota({ ...quotaRow, storageLimit: limitOctets / 1024 });
  if (old) return { ok: true };
  for (const entry of [tx.entry(name), ...tx.children(name)])
    if (entry?.mbox !== undefined) chargeQuota(tx, entry.name, tx.mailbox(entry.mbox), 1);
  return { ok: true };
}

/** One verb, named "action", that does what its argument says. */
export const storeVerbs: ReadonlyMap<string, VerbFunction> = new Map([
  [
    "action",
    (tx: Tx, args: unknown): unknown => {
      const action = args as Action;
      switch (action.verb) {
        case "create":
          return create(tx, action);
        case "append":
          return append(tx, action);
        case "deliver":
          return deliver(tx, action);
        case "flags":
          return flags(tx, action);
        case "copy":
        case "move":
          return copy(tx, action);
        case "expunge":
          return expunge(tx, action);
        case "rename":
          return rename(tx, action);
        case "delete":
          return deleteMailbox(tx, action);
        case "quota":
          return quota(tx, action);
        case "housekeeping":
          return action.what === "expire" ? expire(tx) : { ok: true };
      }
    },
  ],
]);
