/**
 * COPY, MOVE and RENAME from one shard to another, step by step, as the asker's process does them. Should it end between two steps, the shards finish what
 * was begun (courier.ts).
 */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { UidRange, UniqueId, UserId } from "../../formats/ids.ts";
import type { Caller } from "../acl/index.ts";
import { MailError, refuse } from "../errors.ts";
import type { RenameArguments, Renamed } from "../mailboxes/index.ts";
import type { createMailbox } from "../mailboxes/create.ts";
import type { copy, CopyArgs, CopyResult } from "../messages/copy.ts";
import { inboxOf, isInboxName, ownerOfName } from "../names/index.ts";
import type { Rules } from "../rules.ts";
import type { ArgsOf, ResultOf } from "../verb.ts";
import { SHARD_AWAY } from "./take-from.ts";
import type { transferMessageVerbs, transferTreeVerbs } from "./verbs.ts";

interface Verbs extends Readonly<typeof transferMessageVerbs>, Readonly<typeof transferTreeVerbs> {
  readonly "messages.copy": typeof copy;
  readonly "mailboxes.create": typeof createMailbox;
}
type VerbName = keyof Verbs;

/** The part of Mail that is needed here. */
export interface ShardDoors {
  readonly layout: { readonly shards: number };
  readonly rules: Pick<Rules, "names">;
  shardOfBox(box: UniqueId): number | undefined;
  settleShard(shard: number): Promise<void>;
  askShard(shard: number, verb: VerbName, args: unknown, caller: Caller): Promise<unknown>;
}

/** Two shards, and who asks. */
export interface Crossing {
  readonly source: number;
  readonly target: number;
  readonly caller: Caller;
}

/** How long a step waits for a shard whose writer is being started again. */
const AWAY_MILLISECONDS = 20_000;
const AWAY_PAUSE_MILLISECONDS = 50;

/** @throws MailError */
export async function ask<V extends VerbName>(
  doors: ShardDoors,
  shard: number,
  verb: V,
  args: ArgsOf<Verbs[V]>,
  caller: Caller,
): Promise<ResultOf<Verbs[V]>> {
  const end = Date.now() + AWAY_MILLISECONDS;
  for (;;) {
    try {
      return (await doors.askShard(shard, verb, args, caller)) as ResultOf<Verbs[V]>;
    } catch (error) {
      const isAway = error instanceof MailError && error.code === "storeUnavailable" && error.detail === SHARD_AWAY;
      if (!isAway || Date.now() > end) throw error;
      await delay(AWAY_PAUSE_MILLISECONDS);
    }
  }
}

/** All messages or none, as within a shard: it is the target's verb. */
export function copyAcross(
  doors: ShardDoors,
  args: CopyArgs,
  { source, target, caller }: Crossing,
): Promise<CopyResult> {
  return ask(doors, target, "messages.copy", { ...args, sourceShard: source }, caller);
}

/** Portion by portion; a message is in both mailboxes for a moment, and always in one. */
export async function moveAcross(
  doors: ShardDoors,
  args: CopyArgs & { readonly byServer?: boolean },
  { source, target, caller }: Crossing,
): Promise<CopyResult> {
  const copied: UidRange[] = [];
  const placed: UidRange[] = [];
  let moved: string | undefined;
  for (let uids = args.uids; ; ) {
    const taken = await ask(doors, target, "transfer.take", { ...args, uids, sourceShard: source, moved }, caller);
    copied.push(...taken.source);
    placed.push(...taken.target);
    let { highestModseq } = taken;
    if (taken.id !== undefined) highestModseq = await releaseFrom(doors, args.from, taken.source, caller);
    moved = taken.id;
    uids = taken.rest;
    if (uids.length > 0) continue;
    if (moved !== undefined)
      await unlessAway(ask(doors, target, "transfer.moved", { shard: target, id: moved }, caller));
    return { uidValidity: taken.uidValidity, source: copied, target: placed, highestModseq };
  }
}

/** Has messages expunged that another shard has taken, wherever their mailbox is now. Returns its highestmodseq; 0: it is gone. */
export async function releaseFrom(
  doors: ShardDoors,
  box: UniqueId,
  uids: readonly UidRange[],
  caller: Caller,
): Promise<number> {
  for (;;) {
    const shard = doors.shardOfBox(box);
    if (shard === undefined) return 0;
    try {
      return await ask(doors, shard, "transfer.release", { box, uids }, caller);
    } catch (error) {
      const hasGone = error instanceof MailError && error.code === "mailboxNonexistent";
      if (!hasGone || doors.shardOfBox(box) === shard) throw error;
    }
  }
}

/** How long the files of a tree may take to be written before it goes to another shard. */
const UNWRITTEN_MILLISECONDS = 20_000;
const FIRST_PAUSE_MILLISECONDS = 50;
const LONGEST_PAUSE_MILLISECONDS = 500;

export async function renameAcross(doors: ShardDoors, args: RenameArguments, crossing: Crossing): Promise<Renamed> {
  const { from, to, partition } = args;
  const { source, target, caller } = crossing;
  if (partition !== undefined) return refuse(caller.isAdmin ? "notSupported" : "permissionDenied");
  if (caller.userId !== undefined && inboxOf(caller.userId, doors.rules.names) === from)
    return await renameInboxAcross(doors, args, crossing);
  const id = randomBytes(12).toString("hex");
  await ask(doors, source, "transfer.begin", { id, from, to }, caller);
  let renamed: Renamed;
  try {
    await untilWritten(doors, id, crossing);
    renamed = await ask(doors, target, "transfer.fetch", { id, from, to, source }, caller);
  } catch (error) {
    await unlessAway(giveUp(doors, { id, from, to }, crossing));
    throw error;
  }
  // It is done; what is left would be done without us.
  await unlessAway(handOver(doors, { id, from, to }, crossing));
  return renamed;
}

/** RFC 3501 §6.3.5: the messages go to a new mailbox, INBOX stays. */
async function renameInboxAcross(
  doors: ShardDoors,
  { from, to }: RenameArguments,
  crossing: Crossing,
): Promise<Renamed> {
  const { source, target, caller } = crossing;
  if (isInboxName(to)) return refuse("notSupported");
  // Rights are asked for once, by the shard that has the INBOX.
  const inbox = await ask(doors, source, "transfer.own-inbox", { name: from }, caller);
  const made = await ask(doors, target, "mailboxes.create", { name: to }, caller);
  const uids = [{ first: 1, last: 0xffffffff }];
  await moveAcross(doors, { from: inbox, uids, to: made.uniqueId, ignoreQuota: true, byServer: true }, crossing);
  return [{ from, to }];
}

async function untilWritten(doors: ShardDoors, id: string, { source, caller }: Crossing): Promise<void> {
  const end = Date.now() + UNWRITTEN_MILLISECONDS;
  for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MILLISECONDS)) {
    const unwritten = await ask(doors, source, "transfer.unwritten", { id, shard: source }, caller);
    if (unwritten === 0) return;
    if (Date.now() > end) return refuse("storeUnavailable");
    // Others may keep the shard from ever having nothing to write.
    await Promise.race([doors.settleShard(source), delay(pause)]);
  }
}

export interface Tree {
  readonly id: string;
  readonly from: RenameArguments["from"];
  readonly to: RenameArguments["to"];
}

/** The tree has been published: its old shard lets go, then the new one takes changes. Each step may be done again. */
export async function handOver(
  doors: ShardDoors,
  { id, from, to }: Tree,
  { source, target, caller }: Crossing,
): Promise<void> {
  if (isInboxName(from)) await renameUserElsewhere(doors, { from, to }, [], caller);
  await ask(doors, source, "transfer.leave", { id, shard: source }, caller);
  await ask(doors, target, "transfer.thaw", { id, shard: target }, caller);
}

/** What a user has beside others' mailboxes, in all shards but these. */
export async function renameUserElsewhere(
  doors: ShardDoors,
  { from, to }: Pick<Tree, "from" | "to">,
  but: readonly number[],
  caller: Caller,
): Promise<void> {
  const names = { from: ownerOfName(from) as UserId, to: ownerOfName(to) as UserId };
  for (let shard = 0; shard < doors.layout.shards; shard++)
    if (!but.includes(shard)) await ask(doors, shard, "transfer.rename-user", names, caller);
}

/** @returns false when the other shard is still at work, and nothing could be decided */
export async function giveUp(doors: ShardDoors, tree: Tree, crossing: Crossing): Promise<boolean> {
  const { id } = tree;
  const { source, target, caller } = crossing;
  await ask(doors, source, "transfer.abort", { id, shard: source }, caller);
  // Asked after the abort is durable: "none" stays true.
  const state = await ask(doors, target, "transfer.settle", { id, shard: target }, caller);
  if (state === "copying") return false;
  if (state === "published") await handOver(doors, tree, crossing);
  else {
    await ask(doors, source, "transfer.stay", { id, shard: source }, caller);
    await ask(doors, target, "transfer.clear", { id, shard: target }, caller);
  }
  return true;
}

/** Steps that the shards do by themselves when they are not done now. */
async function unlessAway(step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
  }
}
