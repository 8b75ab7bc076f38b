/** Asking a store of several shards for a verb. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { shardOfOwner } from "../../store/index.ts";
import type { Caller } from "../acl/index.ts";
import { MailError } from "../errors.ts";
import type { RenameArguments } from "../mailboxes/index.ts";
import type { CopyArgs } from "../messages/copy.ts";
import { inboxOf, isInboxName } from "../names/index.ts";
import type { Rules } from "../rules.ts";
import { copyAcross, type Crossing, moveAcross, renameAcross, renameUserElsewhere } from "../transfer/index.ts";
import type { VerbName } from "../verbs.ts";
import { joinedResults, type Place, placeOf } from "./places.ts";

/** The part of Mail that is needed here. */
export interface ShardedMail {
  readonly layout: { readonly shards: number };
  readonly rules: Rules;
  shardOfBox(box: UniqueId): number | undefined;
  shardOfName(name: MboxName): number;
  settleShard(shard: number): Promise<void>;
  askShard(
    shard: number,
    verb: VerbName,
    args: unknown,
    caller: Caller,
    octets?: readonly Uint8Array[],
  ): Promise<unknown>;
}

/** @throws MailError */
export async function askShards(
  mail: ShardedMail,
  verb: VerbName,
  args: unknown,
  caller: Caller,
  octets: readonly Uint8Array[],
): Promise<unknown> {
  const place = placeOf(verb, args, caller);
  if (place === "everywhere") {
    const shards = Array.from({ length: mail.layout.shards }, (_, shard) => shard);
    return joinedResults(await Promise.all(shards.map((shard) => mail.askShard(shard, verb, args, caller, octets))));
  }
  for (let round = 1; ; round++) {
    const shard = shardOfPlace(mail, place);
    const target = targetOf(mail, verb, args);
    try {
      if (target !== undefined && target !== shard)
        return await askAcross(mail, verb, args, { source: shard, target, caller });
      const result = await mail.askShard(shard, verb, args, caller, octets);
      if (verb === "mailboxes.delete") await tidyAfterDelete(mail, shard, (args as { name: MboxName }).name, caller);
      if (verb === "mailboxes.rename") await tidyAfterRename(mail, shard, args as RenameArguments, caller);
      return result;
    } catch (error) {
      // What is asked for may have gone to another shard since we looked where it is.
      const hasGone = error instanceof MailError && error.code === "mailboxNonexistent";
      if (!hasGone || round === MAX_ROUNDS) throw error;
      if (shardOfPlace(mail, place) === shard && targetOf(mail, verb, args) === target) throw error;
    }
  }
}

const MAX_ROUNDS = 5;

function askAcross(mail: ShardedMail, verb: VerbName, args: unknown, crossing: Crossing): Promise<unknown> {
  if (verb === "messages.copy") return copyAcross(mail, args as CopyArgs, crossing);
  if (verb === "messages.move") return moveAcross(mail, args as CopyArgs, crossing);
  return renameAcross(mail, args as RenameArguments, crossing);
}

/** A user's name is also in other shards, beside others' mailboxes. */
async function tidyAfterRename(
  mail: ShardedMail,
  shard: number,
  { from, to }: RenameArguments,
  caller: Caller,
): Promise<void> {
  if (isInboxName(from) && isInboxName(to) && from !== to && !isOwn(mail, caller, from))
    await renameUserElsewhere(mail, { from, to }, [shard], caller);
}

/** RENAME INBOX moves messages; the user stays who it is. */
function isOwn({ rules }: ShardedMail, { userId }: Caller, inbox: MboxName): boolean {
  return userId !== undefined && inboxOf(userId, rules.names) === inbox;
}

/** What other shards have that belongs to a mailbox or user that is gone. */
async function tidyAfterDelete(mail: ShardedMail, shard: number, name: MboxName, caller: Caller): Promise<void> {
  const { shards } = mail.layout;
  const asked: Promise<unknown>[] = [];
  if (isInboxName(name)) {
    for (let other = 0; other < shards; other++) {
      if (other !== shard) asked.push(mail.askShard(other, "mailboxes.forget-user", { inbox: name }, caller));
    }
  } else if (mail.rules.config.delete_unsubscribe && caller.userId !== undefined) {
    const own = shardOfOwner(caller.userId, shards);
    if (own !== shard) asked.push(mail.askShard(own, "mailboxes.unsubscribe", { name }, caller));
  }
  const outcomes = await Promise.allSettled(asked);
  for (const outcome of outcomes) {
    // The mailbox is gone, and the asker is told so. What a writer that is away keeps of it is in nobody's way.
    if (outcome.status === "rejected" && !(outcome.reason instanceof MailError)) throw outcome.reason;
  }
}

/** A mailbox that is nowhere is nowhere also in shard 0, which says so. */
function shardOfPlace(mail: ShardedMail, place: Exclude<Place, "everywhere">): number {
  if ("box" in place) return mail.shardOfBox(place.box) ?? 0;
  if ("shard" in place) return place.shard;
  if ("name" in place) return mail.shardOfName(place.name);
  return shardOfOwner(place.user ?? "", mail.layout.shards);
}

/** Of a verb that takes something from one place to another, the other place. */
function targetOf(mail: ShardedMail, verb: VerbName, args: unknown): number | undefined {
  if (verb === "messages.copy" || verb === "messages.move") return mail.shardOfBox((args as { to: UniqueId }).to);
  if (verb === "mailboxes.rename") return mail.shardOfName((args as { to: MboxName }).to);
  return undefined;
}
