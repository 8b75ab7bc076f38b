/** Sessions as such: log in, select, log out; SELECT of a large mailbox; NOOP. */
import { deliveryUsers, fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { latency, measure, once, rate, type Work, withLoad } from "./work.ts";

function login(name: string, connections: number): Work {
  return {
    name,
    fills: [],
    async run(context) {
      const { server, scale } = context;
      const logins = deliveryUsers.map((user) => loginOf(server, user));
      const commands = ["SELECT INBOX"];
      return withLoad({ kind: "login", port: server.imapPort, connections, logins, commands }, async (load) => {
        await load.run("warm", { seconds: scale.warmupSeconds, operations: 1e9 });
        const sample = await measure(context, load, "login", { seconds: scale.seconds, operations: 1e9 });
        return [rate(name, "cycles/s", "cycle", sample)];
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
      await load.run("warm", { seconds: 0, operations: 3 });
      const sample = await measure(context, load, "select", { seconds: scale.seconds / 2, operations: 1e9 });
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
    const limit = { seconds: scale.seconds / 2, operations: 1e9 };
    return withLoad(job, async (load) => {
      await load.run("noop", { seconds: 0.2, operations: 1e9 });
      const noop = await measure(context, load, "noop", limit);
      await load.run("reselect", once);
      const reselect = await measure(context, load, "reselect", limit);
      return [rate("imap_noop", "cmds/s", "NOOP", noop), latency("imap_reselect", "SELECT", reselect)];
    });
  },
};

/** A mailbox of a million, made by copying the big one over and over. Asked for by name only; takes minutes to make. */
const million: Work = {
  name: "imap_select_million",
  fills: ["big"],
  only: ["pasargad"],
  optional: true,
  async run(context) {
    const { server, scale } = context;
    const account = loginOf(server, fillOf("big", scale).user);
    const copies = Math.ceil(scale.millionMailbox / scale.bigMailbox);
    const fill = {
      kind: "commands",
      port: server.imapPort,
      login: account,
      setup: [],
      phases: {
        create: { commands: ["CREATE Million", "SELECT INBOX"], operations: 1 },
        copy: { commands: ["COPY 1:* Million"], operations: 1 },
        count: { commands: ["SELECT Million", "FETCH 1:* (UID)"], operations: 1 },
      },
    } as const;
    await withLoad(fill, async (load) => {
      // A second round finds the mailbox there and fails to create it: nothing to fill then.
      const created = await load.run("create", once);
      if (created.failures === 0) await load.run("copy", { seconds: 3_600, operations: copies });
      const { replies } = await load.run("count", once);
      if (replies["FETCH"] !== copies * scale.bigMailbox) throw new Error(`there are ${replies["FETCH"]} messages`);
    });
    await server.quiesce();
    const job = {
      kind: "login",
      port: server.imapPort,
      connections: 1,
      logins: [account],
      commands: ["SELECT Million"],
    } as const;
    return withLoad(job, async (load) => {
      const first = await load.run("first", once);
      const sample = await measure(context, load, "select", { seconds: scale.seconds / 2, operations: 1e9 });
      const figure = latency("imap_select_million", "login, SELECT, logout", sample);
      return [{ ...figure, extra: { firstMs: first.latency.p50 } }];
    });
  },
};

export const sessionWork: readonly Work[] = [
  login("imap_login_c1", 1),
  login("imap_login_c8", 8),
  inSession,
  select,
  million,
];
