/** FETCH from a large mailbox, page cache warm. */
import { fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { type Figure, rate, type Work, warmAndMeasure, withLoad } from "./work.ts";

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
        const sample = await warmAndMeasure(context, load, "all", "short");
        const figure: Figure = rate(name, "msgs/s", "message", sample);
        if (name !== "imap_fetch_body") return [figure];
        const megabytes = sample.result.octets / 1e6 / (sample.wallMs / 1000);
        return [{ ...figure, unit: "MB/s", value: megabytes }];
      });
    },
  };
}

/** One message at a time, drawn at random. */
const oneItems = {
  imap_fetch_one: items.imap_fetch_body,
  imap_fetch_one_flags: items.imap_fetch_flags,
  imap_fetch_one_envelope: items.imap_fetch_envelope,
  imap_fetch_one_header_fields: items.imap_fetch_header_fields,
};

const fetchOne: Work = {
  name: "imap_fetch_one",
  fills: ["big"],
  async run(context) {
    const { server, scale } = context;
    const phases = Object.entries(oneItems).map(([name, item]) => {
      return [name, { commands: [`FETCH {r} ${item}`], operations: 1, range: scale.bigMailbox }] as const;
    });
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("big", scale).user),
      setup: ["SELECT INBOX"],
      phases: Object.fromEntries(phases),
    } as const;
    return withLoad(job, async (load) => {
      const figures: Figure[] = [];
      for (const [name] of phases) {
        figures.push(rate(name, "msgs/s", "message", await warmAndMeasure(context, load, name, "brief")));
      }
      return figures;
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
