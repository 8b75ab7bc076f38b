/** Sessions as such: log in, select, log out; SELECT of a large mailbox; NOOP. */
import { deliveryUsers, fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { latency, rate, type Work, warmAndMeasure, withLoad } from "./work.ts";

function login(name: string, connections: number): Work {
  return {
    name,
    fills: [],
    async run(context) {
      const { server } = context;
      const logins = deliveryUsers.map((user) => loginOf(server, user));
      const commands = ["SELECT INBOX"];
      return withLoad({ kind: "login", port: server.imapPort, connections, logins, commands }, async (load) => {
        return [rate(name, "cycles/s", "cycle", await warmAndMeasure(context, load, "login", "long"))];
      });
    },
  };
}

/** SELECT in a new session each time; the CPU is that of the whole session. */
const select: Work = {
  name: "imap_select",
  fills: ["big"],
  async run(context) {
    const { server, scale } = context;
    const logins = [loginOf(server, fillOf("big", scale).user)];
    const job = { kind: "login", port: server.imapPort, connections: 1, logins, commands: ["SELECT INBOX"] } as const;
    return withLoad(job, async (load) => {
      const sample = await warmAndMeasure(context, load, "select", "short");
      return [latency("imap_select", "login, SELECT, logout", sample)];
    });
  },
};

const inSession: Work = {
  name: "imap_noop",
  fills: ["big"],
  async run(context) {
    const { server, scale } = context;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("big", scale).user),
      setup: ["SELECT INBOX"],
      phases: {
        noop: { commands: ["NOOP"], operations: 1 },
        reselect: { commands: ["SELECT INBOX"], operations: 1 },
      },
    } as const;
    return withLoad(job, async (load) => {
      const noop = await warmAndMeasure(context, load, "noop", "short");
      const reselect = await warmAndMeasure(context, load, "reselect", "short");
      return [rate("imap_noop", "cmds/s", "NOOP", noop), latency("imap_reselect", "SELECT", reselect)];
    });
  },
};

export const sessionWork: readonly Work[] = [login("imap_login_c1", 1), login("imap_login_c8", 8), inSession, select];
