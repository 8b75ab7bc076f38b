/** What others notice of one heavy session: NOOPs at a steady pace while it works. */
import { Histogram } from "../../measure/statistics.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, OpenJob } from "../job.ts";

export async function openBeside(job: Extract<Job, { kind: "beside" }>): Promise<OpenJob> {
  const heavy = await ImapClient.login(job.port, job.heavy.user, job.heavy.password);
  for (const command of job.heavySetup) await heavy.request(command);
  const others: ImapClient[] = [];
  for (const { user, password } of job.others) {
    const client = await ImapClient.login(job.port, user, password);
    await client.request("SELECT INBOX");
    others.push(client);
  }
  return {
    async run(_phase, limit) {
      const noops = new Histogram();
      let failure: string | undefined;
      const busy = new Set<ImapClient>();
      const timer = setInterval(() => {
        for (const client of others) {
          // One that still waits sends no second one; its wait is counted when it is over.
          if (busy.has(client)) continue;
          busy.add(client);
          const began = performance.now();
          client.send("NOOP", (status) => {
            busy.delete(client);
            noops.add(performance.now() - began);
            if (!status.startsWith("OK")) failure ??= status;
          });
        }
      }, job.everyMs);
      const start = performance.now();
      const before = heavy.octets;
      let times = 0;
      do {
        for (const command of job.commands) await heavy.request(command);
        times++;
      } while (performance.now() - start < limit.seconds * 1000);
      const wallMs = performance.now() - start;
      clearInterval(timer);
      const until = performance.now() + 30_000;
      while (busy.size > 0 && performance.now() < until) await new Promise((done) => setTimeout(done, 5));
      return {
        operations: times,
        wallMs,
        latency: noops.summary(),
        octets: heavy.octets - before,
        replies: {},
        failures: failure === undefined ? 0 : 1,
        ...(failure === undefined ? {} : { firstFailure: failure }),
      };
    },
  };
}
