/** Many sessions in IDLE: the memory of each, and how soon all are told of new mail. */
import { setTimeout as sleep } from "node:timers/promises";
import { idleUsers } from "../fill.ts";
import { pssKib } from "../measure/memory.ts";
import { loginOf } from "../servers/server.ts";
import { type Figure, measure, once, type Work, withLoad } from "./work.ts";

/** Dovecot-tuned moves sessions out of their processes after two seconds, and ends those processes after four more. */
const settleMs = 8_000;

const idle: Work = {
  name: "idle",
  fills: [],
  async run(context) {
    const { server, scale } = context;
    const figures: Figure[] = [];
    for (const connections of scale.idleConnections) {
      const before = pssKib(server.account.pids());
      const job = {
        kind: "idle",
        imapPort: server.imapPort,
        lmtpPort: server.lmtpPort,
        logins: idleUsers.map((user) => loginOf(server, user)),
        recipients: idleUsers,
        connections,
      } as const;
      await withLoad(job, async (load) => {
        await load.run("connect", once);
        await sleep(settleMs);
        const each = (pssKib(server.account.pids()) - before) / connections;
        figures.push({ name: `idle_pss_${connections}`, unit: "KiB/conn", better: "lower", value: each });
        const limit = { seconds: 0, operations: scale.notifications };
        const { result, cpuMicroseconds } = await measure(context, load, "notify", limit);
        figures.push({
          name: `idle_notify_${connections}`,
          unit: "ms",
          better: "lower",
          value: result.extra?.["lastMs"] ?? Number.NaN,
          cpu: cpuMicroseconds / result.operations,
          per: `message told to ${connections}`,
          p50Ms: result.latency.p50,
          p99Ms: result.latency.p99,
          maxMs: result.latency.max,
          ...(result.failures > 0 ? { failures: result.failures, firstFailure: result.firstFailure ?? "" } : {}),
        });
      });
      // The next number begins with the processes that are left, as it does on a running server.
      await sleep(1_000);
    }
    return figures;
  },
};

export const idleWork: readonly Work[] = [idle];
