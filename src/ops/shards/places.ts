/**
 * Which shard runs a verb: the one that has what the verb changes. The table has every verb, so a new one does not compile before it says its place. With
 * one shard nobody looks here.
 */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import type { Caller } from "../acl/index.ts";
import type { ArgsOf } from "../verb.ts";
import type { VerbName, Verbs } from "../verbs.ts";

export type Place =
  /** Where the mailbox is. */
  | { readonly box: UniqueId }
  /** Where a mailbox of that name is, or would be: its owner's shard. */
  | { readonly name: MboxName }
  /** Where what belongs to the user is; undefined: nobody has logged in, and the verb will refuse. */
  | { readonly user: string | undefined }
  /** Where it was begun. */
  | { readonly shard: number }
  /** Each shard runs it on what is its own; results that are lists are joined, counts added up. */
  | "everywhere";

type PlaceOf<V extends VerbName> = (args: ArgsOf<Verbs[V]>, caller: Caller) => Place;

const byBox = ({ box }: { readonly box: UniqueId }): Place => ({ box });
const byName = ({ name }: { readonly name: MboxName }): Place => ({ name });
const byRoot = ({ root }: { readonly root: MboxName }): Place => ({ name: root });
const byCaller = (_: unknown, { userId }: Caller): Place => ({ user: userId });
const byShard = ({ shard }: { readonly shard: number }): Place => ({ shard });
const everywhere = (): Place => "everywhere";

const places: { readonly [V in VerbName]: PlaceOf<V> } = {
  "messages.append": byBox,
  "messages.claim-recent": byBox,
  "messages.copy": ({ from }) => ({ box: from }),
  // Its targets are of one shard: see delivery/by-shard.ts.
  "messages.deliver": ({ targets: [first] }) => (first ? { box: first.box } : { user: undefined }),
  "messages.expunge": byBox,
  "messages.move": ({ from }) => ({ box: from }),
  "messages.store-flags": byBox,
  "mailboxes.autocreate": ({ userId }) => ({ user: userId }),
  "mailboxes.create": byName,
  "mailboxes.delete": byName,
  "mailboxes.forget-user": everywhere,
  "mailboxes.rename": ({ from }) => ({ name: from }),
  "mailboxes.set-special-use": byName,
  "mailboxes.subscribe": byCaller,
  "mailboxes.unsubscribe": byCaller,
  "acl.set": byName,
  "quota.set": byRoot,
  "quota.remove": byRoot,
  "maintenance.adopt-file": byBox,
  "maintenance.archive-messages": byBox,
  "maintenance.adopt-mailbox": ({ entry }) => ({ name: entry.name }),
  "maintenance.drop-unused-flags": byBox,
  "maintenance.expire-messages": byBox,
  "maintenance.expunge-missing": byBox,
  "maintenance.fix-annotation-use": byBox,
  "maintenance.fix-quota": byRoot,
  "maintenance.new-cache-generation": byBox,
  "maintenance.put-rows": byBox,
  "maintenance.recount": byBox,
  "maintenance.relink": byBox,
  "maintenance.remove-deleted": byName,
  "maintenance.remove-expunged": byBox,
  "maintenance.remove-reserved": everywhere,
  "maintenance.remove-stale-guids": byBox,
  "maintenance.remove-stale-tombstones": everywhere,
  "maintenance.restore-entries": everywhere,
  "maintenance.restore-owners": everywhere,
  "maintenance.restore-parents": everywhere,
  "maintenance.restore-quotas": everywhere,
  "maintenance.restore-rows": everywhere,
  "maintenance.rewrite-header-file": byBox,
  "maintenance.set-place": byBox,
  "maintenance.salvage-blocks": byBox,
  "transfer.abort": byShard,
  "transfer.begin": ({ from }) => ({ name: from }),
  "transfer.clear": byShard,
  "transfer.fetch": ({ to }) => ({ name: to }),
  "transfer.leave": byShard,
  "transfer.list": byShard,
  "transfer.moved": byShard,
  "transfer.release": byBox,
  "transfer.own-inbox": byName,
  "transfer.rename-user": everywhere,
  "transfer.settle": byShard,
  "transfer.stay": byShard,
  "transfer.take": ({ to }) => ({ box: to }),
  "transfer.thaw": byShard,
  "transfer.unwritten": byShard,
};

export function placeOf(verb: VerbName, args: unknown, caller: Caller): Place {
  return (places[verb] as (args: unknown, caller: Caller) => Place)(args, caller);
}

/** Of the shards' results of one verb. */
export function joinedResults(results: readonly unknown[]): unknown {
  if (results.every((result) => Array.isArray(result))) return results.flat();
  if (results.every((result) => typeof result === "number")) return results.reduce((sum, result) => sum + result, 0);
  return undefined;
}
