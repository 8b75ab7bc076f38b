/** Asking a store of several shards for a verb. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import { shardOfOwner } from "../../store/index.ts";
import type { Caller } from "../acl/index.ts";
import { MailError, refuse } from "../errors.ts";
import { isInboxName } from "../names/index.ts";
import type { Rules } from "../rules.ts";
import type { VerbName } from "../verbs.ts";
import { joinedResults, type Place, placeOf } from "./places.ts";

/** The part of Mail that is needed here. */
export interface ShardedMail {
  readonly layout: { readonly shards: number };
  readonly rules: Rules;
  shardOfBox(box: UniqueId): number | undefined;
  shardOfName(name: MboxName): number;
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
  const shard = shardOfPlace(mail, place);
  const target = targetOf(mail, verb, args);
  if (target !== undefined && target !== shard) return refuse("notSupported");
  const result = await mail.askShard(shard, verb, args, caller, octets);
  if (verb === "mailboxes.delete") await tidyAfterDelete(mail, shard, (args as { name: MboxName }).name, caller);
  return result;
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
  if ("name" in place) return mail.shardOfName(place.name);
  return shardOfOwner(place.user ?? "", mail.layout.shards);
}

/** Of a verb that takes something from one place to another, the other place. */
function targetOf(mail: ShardedMail, verb: VerbName, args: unknown): number | undefined {
  if (verb === "messages.copy" || verb === "messages.move") return mail.shardOfBox((args as { to: UniqueId }).to);
  if (verb === "mailboxes.rename") return mail.shardOfName((args as { to: MboxName }).to);
  return undefined;
}
