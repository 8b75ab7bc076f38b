/** What one heavy session costs the others: the p99 of their NOOPs meanwhile. */
import { deliveryUsers, type FillName, fillOf } from "../fill.ts";
import { rareWord } from "../clients/messages.ts";
import { dropFromPageCache } from "../measure/page-cache.ts";
import { loginOf } from "../servers/server.ts";
import { measure, once, type Work, withLoad } from "./work.ts";

const otherSessions = 8;
const everyMs = 10;

function beside(
  name: string,
  fill: FillName,
  commands: readonly string[],
  options: { readonly cold?: boolean } = {},
): Work {
  return {
    name,
    fills: [fill],
    async run(context) {
      const { server, scale } = context;
      const user = fillOf(fill, scale).user;
      const job = {
        kind: "beside",
        port: server.imapPort,
        heavy: loginOf(server, user),
        heavySetup: ["SELECT INBOX"],
        commands,
        others: deliveryUsers.slice(0, otherSessions).map((other) => loginOf(server, other)),
        everyMs,
      } as const;
      return withLoad(job, async (load) => {
        // Cold is cold only once.
        const limit = options.cold ? once : { seconds: scale.seconds / 2, operations: 1e9 };
        if (options.cold) dropFromPageCache(server.mailDir(user));
        const { result, cpuMicroseconds } = await measure(context, load, "beside", limit);
        return [
          {
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
            },
            ...(result.failures > 0 ? { failures: result.failures, firstFailure: result.firstFailure ?? "" } : {}),
          },
        ];
      });
    },
  };
}

export const besideWork: readonly Work[] = [
  beside("beside_cold_fetch", "cold", ["FETCH 1:* BODY.PEEK[]"], { cold: true }),
  beside("beside_fetch", "big", ["FETCH 1:* BODY.PEEK[]"]),
  beside("beside_fetch_flags", "big", ["FETCH 1:* (UID FLAGS)"]),
  beside("beside_search_body", "middle", [`SEARCH BODY "${rareWord}"`]),
  beside("beside_store", "middle", ["STORE 1:* +FLAGS ($Beside)", "STORE 1:* -FLAGS.SILENT ($Beside)"]),
];
