/** What one heavy session costs the others: the p99 of their NOOPs meanwhile. */
import type { Job, JobResult } from "../clients/job.ts";
import { rareWord } from "../clients/messages.ts";
import { deliveryUsers, type FillName, fillOf } from "../fill.ts";
import { dropAllCaches, dropFromPageCache } from "../measure/page-cache.ts";
import { type BenchServer, loginOf } from "../servers/server.ts";
import { type Figure, measure, once, type Sample, type Work, withLoad } from "./work.ts";

const otherSessions = 8;
const everyMs = 10;

interface Heavy {
  readonly user: string;
  readonly setup: readonly string[];
  readonly commands: readonly string[];
}

function jobOf(server: BenchServer, heavy: Heavy): Job {
  return {
    kind: "beside",
    port: server.imapPort,
    heavy: loginOf(server, heavy.user),
    heavySetup: heavy.setup,
    commands: heavy.commands,
    others: deliveryUsers.slice(0, otherSessions).map((other) => loginOf(server, other)),
    everyMs,
  };
}

function figureOf(name: string, { result, cpuMicroseconds }: Sample, more: Figure["extra"] = {}): Figure {
  return {
    name,
    unit: "ms",
    better: "lower",
    value: result.latency.p99,
    cpu: cpuMicroseconds / result.operations,
    per: "turn, NOOPs included",
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
    extra: {
      heavyMs: result.wallMs / result.operations,
      heavyMegabytesPerSecond: result.octets / 1e3 / result.wallMs,
      noops: result.latency.count,
      ...more,
    },
    ...failureOf(result),
  };
}

function failureOf(result: JobResult): Pick<Figure, "failures" | "firstFailure"> {
  return result.failures > 0 ? { failures: result.failures, firstFailure: result.firstFailure ?? "" } : {};
}

/** @param commands one turn of the heavy session; `{n}` is the number of messages, `{id}` a name not used before */
function beside(
  name: string,
  fill: Exclude<FillName, "idlers">,
  commands: readonly string[],
  setup: readonly string[] = [],
): Work {
  return {
    name,
    fills: [fill],
    async run(context) {
      const { server, scale, round } = context;
      const { user, messages } = fillOf(fill, scale);
      const id = Date.now().toString(36);
      const text = (command: string): string => command.replaceAll("{n}", String(messages)).replaceAll("{id}", id);
      const heavy = { user, setup: [...setup.map(text), "SELECT INBOX"], commands: commands.map(text) };
      return withLoad(jobOf(server, heavy), async (load) => {
        const warmSeconds = (round === 1 ? scale.warmSeconds : scale.rewarmSeconds).brief;
        await load.run("beside", { seconds: warmSeconds, operations: 1e9 });
        const limit = { seconds: scale.seconds.short, operations: 1e9 };
        return [figureOf(name, await measure(context, load, "beside", limit))];
      });
    },
  };
}

/**
 * A mailbox that nobody has looked at since the machine started: the server is started anew, so that none of its
 * processes has files mapped; it is warmed by the same command on another mailbox; then the mailbox's files are dropped.
 * SELECT belongs to the measurement: it is what reads the index from disk.
 */
const coldFetch: Work = {
  name: "beside_cold_fetch",
  fills: ["cold", "middle"],
  async run(context) {
    const { scale } = context;
    const server = await context.restart(() => dropAllCaches());
    const fetch = "FETCH 1:* BODY.PEEK[]";
    const warm = { user: fillOf("middle", scale).user, setup: ["SELECT INBOX"], commands: [fetch] };
    await withLoad(jobOf(server, warm), (load) =>
      load.run("beside", { seconds: scale.warmSeconds.short, operations: 1e9 }),
    );
    const { user } = fillOf("cold", scale);
    const cold = { user, setup: [], commands: ["SELECT INBOX", fetch] };
    return withLoad(jobOf(server, cold), async (load) => {
      await server.quiesce();
      const { messages, index } = server.coldPaths(user);
      const mail = dropFromPageCache(messages);
      const other = index === undefined ? undefined : dropFromPageCache(index);
      const extra = {
        coldFiles: mail.files,
        coldMegabytes: mail.octets / 1e6,
        stillCachedShare: mail.residentOctets / mail.octets,
        ...(other === undefined ? {} : { indexStillCachedShare: other.residentOctets / other.octets }),
      };
      return [figureOf("beside_cold_fetch", await measure({ ...context, server }, load, "beside", once), extra)];
    });
  },
};

export const besideWork: readonly Work[] = [
  beside("beside_fetch", "big", ["FETCH 1:* BODY.PEEK[]"]),
  beside("beside_fetch_flags", "big", ["FETCH 1:* (UID FLAGS)"]),
  beside("beside_fetch_envelope", "big", ["FETCH 1:* (ENVELOPE BODYSTRUCTURE)"]),
  beside("beside_search_body", "middle", [`SEARCH BODY "${rareWord}"`]),
  beside("beside_store", "middle", ["STORE 1:* +FLAGS ($Beside)", "STORE 1:* -FLAGS.SILENT ($Beside)"]),
  beside(
    "beside_copy",
    "middle",
    ["COPY 1:{n} Beside-{id}", "SELECT Beside-{id}", "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE", "SELECT INBOX"],
    ["CREATE Beside-{id}"],
  ),
];
export const coldWork: readonly Work[] = [coldFetch];
