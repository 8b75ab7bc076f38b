/** LMTP deliveries, recipients in rotation. */
import { closedLoop, type Step } from "../closed-loop.ts";
import type { Job, OpenJob } from "../job.ts";
import { LmtpClient } from "../lmtp-client.ts";
import { MessageSource } from "../messages.ts";

export async function openDeliver(job: Extract<Job, { kind: "deliver" }>): Promise<OpenJob> {
  const source = new MessageSource({ mix: job.mix, seed: 1 });
  const clients = await Promise.all(Array.from({ length: job.connections }, () => LmtpClient.connect(job.port)));
  let rotation = 0;
  const steps = clients.map((client): Step => {
    let failed: ((reason: string) => void) | undefined;
    client.onFailure((error) => failed?.(error.message));
    return (done) => {
      failed = done;
      const recipients = Array.from(
        { length: job.perMessage },
        () => job.recipients[rotation++ % job.recipients.length]!,
      );
      client.deliver(recipients, source.next(), done);
    };
  });
  return { run: (_phase, limit) => closedLoop(steps, limit, job.perMessage, () => 0) };
}
