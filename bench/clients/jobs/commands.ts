/** One session that repeats commands; the first step of each phase also counts the untagged replies. */
import { closedLoop, type Step } from "../closed-loop.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, OpenJob, Phase } from "../job.ts";
import { seededRandom } from "../random.ts";
import { ReplyTally } from "../reply-tally.ts";

export async function openCommands(job: Extract<Job, { kind: "commands" }>): Promise<OpenJob> {
  const client = await ImapClient.login(job.port, job.login.user, job.login.password);
  for (const command of job.setup) await client.request(command);
  const random = seededRandom(7);
  let drawn = 1;
  const draw = (range: number): string => {
    drawn = 1 + Math.floor(random() * range);
    return String(drawn);
  };
  const stepOf = (phase: Phase): Step => {
    let failed: ((reason: string) => void) | undefined;
    client.onFailure((error) => failed?.(error.message));
    return (done) => {
      failed = done;
      let next = 0;
      const send = (): void => {
        const command = phase.commands[next++];
        if (command === undefined) return done();
        const text = command.replaceAll("{r}", () => draw(phase.range ?? 1)).replaceAll("{s}", () => String(drawn));
        client.send(text, (status) => {
          if (!status.startsWith("OK")) return done(`${text.slice(0, 60)}: ${status}`);
          send();
        });
      };
      send();
    };
  };
  return {
    async run(name, limit) {
      const phase = job.phases[name];
      if (!phase) throw new Error(`no phase ${name}`);
      const step = stepOf(phase);
      const { tally, counted } = counting(client, step);
      const result = await closedLoop([counted], limit, phase.operations, () => client.octets);
      return { ...result, replies: Object.fromEntries(tally.counts) };
    },
  };
}

/** The step, with a tally during its first run. */
function counting(client: ImapClient, step: Step): { tally: ReplyTally; counted: Step } {
  const tally = new ReplyTally();
  client.tally = tally;
  const counted: Step = (done) =>
    step((failure) => {
      client.tally = undefined;
      done(failure);
    });
  return { tally, counted };
}
