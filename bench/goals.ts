/** What Pasargad is to reach, beside what it did reach. */
import { type Results, summarize } from "./results.ts";
import type { ServerName } from "./servers/server.ts";

interface Goal {
  readonly figures: readonly string[];
  readonly of: "cpu" | "value";
  /** Against other servers: `factor` times the best of them. Against none: the number itself. */
  readonly peers: readonly ServerName[];
  readonly factor: number;
  readonly bound: "most" | "least";
  readonly text: string;
}

const dovecots = ["dovecot", "dovecot-tuned"] as const;
const peers = ["cyrus", ...dovecots] as const;

export const goals: readonly Goal[] = [
  {
    figures: [
      "lmtp_deliver_c1",
      "lmtp_deliver_c8",
      "lmtp_deliver_c32",
      "lmtp_multi_rcpt20",
      "imap_append_c1",
      "imap_append_c8",
    ],
    of: "cpu",
    peers: ["cyrus"],
    factor: 0.25,
    bound: "most",
    text: "delivery and APPEND: at most a quarter of Cyrus's CPU",
  },
  {
    figures: ["lmtp_deliver_c32"],
    of: "value",
    peers: ["cyrus"],
    factor: 8,
    bound: "least",
    text: "delivery at 32 connections: at least 8 times Cyrus's rate",
  },
  {
    figures: ["imap_fetch_flags", "imap_fetch_envelope", "imap_fetch_body"],
    of: "cpu",
    peers,
    factor: 0.5,
    bound: "most",
    text: "flags, envelopes, bodies: at most half of the best peer's CPU",
  },
  {
    figures: ["imap_fetch_header_fields"],
    of: "cpu",
    peers,
    factor: 1,
    bound: "most",
    text: "header fields: at most the best peer's CPU",
  },
  {
    figures: ["imap_store_range"],
    of: "cpu",
    peers,
    factor: 0.5,
    bound: "most",
    text: "STORE on ranges: at most half of the best peer's CPU",
  },
  {
    figures: ["imap_store_one"],
    of: "cpu",
    peers: ["cyrus"],
    factor: 0.5,
    bound: "most",
    text: "a lone STORE: at most half of Cyrus's CPU",
  },
  {
    figures: ["imap_login_c1", "imap_login_c8"],
    of: "cpu",
    peers: ["dovecot-tuned"],
    factor: 0.5,
    bound: "most",
    text: "login cycle: at most half of tuned Dovecot's CPU",
  },
  { figures: ["imap_select"], of: "value", peers: [], factor: 5, bound: "most", text: "SELECT of 50,000: under 5 ms" },
  {
    figures: ["imap_select_million"],
    of: "value",
    peers: [],
    factor: 30,
    bound: "most",
    text: "SELECT of 1,000,000: under 30 ms",
  },
  {
    figures: ["idle_pss_2000"],
    of: "value",
    peers: [],
    factor: 12,
    bound: "most",
    text: "an idle connection: at most 12 KiB",
  },
  {
    figures: ["idle_notify_2000"],
    of: "value",
    peers: [],
    factor: 30,
    bound: "most",
    text: "2,000 idlers told within 30 ms",
  },
  {
    figures: ["beside_cold_fetch", "beside_fetch", "beside_fetch_flags", "beside_search_body", "beside_store"],
    of: "value",
    peers: [],
    factor: 50,
    bound: "most",
    text: "NOOP p99 of others: under 50 ms whatever one session does",
  },
];

export interface Verdict {
  readonly text: string;
  readonly figure: string;
  /** Pasargad's median; undefined when it was not measured. */
  readonly ours: number | undefined;
  /** The number to reach; undefined when a peer's figure is missing. */
  readonly target: number | undefined;
  readonly reached: boolean | undefined;
}

/** One verdict for each figure of each goal. */
export function judge(results: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const goal of goals) {
    for (const figure of goal.figures) {
      const of = (server: ServerName): number | undefined =>
        summarize(results.measured, server, figure, (each) => each[goal.of])?.median;
      const ours = of("pasargad");
      const theirs = goal.peers.map(of).filter((value) => value !== undefined);
      const best = goal.bound === "most" ? Math.min(...theirs) : Math.max(...theirs);
      const target = goal.peers.length === 0 ? goal.factor : theirs.length === 0 ? undefined : best * goal.factor;
      const comparable = ours !== undefined && target !== undefined;
      const reached = comparable ? (goal.bound === "most" ? ours <= target : ours >= target) : undefined;
      verdicts.push({ text: goal.text, figure, ours, target, reached });
    }
  }
  return verdicts;
}
