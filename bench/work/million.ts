/** SELECT of a mailbox of a million. Its rows are written into the stopped server's store; the peers are not asked. */
import { fillOf } from "../fill.ts";
import { fillMillion } from "../servers/pasargad-million.ts";
import { loginOf } from "../servers/server.ts";
import { latency, once, type Work, warmAndMeasure, withLoad } from "./work.ts";

const mailbox = "Million";

export const millionWork: Work = {
  name: "imap_select_million",
  fills: ["middle"],
  only: ["pasargad"],
  async run(context) {
    const { scale } = context;
    const { user } = fillOf("middle", scale);
    const job = (server = context.server) =>
      ({
        kind: "commands",
        port: server.imapPort,
        login: loginOf(server, user),
        setup: [],
        phases: {
          create: { commands: [`CREATE ${mailbox}`], operations: 1 },
          count: { commands: [`SELECT ${mailbox}`, "FETCH 1:* (UID)"], operations: 1 },
        },
      }) as const;
    // A second round finds the mailbox there and fails to create it: nothing to fill then.
    const created = await withLoad(job(), (load) => load.run("create", once));
    let { server } = context;
    if (created.failures === 0) {
      server = await context.restart((stopped) =>
        fillMillion(stopped.dir, `user.${user}.${mailbox}`, scale.millionMailbox),
      );
    }
    const { replies } = await withLoad(job(server), (load) => load.run("count", once));
    if (replies["FETCH"] !== scale.millionMailbox) throw new Error(`there are ${replies["FETCH"]} messages`);
    const login = {
      kind: "login",
      port: server.imapPort,
      connections: 1,
      logins: [loginOf(server, user)],
      commands: [`SELECT ${mailbox}`],
    } as const;
    return withLoad(login, async (load) => {
      const first = await load.run("first", once);
      const sample = await warmAndMeasure({ ...context, server }, load, "select", "short");
      const figure = latency("imap_select_million", "login, SELECT, logout", sample);
      // Right after the start, nothing of the mailbox is in anybody's memory.
      const { p50 } = first.latency;
      return [figure, { name: "imap_select_million_first", unit: "ms", better: "lower", value: p50 }];
    });
  },
};
