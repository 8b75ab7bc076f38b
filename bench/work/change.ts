/** STORE, COPY and EXPUNGE in a mailbox of 10,000. */
import { fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { type Figure, measure, once, rate, type Sample, sum, type Work, warmAndMeasure, withLoad } from "./work.ts";

const store: Work = {
  name: "imap_store",
  fills: ["middle"],
  writes: true,
  async run(context) {
    const { server, scale } = context;
    const n = scale.middleMailbox;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("middle", scale).user),
      setup: ["SELECT INBOX"],
      phases: {
        range: {
          // Set and taken away again, so that each command changes every message.
          commands: [`STORE 1:${n} +FLAGS.SILENT ($Bench)`, `STORE 1:${n} -FLAGS.SILENT ($Bench)`],
          operations: 2 * n,
        },
        one: { commands: ["STORE {r} +FLAGS ($Bench)", "STORE {s} -FLAGS ($Bench)"], operations: 2, range: n },
      },
    } as const;
    return withLoad(job, async (load) => {
      const range = await warmAndMeasure(context, load, "range", "short", { quiesce: true });
      const one = await warmAndMeasure(context, load, "one", "short", { quiesce: true });
      const figures = [
        rate("imap_store_range", "msgs/s", "message", range),
        rate("imap_store_one", "cmds/s", "STORE", one),
      ];
      return figures.map((figure) => (figure.name === "imap_store_range" ? syncsPerCommand(figure, n) : figure));
    });
  },
};

const copyAndExpunge: Work = {
  name: "imap_copy",
  fills: ["middle"],
  writes: true,
  async run(context) {
    const { server, scale, mode, round } = context;
    const n = scale.middleMailbox;
    const target = `Copy-${Date.now().toString(36)}`;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("middle", scale).user),
      setup: [`CREATE ${target}`, "SELECT INBOX"],
      phases: {
        copy: { commands: [`COPY 1:${n} ${target}`], operations: n },
        mark: { commands: [`SELECT ${target}`, "STORE 1:* +FLAGS.SILENT (\\Deleted)"], operations: n },
        expunge: { commands: ["EXPUNGE"], operations: n },
        back: { commands: ["SELECT INBOX"], operations: 1 },
        remove: { commands: [`DELETE ${target}`], operations: 1 },
      },
    } as const;
    return withLoad(job, async (load) => {
      let copies: Sample[] = [];
      let expunges: Sample[] = [];
      const turnsFor = async (seconds: number): Promise<void> => {
        const until = performance.now() + seconds * 1000;
        do {
          copies.push(await measure(context, load, "copy", once, { quiesce: true }));
          await load.run("mark", once);
          expunges.push(await measure(context, load, "expunge", once, { quiesce: true }));
          await load.run("back", once);
        } while (performance.now() < until);
      };
      // Under strace one turn is enough.
      await turnsFor(mode === "syncs" ? 0 : (round === 1 ? scale.warmSeconds : scale.rewarmSeconds).short);
      copies = [];
      expunges = [];
      await turnsFor(mode === "syncs" ? 0 : scale.seconds.long);
      await load.run("remove", once);
      const figures = [
        rate("imap_copy", "msgs/s", "message", sum(copies)),
        rate("imap_expunge", "msgs/s", "message", sum(expunges)),
      ];
      return figures.map((figure) => syncsPerCommand(figure, n));
    });
  },
};

/** The syncs of a change of many messages do not grow with them: told for the command. */
function syncsPerCommand(figure: Figure, messages: number): Figure {
  return figure.syncs === undefined ? figure : { ...figure, syncs: figure.syncs * messages, per: "command" };
}

export const changeWork: readonly Work[] = [store, copyAndExpunge];
