/** Many sessions in IDLE: the memory of each, and how soon each is told of new mail. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, JobResult } from "../clients/job.ts";
import type { LoadProcess } from "../clients/load-process.ts";
import { deliveryUsers, idlerNames } from "../fill.ts";
import { collectGarbage } from "../measure/garbage.ts";
import { type Memory, memoryOf } from "../measure/memory.ts";
import { type BenchServer, loginOf } from "../servers/server.ts";
import { type Context, type Figure, measure, once, type Work, withLoad } from "./work.ts";

/** Dovecot-tuned moves sessions out of their processes after two seconds, and ends those processes after four more. */
const settleMs = 8_000;
/** Between deliveries to mailboxes of their own: slower than every server takes them. */
const everyMs = 8;
const warmCycles = 500;

interface Rest {
  /** As the processes are. */
  readonly asIs: Memory;
  /** After garbage was collected, where there is a collector. */
  readonly collected: Memory;
}

async function restOf(server: BenchServer): Promise<Rest> {
  await sleep(settleMs);
  const pids = (): readonly number[] => server.account.pids();
  const asIs = memoryOf(pids());
  await collectGarbage(pids);
  return { asIs, collected: memoryOf(pids()) };
}

/** The same tree of processes without the sessions: it has served some, and rests. */
async function restWithout(server: BenchServer): Promise<Rest> {
  const logins = deliveryUsers.map((user) => loginOf(server, user));
  const login = { kind: "login", port: server.imapPort, connections: 8, logins, commands: ["SELECT INBOX"] } as const;
  await withLoad(login, (load) => load.run("warm", { seconds: 10, operations: warmCycles }));
  const deliver = {
    kind: "deliver",
    port: server.lmtpPort,
    connections: 1,
    recipients: deliveryUsers,
    perMessage: 1,
    mix: "reading",
  } as const;
  await withLoad(deliver, (load) => load.run("warm", { seconds: 10, operations: warmCycles }));
  await server.quiesce();
  return restOf(server);
}

function told(name: string, count: number, value: number, result: JobResult, cpu: number, per: string): Figure[] {
  const one = (suffix: string, ms: number): Figure => ({
    name: `${name}${suffix}`,
    unit: "ms",
    better: "lower",
    value: ms,
  });
  const { p50, p99, max } = result.latency;
  return [
    {
      ...one("", value),
      cpu,
      per,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
      extra: { heard: result.latency.count, idlers: count },
      ...(result.failures > 0 ? { failures: result.failures, firstFailure: result.firstFailure ?? "" } : {}),
    },
    one("_median", p50),
    one("_p99", p99),
    one("_max", max),
  ];
}

type Shape = "same" | "each";

interface Memories {
  readonly before: Rest;
  readonly during: Rest;
  readonly after: Rest;
}

/**
 * For trees whose processes hold many sessions. What the first sessions leave behind (compiled code, tables that have
 * grown) belongs to the tree, not to the next ones; and what the tree lets go of meanwhile is taken out by the mean of
 * before and after.
 */
async function memoriesOfShared(server: BenchServer, job: Job): Promise<Memories> {
  const connected = (): Promise<Rest> =>
    withLoad(job, async (load) => {
      await load.run("connect", once);
      return restOf(server);
    });
  await connected();
  const before = await restOf(server);
  const during = await connected();
  return { before, during, after: await restOf(server) };
}

function memoryFigures(shape: Shape, count: number, { before, during, after }: Memories): Figure[] {
  const each = (pick: (rest: Rest) => number): number => (pick(during) - (pick(before) + pick(after)) / 2) / count;
  const figure = (name: string, pick: (rest: Rest) => number): Figure => ({
    name: `${name}_${shape}`,
    unit: "KiB/conn",
    better: "lower",
    value: each(pick),
  });
  const pss = ({ collected }: Rest): number => collected.pssKib;
  const extra = { beforePssKib: pss(before), duringPssKib: pss(during), afterPssKib: pss(after), idlers: count };
  return [
    { ...figure("idle_memory", ({ collected }) => collected.anonymousKib), extra },
    figure("idle_memory_as_is", ({ asIs }) => asIs.anonymousKib),
    figure("idle_pss", pss),
  ];
}

/** @param shape "same": all sessions in one mailbox; "each": every session in a mailbox of its own */
async function idle(context: Context, shape: Shape): Promise<Figure[]> {
  const { scale } = context;
  const count = scale.idlers;
  const server = await context.restart(undefined, { collectable: true });
  const job = {
    kind: "idle",
    imapPort: server.imapPort,
    lmtpPort: server.lmtpPort,
    logins: idlerNames(scale)
      .slice(0, shape === "same" ? 1 : count)
      .map((user) => loginOf(server, user)),
    connections: count,
    everyMs,
  } as const;
  const before = await restWithout(server);
  const shared = server.collectable ? await memoriesOfShared(server, job) : undefined;
  const figures = await withLoad(job, async (load) => {
    await load.run("connect", once);
    const during = await restOf(server);
    const memory = memoryFigures(shape, count, shared ?? { before, during, after: before });
    return [...memory, ...(await notify({ ...context, server }, load, shape, count))];
  });
  // The processes of thousands of sessions go with their server.
  await context.restart();
  return figures;
}

async function notify(context: Context, load: LoadProcess, shape: Shape, count: number): Promise<Figure[]> {
  const operations = shape === "same" ? context.scale.notifications : count;
  const phase = shape === "same" ? "together" : "each";
  const { result, cpuMicroseconds } = await measure(context, load, phase, { seconds: 0, operations });
  const cpu = cpuMicroseconds / result.operations;
  // Of one mailbox the one who is told last counts, in the median of several messages.
  return shape === "same"
    ? told("idle_notify_same", count, result.extra?.["lastMs"] ?? Number.NaN, result, cpu, "message told to all")
    : told("idle_notify_each", count, result.latency.p99, result, cpu, "message delivered and told to one");
}

function idleWorkOf(shape: Shape): Work {
  return { name: `idle_${shape}`, fills: ["idlers"], rounds: 1, run: (context) => idle(context, shape) };
}

export const idleWork: readonly Work[] = [idleWorkOf("same"), idleWorkOf("each")];
