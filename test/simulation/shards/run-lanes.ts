/** Asks a sharded store what the lanes want, and writes down what it answers. */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { MboxName, UidRange, UniqueId } from "../../../src/formats/ids.ts";
import { type Mail, MailError, takeIn } from "../../../src/ops/index.ts";
import { Random } from "../random.ts";
import type { Arrival, Lane, LaneAction, LaneAnswer, LaneLine } from "./lane.ts";
import { admin, shards, somebody, userIn } from "./sharded-store.ts";

export function octetsOfSeed(seed: number): Buffer {
  const random = new Random(seed, 77);
  const text = random.octets(random.chance(0.1) ? random.between(9_000, 40_000) : random.between(20, 3_000));
  const body = text.toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  return Buffer.from(`From: a@b.c\r\nSubject: ${seed}\r\nMessage-ID: <${seed}@b.c>\r\n\r\n${body}\r\n`);
}

export const guidOfSeed = (seed: number): string => createHash("sha1").update(octetsOfSeed(seed)).digest("hex");

/** The users that all lanes share, each with a quota root. May be called again. */
export async function prepare(mail: Mail): Promise<void> {
  for (let shard = 0; shard < shards; shard++) {
    const name = `user.${userIn(shard, 0)}` as MboxName;
    if (mail.view((snapshot) => snapshot.entry(name))) continue;
    await mail.as(admin).ask("mailboxes.create", { name });
    const limits = { STORAGE: 1 << 30, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
    await mail.as(admin).ask("quota.set", { root: name, limits });
  }
}

const rangesOf = (uids: readonly number[]): UidRange[] => uids.map((uid) => ({ first: uid, last: uid }));
const uidsOf = (ranges: readonly UidRange[]): number[] =>
  ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n));

export async function perform(mail: Mail, action: LaneAction): Promise<LaneAnswer> {
  const asker = mail.as(somebody);
  switch (action.verb) {
    case "create": {
      const name = action.name as MboxName;
      const { uniqueId } = await mail.as(admin).ask("mailboxes.create", { name });
      const acl = { name, identifier: "anyone", rights: "lrswipkxtecda", change: "replace" } as const;
      await mail.as(admin).ask("acl.set", acl);
      return { created: uniqueId };
    }
    case "append":
      return { uid: await append(mail, action) };
    case "flag":
      await storeFlag(mail, action.box, action.uids, 2);
      return {};
    case "expunge":
      await storeFlag(mail, action.box, action.uids, 4);
      await asker.ask("messages.expunge", { box: action.box, uids: rangesOf(action.uids) });
      return {};
    case "purge":
      await mail.as(admin).ask("maintenance.remove-expunged", { box: action.box, before: 2 ** 40 });
      return {};
    case "copy":
    case "move": {
      const args = { from: action.box, to: action.to, uids: rangesOf(action.uids) };
      const { source, target } = await asker.ask(`messages.${action.verb}`, args);
      return { source: uidsOf(source), target: uidsOf(target) };
    }
    case "rename": {
      const { from, to, beside } = action;
      const names = { from: from as MboxName, to: to as MboxName };
      const [, uid] = await Promise.all([
        mail.as(admin).ask("mailboxes.rename", names),
        // Somewhere on the way.
        beside && delay(beside.seed % 12).then(() => append(mail, beside)),
      ]);
      return uid === undefined ? {} : { uid };
    }
  }
}

async function append(mail: Mail, { box, seed }: Arrival): Promise<number> {
  const { args, attachments } = takeIn(octetsOfSeed(seed), { seconds: 1_000_000_000, nanos: 0 });
  const messages = [{ ...args, flags: { system: 0, user: ["$Lane"] } }];
  const { uids } = await mail.as(somebody).ask("messages.append", { box, messages }, attachments);
  return uids.first;
}

async function storeFlag(mail: Mail, box: UniqueId, uids: readonly number[], system: number): Promise<void> {
  const args = { box, uids: rangesOf(uids), mode: "add", flags: { system, user: [] } } as const;
  await mail.as(somebody).ask("messages.store-flags", args);
}

/** Whether nobody can tell if it was done: the lane goes no further, and what it asked for stays open. */
export const isUnknown = ({ refused }: LaneAnswer): boolean =>
  refused === "storeUnavailable" || refused === "internalError";

/** Works until `goesOn` says no. */
export async function runLane(
  mail: Mail,
  lane: Lane,
  random: Random,
  goesOn: () => boolean,
  write: (line: LaneLine) => void,
): Promise<void> {
  const tell = (line: Omit<LaneLine, "lane">): void => {
    lane.take(line);
    write({ lane: lane.number, ...line });
  };
  while (goesOn()) {
    const ask = lane.next(random, guidOfSeed);
    tell({ ask });
    const answer = await answerOf(mail, ask);
    if (!isUnknown(answer)) tell({ answer });
    else write({ lane: lane.number, answer });
  }
}

async function answerOf(mail: Mail, action: LaneAction): Promise<LaneAnswer> {
  try {
    return await perform(mail, action);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return { refused: error.code };
  }
}
