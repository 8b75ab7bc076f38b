/** SEARCH in a mailbox of 10,000, without a search index on any server. */
import { rareWord } from "../clients/messages.ts";
import { fillOf } from "../fill.ts";
import { loginOf } from "../servers/server.ts";
import { type Figure, latency, type Work, warmAndMeasure, withLoad } from "./work.ts";

const keys = {
  imap_search_flags: "UNSEEN FLAGGED",
  imap_search_header: 'SUBJECT "meeting"',
  imap_search_body: `BODY "${rareWord}"`,
};

const search: Work = {
  name: "imap_search",
  fills: ["middle"],
  async run(context) {
    const { server, scale } = context;
    const job = {
      kind: "commands",
      port: server.imapPort,
      login: loginOf(server, fillOf("middle", scale).user),
      setup: ["SELECT INBOX"],
      phases: Object.fromEntries(
        Object.entries(keys).map(([name, key]) => [name, { commands: [`SEARCH ${key}`], operations: 1 }]),
      ),
    } as const;
    return withLoad(job, async (load) => {
      const figures: Figure[] = [];
      for (const name of Object.keys(keys)) {
        figures.push(latency(name, "SEARCH", await warmAndMeasure(context, load, name, "short")));
      }
      return figures;
    });
  },
};

export const searchWork: readonly Work[] = [search];
