/** The request for the writer, or, when the targets are in several shards, one for each at the same time. */
import { MailError } from "../errors.ts";
import type { CallerMail } from "../mail.ts";
import type { Delivered, DeliverArgs, DeliverTarget } from "../messages/deliver.ts";

/** A target, and the shard its mailbox is in. */
export interface ShardTarget extends DeliverTarget {
  readonly shard: number;
}

/**
 * One outcome for each target, in order. A shard's refusal of its request as a whole is one of each of its targets, and none of the others'.
 * A staged file can be in one request only: its targets must be of one shard.
 */
export async function deliverByShard(
  poster: CallerMail,
  message: DeliverArgs["message"],
  targets: readonly ShardTarget[],
  attachments: readonly Uint8Array[],
): Promise<readonly Delivered[]> {
  const first = targets[0]?.shard;
  if (first === undefined) return [];
  if (targets.every(({ shard }) => shard === first))
    return unlessMoved(poster, targets, await deliverAll(poster, { message, targets }, attachments));
  const requests = new Map<number, number[]>();
  for (const [n, { shard }] of targets.entries()) {
    const members = requests.get(shard);
    if (members) members.push(n);
    else requests.set(shard, [n]);
  }
  const outcomes: Delivered[] = [];
  await Promise.all(
    [...requests.values()].map(async (members) => {
      const args = { message, targets: members.map((n) => targets[n]!) };
      const delivered = await deliverAll(poster, args, attachments);
      for (const [k, n] of members.entries()) outcomes[n] = delivered[k]!;
    }),
  );
  return unlessMoved(poster, targets, outcomes);
}

/** A mailbox that has gone to another shard since its place was looked up is there: the message is to be sent again, not to be sent back. */
function unlessMoved(
  { mail }: CallerMail,
  targets: readonly ShardTarget[],
  outcomes: readonly Delivered[],
): readonly Delivered[] {
  if (mail.layout.shards === 1) return outcomes;
  return outcomes.map((outcome, n) => {
    const isMissing = "refused" in outcome && outcome.refused === "mailboxNonexistent";
    return isMissing && mail.shardOfBox(targets[n]!.box) !== undefined ? { refused: "storeUnavailable" } : outcome;
  });
}

/** A refusal of the request as a whole is one of each recipient. */
async function deliverAll(
  poster: CallerMail,
  { message, targets }: DeliverArgs,
  attachments: readonly Uint8Array[],
): Promise<readonly Delivered[]> {
  const plain = targets.map(({ box, flags, quota, needsPost }) => ({ box, flags, quota, needsPost }));
  try {
    return await poster.ask("messages.deliver", { message, targets: plain }, attachments);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    const { code, detail } = error;
    return targets.map(() => ({ refused: code, detail }));
  }
}
