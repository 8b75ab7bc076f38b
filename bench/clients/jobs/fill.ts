/** Fills mailboxes for the reading work: commands are pipelined, several APPENDs under way. */
import { Histogram } from "../../measure/statistics.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, JobResult, OpenJob } from "../job.ts";
import { internalDate, MessageSource } from "../messages.ts";
import { seededRandom } from "../random.ts";

const commandsUnderWay = 100;
/** Messages in one APPEND where the server has MULTIAPPEND (RFC 3502): one transaction, one sync for all of them. */
const messagesPerCommand = 50;
const firstArrival = Date.UTC(2024, 0, 1);
const minute = 60_000;

export async function openFill(job: Extract<Job, { kind: "fill" }>): Promise<OpenJob> {
  const client = await ImapClient.login(job.port, job.login.user, job.login.password);
  const together = (await capability(client)).includes("MULTIAPPEND") ? messagesPerCommand : 1;
  const source = new MessageSource({ mix: "reading", seed: job.seed, pool: 2_000 });
  const random = seededRandom(job.seed + 1);

  /** Sends all pieces, keeping at most `commandsUnderWay` unanswered. */
  const pipeline = (commands: Iterator<Buffer>): Promise<JobResult> =>
    new Promise((finish, fail) => {
      const start = performance.now();
      let sent = 0;
      let answered = 0;
      let exhausted = false;
      client.onFailure(fail);
      const more = (): void => {
        while (!exhausted && sent - answered < commandsUnderWay) {
          const { value, done } = commands.next();
          if (done) {
            exhausted = true;
            break;
          }
          sent++;
          client.write(value);
        }
        if (!exhausted || answered < sent) return;
        client.onLine = undefined;
        const wallMs = performance.now() - start;
        const latency = new Histogram().summary();
        finish({ operations: sent, wallMs, latency, octets: 0, replies: {}, failures: 0 });
      };
      client.onLine = (line) => {
        if (!line.startsWith("f")) return;
        if (!/^f\d+ OK/.test(line)) return fail(new Error(line));
        answered++;
        more();
      };
      more();
    });

  function* creates(): Generator<Buffer> {
    for (const [i, mailbox] of job.mailboxes.entries()) yield Buffer.from(`f${i} CREATE ${mailbox}\r\n`);
  }

  function* appends(): Generator<Buffer> {
    let number = 0;
    let command = 0;
    for (const mailbox of job.mailboxes) {
      for (let i = 0; i < job.messages; i += together) {
        const pieces: Buffer[] = [Buffer.from(`f${command++} APPEND ${mailbox}`)];
        for (let j = i; j < Math.min(i + together, job.messages); j++) {
          const { head, rest } = source.next();
          const date = internalDate(firstArrival + number++ * 7 * minute);
          const size = head.length + rest.length;
          pieces.push(Buffer.from(` (${pickFlags(random)}) "${date}" {${size}+}\r\n`, "latin1"), head, rest);
        }
        yield Buffer.concat([...pieces, Buffer.from("\r\n")]);
      }
    }
  }

  return { run: (phase) => pipeline(phase === "create" ? creates() : appends()) };
}

/** What the server says it can do, after login. */
function capability(client: ImapClient): Promise<string> {
  return new Promise((done, fail) => {
    client.onFailure(fail);
    client.onLine = (line) => {
      if (!line.startsWith("* CAPABILITY")) return;
      client.onLine = undefined;
      done(line);
    };
    client.send("CAPABILITY", () => {});
  });
}

/** Half are read, some answered, few flagged, some carry a keyword, as in the mailboxes of people. */
function pickFlags(random: () => number): string {
  const flags: string[] = [];
  if (random() < 0.5) flags.push("\\Seen");
  if (random() < 0.15) flags.push("\\Answered");
  if (random() < 0.02) flags.push("\\Flagged");
  if (random() < 0.05) flags.push("$Work");
  return flags.join(" ");
}
