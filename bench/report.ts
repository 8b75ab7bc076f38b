/** The results as text: Markdown tables, a row a figure. */
import { type Comparison, judge, type Verdict } from "./goals.ts";
import { figureNames, type Measured, type Results, type Summary, summarize } from "./results.ts";
import { type ServerName, serverNames } from "./servers/server.ts";
import type { Figure } from "./work/work.ts";

/** Three significant digits, thousands grouped. */
export function number(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return String(Number(value.toFixed(Math.min(decimals, 6))));
}

function spread(summary: Summary | undefined): string {
  if (!summary) return "-";
  if (summary.rounds === 1) return number(summary.median);
  return `${number(summary.median)} (${number(summary.least)}–${number(summary.most)})`;
}

/** A Markdown table with its columns lined up. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (i === 0 ? (cells[i] ?? "").padEnd(width) : (cells[i] ?? "").padStart(width))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Speed of ours over theirs, or theirs over ours where less is better: above 1 ours is better. */
function ratio(better: Figure["better"], ours: number | undefined, theirs: number | undefined): number | undefined {
  if (ours === undefined || theirs === undefined || ours === 0 || theirs === 0) return undefined;
  return better === "higher" ? ours / theirs : theirs / ours;
}

export function report(results: Results, options: { readonly goals: boolean }): string {
  const { measured } = results;
  const names = figureNames(measured);
  const present = serverNames.filter((name) => results.servers.some((server) => server.name === name));
  const sample = (name: string): Figure | undefined => measured.find(({ figure }) => figure.name === name)?.figure;
  const value = (server: ServerName, name: string): Summary | undefined =>
    summarize(measured, server, name, (figure) => figure.value);
  const cpu = (server: ServerName, name: string): Summary | undefined =>
    summarize(measured, server, name, (figure) => figure.cpu);

  const parts: string[] = [];
  const machine = Object.entries(results.machine).map(([key, fact]) => `${key}: ${fact}`);
  parts.push(
    `# Benchmark\n\n${machine.join("; ")}; scale ${results.options.scale}, ${results.options.rounds} round(s).`,
  );
  parts.push(
    results.servers
      .map(
        ({ name, version, configuration, account }) => `- **${name}** ${version}: ${configuration} (CPU: ${account})`,
      )
      .join("\n"),
  );
  parts.push(
    `## Wall clock: median (range)\n\n${table(
      ["figure", "unit", ...present],
      names.map((name) => [name, sample(name)?.unit ?? "", ...present.map((server) => spread(value(server, name)))]),
    )}`,
  );
  const withCpu = names.filter((name) => present.some((server) => cpu(server, name)));
  parts.push(
    `## Server CPU, microseconds per operation: median (range)\n\n${table(
      ["figure", "operation", ...present],
      withCpu.map((name) => [name, sample(name)?.per ?? "", ...present.map((server) => spread(cpu(server, name)))]),
    )}`,
  );
  if (present.includes("pasargad") && present.length > 1) parts.push(ratios(names, sample, value, cpu, present));
  if (results.syncs.length > 0) parts.push(syncTable(results.syncs, present));
  parts.push(
    `## Memory and disk\n\n${table(
      ["server", "PSS after start, KiB", "PSS at the end, KiB", "disk per message, octets"],
      results.servers.map((server) => [
        server.name,
        number(server.restingPssKib),
        number(server.endPssKib),
        number(server.diskPerMessage),
      ]),
    )}`,
  );
  const held = latencyTable(names, present, measured);
  if (held !== undefined) parts.push(held);
  const cold = coldTable(measured);
  if (cold !== undefined) parts.push(cold);
  const doubts = [...differences(measured), ...unsteady(measured), ...failures(results)];
  if (doubts.length > 0) parts.push(`## To look at\n\n${doubts.map((doubt) => `- ${doubt}`).join("\n")}`);
  if (options.goals) parts.push(goalTable(results));
  return `${parts.join("\n\n")}\n`;
}

/** Median, p99 and longest, where the value is one of them. */
function latencyTable(
  names: readonly string[],
  present: readonly ServerName[],
  measured: readonly Measured[],
): string | undefined {
  const chosen = names.filter(
    (name) => name.startsWith("beside_") || name === "idle_notify_same" || name === "idle_notify_each",
  );
  if (chosen.length === 0) return undefined;
  const rows = chosen.map((name) => {
    const cells = present.map((server) => {
      const of = (pick: (figure: Figure) => number | undefined): string =>
        number(summarize(measured, server, name, pick)?.median);
      return `${of((figure) => figure.p50Ms)} / ${of((figure) => figure.p99Ms)} / ${of((figure) => figure.maxMs)}`;
    });
    return [name, ...cells];
  });
  return `## Latency, ms: median / p99 / longest (medians of rounds)\n\n${table(["figure", ...present], rows)}`;
}

/** How cold the cold mailbox was. */
function coldTable(measured: readonly Measured[]): string | undefined {
  const found = measured.filter(({ figure }) => figure.extra?.["coldFiles"] !== undefined);
  if (found.length === 0) return undefined;
  const rows = found.map(({ server, round, figure: { extra = {} } }) => [
    server,
    String(round),
    number(extra["coldFiles"]),
    number(extra["coldMegabytes"]),
    number(100 * (extra["stillCachedShare"] ?? Number.NaN)),
    number(100 * (extra["indexStillCachedShare"] ?? Number.NaN)),
    number(extra["heavyMs"]),
  ]);
  const head = [
    "server",
    "round",
    "files dropped",
    "MB",
    "still cached, %",
    "database still cached, %",
    "SELECT and FETCH of all, ms",
  ];
  return `## The cold mailbox\n\n${table(head, rows)}`;
}

/** Against the best of several: the one that leaves us the smallest lead. */
function smallest(leads: readonly (number | undefined)[]): number | undefined {
  const known = leads.filter((each) => each !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

function ratios(
  names: readonly string[],
  sample: (name: string) => Figure | undefined,
  value: (server: ServerName, name: string) => Summary | undefined,
  cpu: (server: ServerName, name: string) => Summary | undefined,
  present: readonly ServerName[],
): string {
  // The durable one is no configuration that people run; it is there to compare syncs with like.
  const dovecots = present.filter((name) => name === "dovecot" || name === "dovecot-tuned");
  const rows = names.map((name) => {
    const better = sample(name)?.better ?? "higher";
    const speed = (server: ServerName): number | undefined =>
      ratio(better, value("pasargad", name)?.median, value(server, name)?.median);
    const work = (server: ServerName): number | undefined =>
      ratio("lower", cpu("pasargad", name)?.median, cpu(server, name)?.median);
    return [
      name,
      number(speed("cyrus")),
      number(work("cyrus")),
      number(smallest(dovecots.map(speed))),
      number(smallest(dovecots.map(work))),
    ];
  });
  return `## Pasargad against the others: times better (below 1: worse)\n\n${table(
    ["figure", "Cyrus, speed ×", "Cyrus, CPU ×", "best Dovecot, speed ×", "best Dovecot, CPU ×"],
    rows,
  )}`;
}

function syncTable(syncs: readonly Measured[], present: readonly ServerName[]): string {
  const rows = figureNames(syncs).map((name) => {
    const cells = present.map((server) => {
      const found = syncs.find((each) => each.server === server && each.figure.name === name)?.figure;
      const calls = Object.entries(found?.syncCalls ?? {}).filter(([, count]) => count > 0);
      const kinds = calls.map(([call]) => call).join(" ");
      return found ? `${number(found.syncs)}${kinds ? ` (${kinds})` : ""}` : "-";
    });
    return [name, syncs.find(({ figure }) => figure.name === name)?.figure.per ?? "", ...cells];
  });
  return `## Syncs per operation (counted under strace, in a run of their own)\n\n${table(
    ["figure", "operation", ...present],
    rows,
  )}`;
}

/** Figures for which two servers gave another number of replies: they did not do the same work. */
function differences(measured: readonly Measured[]): string[] {
  const found: string[] = [];
  for (const name of figureNames(measured)) {
    const seen = new Map<string, ServerName[]>();
    for (const { server, figure } of measured) {
      if (figure.name !== name || !figure.replies) continue;
      // Servers are free to say more; the data of the command itself must agree.
      const { FETCH = 0, LIST = 0, STATUS = 0, SEARCH = 0, EXPUNGE = 0 } = figure.replies;
      const key = `FETCH ${FETCH}, LIST ${LIST}, STATUS ${STATUS}, SEARCH ${SEARCH}, EXPUNGE ${EXPUNGE}`;
      const servers = seen.get(key) ?? [];
      if (!servers.includes(server)) seen.set(key, [...servers, server]);
    }
    if (seen.size <= 1) continue;
    found.push(
      `${name}: replies differ: ${[...seen].map(([key, servers]) => `${servers.join(", ")}: ${key}`).join("; ")}`,
    );
  }
  return found;
}

/** Measurements whose second half cost this much more or less than the first were not in a steady state. */
const steadyWithin = 1.2;

function unsteady(measured: readonly Measured[]): string[] {
  return measured.flatMap(({ server, round, figure }) => {
    const { cpuDrift: drift } = figure;
    if (drift === undefined || (drift < steadyWithin && drift > 1 / steadyWithin)) return [];
    return [
      `${server}, ${figure.name}, round ${round}: not steady, CPU of the second half ${number(drift)} of the first`,
    ];
  });
}

function failures(results: Results): string[] {
  const refused = results.measured
    .filter(({ figure }) => (figure.failures ?? 0) > 0)
    .map(
      ({ server, figure }) => `${server}, ${figure.name}: ${figure.failures} failures, first: ${figure.firstFailure}`,
    );
  return [
    ...refused,
    ...results.failed.map(({ server, work, reason }) => `${server}, ${work}: ${reason.split("\n", 1)[0]}`),
  ];
}

function goalTable(results: Results): string {
  const verdicts = judge(results);
  const compared = (of: Comparison | undefined, named: boolean): string => {
    if (!of) return "-";
    const lead = of.timesBetter === undefined ? "" : ` (${number(of.timesBetter)}×)`;
    return `${named ? `${of.server} ` : ""}${number(of.value)}${lead}`;
  };
  const rows = verdicts.map((each) => [
    each.text,
    each.figure,
    number(each.ours),
    number(each.target),
    verdictOf(each),
    compared(each.best, true),
    compared(each.cyrus, false),
  ]);
  const reached = verdicts.filter((each) => each.reached).length;
  const judged = verdicts.filter((each) => each.reached !== undefined).length;
  const head = [
    "goal",
    "figure",
    "Pasargad",
    "target",
    "verdict",
    "best peer (ours is × better)",
    "Cyrus (ours is × better)",
  ];
  return `## Goals: ${reached} of ${verdicts.length} reached, ${verdicts.length - judged} not measured\n\n${table(head, rows)}`;
}

function verdictOf({ reached, short }: Verdict): string {
  if (reached === undefined || short === undefined) return "not measured";
  return reached ? `reached, ${number(1 / short)}× to spare` : `NOT reached by ${number(short)}×`;
}
