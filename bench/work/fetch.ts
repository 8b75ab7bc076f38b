/** FETCH from a large mailbox, page cache warm. */
import { fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { type Figure, measure, once, rate, type Work, withLoad } from "./work.ts";

/** What a well-known client asks for when it opens a mailbox. */
const clientHeaders =
  "FROM TO CC BCC SUBJECT DATE MESSAGE-ID PRIORITY X-PRIORITY REFERENCES NEWSGROUPS IN-REPLY-TO CONTENT-TYPE REPLY-TO";

const items = {
  imap_fetch_flags: "(UID FLAGS)",
  imap_fetch_envelope: "(ENVELOPE BODYSTRUCTURE)",
  imap_fetch_header_fields: `BODY.PEEK[HEADER.FIELDS (${clientHeaders})]`,
  imap_fetch_body: "BODY.PEEK[]",
};

function fetchAll(name: keyof typeof items): Work {
  return {
    name,
    fills: ["big"],
    async run(context) {
      const { server, scale } = context;
      const job = {
        kind: "commands",
        port: server.imapPort,
        login: loginOf(server, fillOf("big", scale).user),
        setup: ["SELECT INBOX"],
        phases: { all: { commands: [`FETCH 1:* ${items[name]}`], operations: scale.bigMailbox } },
      } as const;
      return withLoad(job, async (load) => {
        const first = await load.run("all", once);
        const sample = await measure(context, load, "all", { seconds: scale.seconds / 2, operations: 1e9 });
        const figure: Figure = { ...rate(name, "msgs/s", "message", sample), replies: first.replies };
        if (name !== "imap_fetch_body") return [figure];
        const megabytes = sample.result.octets / 1e6 / (sample.wallMs / 1000);
        return [{ ...figure, unit: "MB/s", value: megabytes }];
      });
    },
  };
}

const fetchOne: Work = {
  name: "imap_fetch_one",
  fills: ["big"],
  async run(context) {
    const { server, scale } = context;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("big", scale).user),
      setup: ["SELECT INBOX"],
      phases: { one: { commands: ["FETCH {r} BODY.PEEK[]"], operations: 1, range: scale.bigMailbox } },
    } as const;
    return withLoad(job, async (load) => {
      await load.run("one", { seconds: 0.2, operations: 1e9 });
      const sample = await measure(context, load, "one", { seconds: scale.seconds / 2, operations: 1e9 });
      return [rate("imap_fetch_one", "msgs/s", "message", sample)];
    });
  },
};

export const fetchWork: readonly Work[] = [
  fetchAll("imap_fetch_flags"),
  fetchAll("imap_fetch_envelope"),
  fetchAll("imap_fetch_header_fields"),
  fetchAll("imap_fetch_body"),
  fetchOne,
];
