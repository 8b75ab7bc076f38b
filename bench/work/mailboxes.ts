/** LIST of 5,000 mailboxes, STATUS of 200. */
import { fillOf, statusMailboxes } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { latency, type Work, warmAndMeasure, withLoad } from "./work.ts";

const list: Work = {
  name: "imap_list",
  fills: ["list"],
  async run(context) {
    const { server, scale } = context;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("list", scale).user),
      setup: [],
      phases: {
        all: { commands: ['LIST "" *'], operations: 1 },
        percent: { commands: ['LIST "" %'], operations: 1 },
      },
    } as const;
    return withLoad(job, async (load) => {
      const all = await warmAndMeasure(context, load, "all", "short");
      const percent = await warmAndMeasure(context, load, "percent", "brief");
      return [latency("imap_list", "LIST", all), latency("imap_list_percent", "LIST", percent)];
    });
  },
};

/** The latency is that of all the STATUS commands together. */
const status: Work = {
  name: "imap_status_each",
  fills: ["status"],
  async run(context) {
    const { server, scale } = context;
    const commands = statusMailboxes(scale).map((name) => `STATUS ${name} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)`);
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("status", scale).user),
      setup: [],
      phases: { each: { commands, operations: 1 } },
    } as const;
    return withLoad(job, async (load) => {
      const sample = await warmAndMeasure(context, load, "each", "short");
      return [latency("imap_status_each", `${commands.length} STATUS`, sample)];
    });
  },
};

export const mailboxWork: readonly Work[] = [list, status];
