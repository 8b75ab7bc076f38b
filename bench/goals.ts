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
    figures: ["imap_select_million", "imap_select_million_first"],
    of: "value",
    peers: [],
    factor: 30,
    bound: "most",
    text: "SELECT of 1,000,000: under 30 ms",
  },
  {
    figures: ["idle_memory_each", "idle_memory_same"],
    of: "value",
    peers: [],
    factor: 12,
    bound: "most",
    text: "an idle connection: at most 12 KiB",
  },
  {
    figures: ["idle_notify_same", "idle_notify_each"],
    of: "value",
    peers: [],
    factor: 30,
    bound: "most",
    text: "2,000 idlers told within 30 ms (the last of one mailbox; the p99 of 2,000 mailboxes)",
  },
  {
    figures: [
      "beside_fetch",
      "beside_fetch_flags",
      "beside_fetch_envelope",
      "beside_search_body",
      "beside_store",
      "beside_copy",
      "beside_cold_fetch",
    ],
    of: "value",
    peers: [],
    factor: 50,
    bound: "most",
    text: "NOOP p99 of others: under 50 ms whatever one session does",
  },
];

/** A peer's figure, and how ours compares: above 1 ours is better. */
export interface Comparison {
  readonly server: ServerName;
  readonly value: number;
  readonly timesBetter: number | undefined;
}

export interface Verdict {
  readonly text: string;
  readonly figure: string;
  readonly of: "cpu" | "value";
  /** Pasargad's median; undefined when it was not measured. */
  readonly ours: number | undefined;
  /** The number to reach; undefined when a peer's figure is missing. */
  readonly target: number | undefined;
  readonly reached: boolean | undefined;
  /** What ours would have to be divided (or multiplied) by to reach the target: above 1 it is not reached. */
  readonly short: number | undefined;
  /** The best of all peers in this figure, whatever the goal speaks of. */
  readonly best: Comparison | undefined;
  readonly cyrus: Comparison | undefined;
}

/** One verdict for each figure of each goal. */
export function judge(results: Results): Verdict[] {
  return goals.flatMap((goal) => goal.figures.map((figure) => judgeOne(results, goal, figure)));
}

function judgeOne(results: Results, goal: Goal, figure: string): Verdict {
  const { of, bound, factor, text } = goal;
  const medianOf = (server: ServerName): number | undefined =>
    summarize(results.measured, server, figure, (each) => each[of])?.median;
  const ours = medianOf("pasargad");
  const compare = (server: ServerName): Comparison | undefined => {
    const value = medianOf(server);
    if (value === undefined) return undefined;
    const timesBetter = ours === undefined ? undefined : bound === "most" ? value / ours : ours / value;
    return { server, value, timesBetter };
  };
  const compared = peers.map(compare).filter((each) => each !== undefined);
  const better = (a: number, b: number): number => (bound === "most" ? a - b : b - a);
  const [best] = compared.toSorted((a, b) => better(a.value, b.value));
  const [mark] = goal.peers
    .map(medianOf)
    .filter((value) => value !== undefined)
    .toSorted(better);
  const target = goal.peers.length === 0 ? factor : mark === undefined ? undefined : mark * factor;
  const short =
    ours === undefined || target === undefined ? undefined : bound === "most" ? ours / target : target / ours;
  const reached = short === undefined ? undefined : short <= 1;
  return { text, figure, of, ours, target, reached, short, best, cyrus: compare("cyrus") };
}
