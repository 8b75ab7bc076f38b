/** APPEND to INBOX, one after the other on each connection. */
import { closedLoop, type Step } from "../closed-loop.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, OpenJob } from "../job.ts";
import { MessageSource } from "../messages.ts";

export async function openAppend(job: Extract<Job, { kind: "append" }>): Promise<OpenJob> {
  const source = new MessageSource({ mix: job.mix, seed: 2 });
  const clients = await Promise.all(
    Array.from({ length: job.connections }, (_, i) => {
      const { user, password } = job.logins[i % job.logins.length]!;
      return ImapClient.login(job.port, user, password);
    }),
  );
  const steps = clients.map((client): Step => {
    let failed: ((reason: string) => void) | undefined;
    client.onFailure((error) => failed?.(error.message));
    return (done) => {
      failed = done;
      client.append("INBOX", "", source.next(), (status) => done(status.startsWith("OK") ? undefined : status));
    };
  });
  return { run: (_phase, limit) => closedLoop(steps, limit, 1, () => 0) };
}
