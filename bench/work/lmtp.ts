/** Deliveries over LMTP, one command at a time, until everything is on disk. */
import { deliveryUsers } from "../fill.ts";
import { rate, type Work, warmAndMeasure, withLoad } from "./work.ts";

function deliver(name: string, connections: number, perMessage: number): Work {
  return {
    name,
    fills: [],
    writes: true,
    async run(context) {
      const { server } = context;
      const job = {
        kind: "deliver",
        port: server.lmtpPort,
        connections,
        recipients: deliveryUsers,
        perMessage,
        mix: "delivery",
      } as const;
      return withLoad(job, async (load) => {
        const sample = await warmAndMeasure(context, load, "deliver", "long", { quiesce: true });
        const figure = rate(name, perMessage > 1 ? "deliveries/s" : "msgs/s", "delivery", sample);
        // What the clients saw, without the wait for the disk at the end.
        const acknowledged = (sample.result.operations / sample.result.wallMs) * 1000;
        return [{ ...figure, extra: { acknowledgedPerSecond: acknowledged } }];
      });
    },
  };
}

export const lmtpWork: readonly Work[] = [
  deliver("lmtp_deliver_c1", 1, 1),
  deliver("lmtp_deliver_c8", 8, 1),
  deliver("lmtp_deliver_c32", 32, 1),
  deliver("lmtp_multi_rcpt20", 1, 20),
];
