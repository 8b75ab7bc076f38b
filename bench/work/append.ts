/** APPEND to the INBOXes of 40 users, until everything is on disk. */
import { deliveryUsers } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { rate, type Work, warmAndMeasure, withLoad } from "./work.ts";

function append(name: string, connections: number): Work {
  return {
    name,
    fills: [],
    writes: true,
    async run(context) {
      const { server } = context;
      const logins = deliveryUsers.map((user) => loginOf(server, user));
      const job = { kind: "append", port: server.imapPort, connections, logins, mix: "delivery" } as const;
      return withLoad(job, async (load) => {
        const sample = await warmAndMeasure(context, load, "append", "long", { quiesce: true });
        const acknowledged = (sample.result.operations / sample.result.wallMs) * 1000;
        return [{ ...rate(name, "msgs/s", "message", sample), extra: { acknowledgedPerSecond: acknowledged } }];
      });
    },
  };
}

export const appendWork: readonly Work[] = [append("imap_append_c1", 1), append("imap_append_c8", 8)];
