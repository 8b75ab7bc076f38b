/** Whole sessions: connect, LOGIN, some commands, LOGOUT, wait for the server to close. */
import { Histogram } from "../../measure/statistics.ts";
import { closedLoop, type Step } from "../closed-loop.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, OpenJob } from "../job.ts";

export async function openLogin(job: Extract<Job, { kind: "login" }>): Promise<OpenJob> {
  let rotation = 0;
  let octets = 0;
  let commands = new Histogram();
  const session = async (): Promise<void> => {
    const { user, password } = job.logins[rotation++ % job.logins.length]!;
    const client = await ImapClient.login(job.port, user, password);
    const began = performance.now();
    for (const command of job.commands) await client.request(command);
    commands.add(performance.now() - began);
    await client.request("LOGOUT");
    octets += client.octets;
    client.close();
  };
  const steps = Array.from({ length: job.connections }, (): Step => {
    return (done) => {
      session().then(
        () => done(),
        (error: unknown) => done(String(error)),
      );
    };
  });
  return {
    async run(_phase, limit) {
      commands = new Histogram();
      const result = await closedLoop(steps, limit, 1, () => octets);
      return { ...result, extra: { sessionMs: result.latency.p50 }, latency: commands.summary() };
    },
  };
}
