/**
 * Finishes what was begun across shards, when the process that began it has not: it has ended, or a writer was away for too long. Every writer of a store
 * with several shards looks after what its own shard has written down.
 */
import type { Log } from "../../base/log.ts";
import type { Caller } from "../acl/index.ts";
import { MailError } from "../errors.ts";
import { ask, giveUp, handOver, releaseFrom, type ShardDoors } from "./across.ts";
import type { IncomingRecord, MoveRecord, OutgoingRecord, TransferRecord } from "./records.ts";

/** So old is what nobody works on any more, in seconds. */
const ABANDONED_SECONDS = 30;
const PAUSE_MILLISECONDS = 5_000;

/** Whoever asked had the rights; the rest is the server's business. */
const server: Caller = { userId: undefined, groups: [], isAdmin: true, sessionId: "" };

/** One round over what one shard has written down. What cannot be finished now is left for the next round. */
export async function finishTransfers(
  doors: ShardDoors,
  shard: number,
  log: Log,
  olderThanSeconds = ABANDONED_SECONDS,
): Promise<void> {
  const records = await ask(doors, shard, "transfer.list", { shard, olderThanSeconds }, server);
  for (const record of records) {
    try {
      const { kind, id } = record;
      if (await finish(doors, shard, record)) log.notice("finished what was begun across shards", { kind, id });
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      log.debug("not finished yet", { kind: record.kind, id: record.id, error: error.code });
    }
  }
}

/** False: not yet. @throws MailError: not yet either */
function finish(doors: ShardDoors, shard: number, record: TransferRecord): Promise<boolean> {
  switch (record.kind) {
    case "transfer.move":
      return finishMove(doors, shard, record);
    case "transfer.out":
      return finishOutgoing(doors, shard, record);
    case "transfer.in":
      return finishIncoming(doors, shard, record);
  }
}

async function finishMove(doors: ShardDoors, shard: number, { id, from, uids, caller }: MoveRecord): Promise<boolean> {
  await releaseFrom(doors, from, uids, caller);
  await ask(doors, shard, "transfer.moved", { shard, id }, server);
  return true;
}

async function finishOutgoing(doors: ShardDoors, source: number, record: OutgoingRecord): Promise<boolean> {
  const crossing = { source, target: record.shard, caller: server };
  const { id } = record;
  if (record.state === "leaving") {
    await ask(doors, source, "transfer.leave", { id, shard: source }, server);
    return true;
  }
  const state = await ask(doors, record.shard, "transfer.settle", { id, shard: record.shard }, server);
  if (state === "copying") return false;
  if (state === "published") {
    await handOver(doors, record, crossing);
    return true;
  }
  return giveUp(doors, record, crossing);
}

async function finishIncoming(doors: ShardDoors, shard: number, { id, state }: IncomingRecord): Promise<boolean> {
  if (state === "copying") return false;
  await ask(doors, shard, state === "published" ? "transfer.thaw" : "transfer.clear", { id, shard }, server);
  return true;
}

/** Rounds from time to time. Returns the function that ends it. */
export function startCourier(doors: ShardDoors, shard: number, log: Log): () => void {
  let ended = false;
  let timer: NodeJS.Timeout;
  const round = async (): Promise<void> => {
    try {
      await finishTransfers(doors, shard, log);
    } catch (error) {
      // Its own writer is ending, or has no room: the next round, or the next start.
      if (!ended) log.warning("what was begun across shards cannot be looked after now", { error: String(error) });
    }
    if (!ended) timer = setTimeout(() => void round(), PAUSE_MILLISECONDS).unref();
  };
  timer = setTimeout(() => void round(), PAUSE_MILLISECONDS).unref();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
