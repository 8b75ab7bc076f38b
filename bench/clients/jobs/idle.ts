/** Many sessions in IDLE, and how soon each is told of a new message. */
import { Histogram } from "../../measure/statistics.ts";
import { ImapClient } from "../imap-client.ts";
import type { Job, JobResult, OpenJob } from "../job.ts";
import { LmtpClient } from "../lmtp-client.ts";
import { MessageSource } from "../messages.ts";

/** Logins under way at a time: servers with a process per connection have a short accept queue. */
const loginsAtATime = 16;
/** A session that has heard nothing by then counts as not told. */
const giveUpMs = 35_000;
/** Between notifications: servers that hibernate sessions, or gather changes, are at rest again by then. */
const pauseMs = 4_000;

export async function openIdle(job: Extract<Job, { kind: "idle" }>): Promise<OpenJob> {
  const source = new MessageSource({ mix: "reading", seed: 3, pool: 20 });
  const sessions: ImapClient[] = [];
  let told: (() => void) | undefined;
  let untold = 0;
  const onLine = (line: string): void => {
    if (line.endsWith(" EXISTS")) told?.();
  };

  const connectAll = async (): Promise<JobResult> => {
    const start = performance.now();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < job.connections) {
        const { user, password } = job.logins[next++ % job.logins.length]!;
        const client = await ImapClient.login(job.imapPort, user, password);
        await client.request("SELECT INBOX");
        await client.idle(onLine);
        sessions.push(client);
      }
    };
    await Promise.all(Array.from({ length: loginsAtATime }, worker));
    return resultOf(new Histogram(), performance.now() - start, job.connections);
  };

  /** One message to every user; every session waits for its EXISTS. */
  const notify = async (times: number): Promise<JobResult> => {
    const lmtp = await LmtpClient.connect(job.lmtpPort);
    const each = new Histogram();
    const last: number[] = [];
    untold = 0;
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      last.push(await oneNotification(lmtp, each));
      await new Promise((done) => setTimeout(done, pauseMs));
    }
    lmtp.close();
    const result = resultOf(each, performance.now() - start, times);
    const missed = untold > 0 ? { failures: untold, firstFailure: `not told in ${giveUpMs} ms` } : {};
    return { ...result, ...missed, extra: { lastMs: last.toSorted((a, b) => a - b)[last.length >> 1] ?? 0 } };
  };

  const oneNotification = (lmtp: LmtpClient, each: Histogram): Promise<number> =>
    new Promise((done, fail) => {
      let dot = 0;
      let left = sessions.length;
      const timer = setTimeout(() => {
        untold += left;
        told = undefined;
        done(giveUpMs);
      }, giveUpMs);
      told = () => {
        const ms = performance.now() - dot;
        each.add(ms);
        if (--left > 0) return;
        clearTimeout(timer);
        told = undefined;
        done(ms);
      };
      lmtp.deliver(
        job.recipients,
        source.next(),
        (refusal) => {
          if (refusal !== undefined) fail(new Error(refusal));
        },
        () => {
          dot = performance.now();
        },
      );
    });

  return { run: (phase, limit) => (phase === "connect" ? connectAll() : notify(limit.operations)) };
}

function resultOf(histogram: Histogram, wallMs: number, operations: number): JobResult {
  return { operations, wallMs, latency: histogram.summary(), octets: 0, replies: {}, failures: 0 };
}
