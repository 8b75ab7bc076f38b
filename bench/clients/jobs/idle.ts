/** Many sessions in IDLE, and how soon each is told of a new message. */
import { Histogram, median } from "../../measure/statistics.ts";
import { IdleClient } from "../idle-client.ts";
import type { Job, JobResult, OpenJob } from "../job.ts";
import { LmtpClient } from "../lmtp-client.ts";
import { MessageSource } from "../messages.ts";

/** Logins under way at a time: servers with a process per connection have a short accept queue. */
const loginsAtATime = 16;
/** A session that has heard nothing by then counts as not told. */
const giveUpMs = 35_000;
/** Between notifications: servers that hibernate sessions, or gather changes, are at rest again by then. */
const pauseMs = 4_000;
const lmtpConnections = 2;

export async function openIdle(job: Extract<Job, { kind: "idle" }>): Promise<OpenJob> {
  const source = new MessageSource({ mix: "reading", seed: 3, pool: 20 });
  const sessions: IdleClient[] = [];

  const connectAll = async (): Promise<JobResult> => {
    const start = performance.now();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < job.connections) {
        const place = next++;
        const { user, password } = job.logins[place % job.logins.length]!;
        sessions[place] = await IdleClient.open(job.imapPort, user, password);
      }
    };
    await Promise.all(Array.from({ length: loginsAtATime }, worker));
    return resultOf(new Histogram(), performance.now() - start, job.connections, 0);
  };

  /** One message to all users at a time; every session waits for its EXISTS. */
  const together = async (times: number): Promise<JobResult> => {
    const lmtp = await LmtpClient.connect(job.lmtpPort);
    const histogram = new Histogram();
    const last: number[] = [];
    let untold = 0;
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const heard = new Set<IdleClient>();
      let dot = 0;
      await new Promise<void>((done, fail) => {
        const timer = setTimeout(done, giveUpMs);
        for (const session of sessions) {
          session.onExists = () => {
            if (heard.has(session)) return;
            heard.add(session);
            histogram.add(performance.now() - dot);
            if (heard.size < sessions.length) return;
            clearTimeout(timer);
            done();
          };
        }
        const recipients = job.logins.map(({ user }) => user);
        const refused = (refusal: string | undefined): void => {
          if (refusal !== undefined) fail(new Error(refusal));
        };
        lmtp.deliver(recipients, source.next(), refused, () => (dot = performance.now()));
      });
      last.push(performance.now() - dot);
      untold += sessions.length - heard.size;
      await new Promise((done) => setTimeout(done, pauseMs));
    }
    lmtp.close();
    const result = resultOf(histogram, performance.now() - start, times, untold);
    return { ...result, extra: { lastMs: median(last) } };
  };

  /** One message to each user, one every `everyMs`, in an order in which neighbours are far apart. */
  const each = async (): Promise<JobResult> => {
    const histogram = new Histogram();
    const start = performance.now();
    const order = shuffled(sessions.length);
    let next = 0;
    let heard = 0;
    let allHeard = (): void => {};
    const deliverer = async (): Promise<void> => {
      const lmtp = await LmtpClient.connect(job.lmtpPort);
      while (next < order.length) {
        const turn = next++;
        await until(start + turn * job.everyMs);
        const session = sessions[order[turn]!]!;
        const recipient = job.logins[order[turn]! % job.logins.length]!.user;
        await new Promise<void>((done, fail) => {
          let dot = 0;
          session.onExists = () => {
            session.onExists = () => {};
            histogram.add(performance.now() - dot);
            if (++heard === sessions.length) allHeard();
          };
          const answered = (refusal: string | undefined): void => {
            if (refusal === undefined) done();
            else fail(new Error(refusal));
          };
          lmtp.deliver([recipient], source.next(), answered, () => (dot = performance.now()));
        });
      }
      lmtp.close();
    };
    await Promise.all(Array.from({ length: lmtpConnections }, deliverer));
    if (heard < sessions.length) {
      await new Promise<void>((done) => {
        allHeard = done;
        setTimeout(done, giveUpMs);
      });
    }
    return resultOf(histogram, performance.now() - start, sessions.length, sessions.length - heard);
  };

  return {
    run(phase, limit) {
      if (phase === "connect") return connectAll();
      return phase === "together" ? together(limit.operations) : each();
    },
  };
}

function resultOf(histogram: Histogram, wallMs: number, operations: number, untold: number): JobResult {
  return {
    operations,
    wallMs,
    latency: histogram.summary(),
    octets: 0,
    replies: {},
    failures: untold,
    ...(untold > 0 ? { firstFailure: `not told in ${giveUpMs} ms` } : {}),
  };
}

async function until(time: number): Promise<void> {
  const ms = time - performance.now();
  if (ms > 0) await new Promise((done) => setTimeout(done, ms));
}

/** Every number below `count` once, in steps that share no factor with it. */
function shuffled(count: number): number[] {
  let step = Math.max(1, Math.floor(count * 0.618));
  while (commonFactor(step, count) > 1) step++;
  return Array.from({ length: count }, (_, i) => (i * step) % count);
}

function commonFactor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
